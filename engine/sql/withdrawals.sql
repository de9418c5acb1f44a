-- name: withdraw
-- A link works every time: a person who has agreed again since and presses it once more has withdrawn again. Every segment
-- then looks at them again, although the message's one outcome of it is already known.
WITH told AS (
    SELECT p.profile_id, coalesce(p.merged_into, p.profile_id) AS person_id, d.event_id, coalesce(c.purpose, 'marketing') AS purpose
    FROM cdp_profiles p
    LEFT JOIN all_delivery d ON d.tenant_id = p.tenant_id AND d.profile_id = p.profile_id AND d.delivery_id = %(delivery_id)s
    LEFT JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
    WHERE p.tenant_id = %(tenant_id)s AND p.profile_id = %(profile_id)s
), withdrawn AS (
    INSERT INTO consent (tenant_id, profile_id, channel, purpose, granted, source, at)
    SELECT %(tenant_id)s, profile_id, %(channel)s, purpose, false, 'link', %(at)s FROM told
    ON CONFLICT ON CONSTRAINT consent_unique DO NOTHING
), rechecks AS (
    INSERT INTO recheck (tenant_id, profile_id, event_types)
    SELECT %(tenant_id)s, person_id, '{}' FROM told
    WHERE EXISTS (SELECT FROM segment WHERE tenant_id = %(tenant_id)s AND archived_at IS NULL)
    ON CONFLICT ON CONSTRAINT recheck_pkey DO UPDATE SET event_types = '{}', due_at = least(recheck.due_at, excluded.due_at)
)
SELECT encode(event_id, 'hex') AS event_hex FROM told
