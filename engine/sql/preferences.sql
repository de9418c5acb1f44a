-- name: read
-- A person's consents in force, for each channel they have an address on (or that the link came by) and each purpose that
-- somebody may write to them for; with `everywhere` also for all channels at once, including future ones. A consent for all
-- channels counts on a channel that has no newer one of its own. For a person with several profiles those of all count,
-- because the link may be of one that was merged since.
WITH person AS (
    SELECT coalesce(root.locale, p.locale, t.locale) AS locale,
           ARRAY(SELECT root.profile_id UNION ALL
                 SELECT m.profile_id FROM cdp_profiles m WHERE m.tenant_id = p.tenant_id AND m.merged_into = root.profile_id) AS ids
    FROM cdp_profiles p JOIN tenant t USING (tenant_id)
    JOIN cdp_profiles root ON root.tenant_id = p.tenant_id AND root.profile_id = coalesce(p.merged_into, p.profile_id)
    WHERE p.tenant_id = leo_tenant() AND p.profile_id = %(profile_id)s
), channels AS (
    SELECT DISTINCT a.channel FROM person JOIN profile_address a ON a.profile_id = ANY (person.ids)
    WHERE a.tenant_id = leo_tenant() AND a.valid
    UNION SELECT %(channel)s
    UNION SELECT NULL WHERE %(everywhere)s
), purposes AS (
    SELECT 'marketing' AS purpose
    UNION SELECT c.purpose FROM campaign c WHERE c.tenant_id = leo_tenant()
    UNION SELECT c.purpose FROM person JOIN consent c ON c.profile_id = ANY (person.ids) WHERE c.tenant_id = leo_tenant()
)
SELECT person.locale, channels.channel, purposes.purpose,
       (SELECT c.granted FROM consent c
        WHERE c.tenant_id = leo_tenant() AND c.profile_id = ANY (person.ids) AND c.purpose = purposes.purpose
          AND (c.channel = channels.channel OR c.channel IS NULL)
        ORDER BY c.at DESC, c.granted LIMIT 1) AS granted
FROM person CROSS JOIN channels CROSS JOIN purposes
ORDER BY channels.channel, purposes.purpose <> 'marketing', purposes.purpose LIMIT %(most)s

-- name: choose
-- Stores what a person chose, and has every segment look at them again.
WITH chosen AS (
    INSERT INTO consent (tenant_id, profile_id, channel, purpose, granted, source, at)
    SELECT leo_tenant(), %(profile_id)s, one.channel, one.purpose, one.granted, 'preferences', %(at)s
    FROM unnest(%(channels)s::text[], %(purposes)s::text[], %(granted)s::boolean[]) AS one (channel, purpose, granted)
    ON CONFLICT ON CONSTRAINT consent_unique DO UPDATE SET granted = excluded.granted
    RETURNING profile_id
)
INSERT INTO recheck (tenant_id, profile_id, event_types)
SELECT DISTINCT leo_tenant(), coalesce(p.merged_into, p.profile_id), ARRAY[]::text[]
FROM chosen JOIN cdp_profiles p ON p.tenant_id = leo_tenant() AND p.profile_id = chosen.profile_id
WHERE EXISTS (SELECT FROM segment WHERE tenant_id = leo_tenant() AND archived_at IS NULL)
ON CONFLICT ON CONSTRAINT recheck_pkey DO UPDATE SET event_types = '{}', due_at = least(recheck.due_at, excluded.due_at)
