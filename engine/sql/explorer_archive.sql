-- What the explorer shows of the archive: what surrounded a node, as the graph had it.

-- name: has_archive
-- Whether the tenant has anything in the archive.
SELECT EXISTS (SELECT FROM archive_decision WHERE tenant_id = (SELECT leo_tenant())) AS has_archive

-- name: around
-- Archived decisions and deliveries around a record of %(label)s, and what surrounds one of them, the newest first. One row
-- per edge: its kind and its own record, the labels and records of its ends, and which end is new, with its properties. At
-- most %(most)s of each label; a branch that is not asked for costs nothing.
WITH decided AS (
    SELECT * FROM (
        (SELECT * FROM archive_decision
         WHERE tenant_id = (SELECT leo_tenant()) AND %(label)s = 'Profile' AND profile_id = %(id)s
         ORDER BY decided_at DESC LIMIT %(most)s)
        UNION ALL
        (SELECT * FROM archive_decision
         WHERE tenant_id = (SELECT leo_tenant()) AND %(label)s = 'Campaign' AND campaign_id = %(id)s
         ORDER BY decided_at DESC LIMIT %(most)s)
        UNION ALL
        (SELECT * FROM archive_decision
         WHERE tenant_id = (SELECT leo_tenant()) AND %(label)s = 'Run' AND run_id = %(id)s LIMIT %(most)s)
        UNION ALL
        (SELECT * FROM archive_decision
         WHERE tenant_id = (SELECT leo_tenant()) AND %(label)s = 'Event' AND event_id = %(id)s LIMIT %(most)s)
        UNION ALL
        (SELECT * FROM archive_decision WHERE tenant_id = (SELECT leo_tenant()) AND %(label)s = 'Decision' AND decision_id = %(id)s)
        UNION ALL
        (SELECT d.* FROM archive_delivery l JOIN archive_decision d USING (tenant_id, decision_id)
         WHERE l.tenant_id = (SELECT leo_tenant()) AND %(label)s = 'Delivery' AND l.delivery_id = %(id)s)
    ) AS one
), delivered AS (
    SELECT * FROM (
        (SELECT * FROM archive_delivery WHERE tenant_id = (SELECT leo_tenant()) AND %(label)s = 'Delivery' AND delivery_id = %(id)s)
        UNION ALL
        (SELECT * FROM archive_delivery WHERE tenant_id = (SELECT leo_tenant()) AND %(label)s = 'Decision' AND decision_id = %(id)s)
        UNION ALL
        (SELECT l.* FROM outcome o JOIN archive_delivery l USING (tenant_id, delivery_id)
         WHERE o.tenant_id = (SELECT leo_tenant()) AND %(label)s = 'Outcome' AND o.outcome_id = %(id)s AND o.delivery_archived)
    ) AS one
), old AS (
    SELECT d.*, jsonb_build_object('decision_id', d.decision_id, 'action', d.action, 'reason', d.reason, 'channel', d.channel,
               'arbiter', d.arbiter, 'decided_at', leo_iso(d.decided_at), 'archived_at', leo_iso(d.archived_at)) AS properties
    FROM decided d
), old_message AS (
    SELECT l.*, jsonb_build_object('delivery_id', l.delivery_id, 'channel', l.channel, 'queued_at', leo_iso(l.queued_at),
               'archived_at', leo_iso(l.archived_at)) AS properties
    FROM delivered l
), edges (kind, edge, start_label, start_record, end_label, end_record, is_start, properties, at) AS (
    SELECT 'DECIDED_FOR', decision_id, 'Decision', decision_id, 'Profile', profile_id, true, properties, decided_at
    FROM old WHERE %(label)s = 'Profile'
    UNION ALL
    SELECT 'UNDER', decision_id, 'Decision', decision_id, 'Campaign', campaign_id, true, properties, decided_at
    FROM old WHERE %(label)s = 'Campaign'
    UNION ALL
    SELECT 'IN_RUN', decision_id, 'Decision', decision_id, 'Run', run_id, true, properties, decided_at
    FROM old WHERE %(label)s = 'Run'
    UNION ALL
    SELECT 'TRIGGERED', decision_id, 'Event', event_id, 'Decision', decision_id, false, properties, decided_at
    FROM old WHERE %(label)s = 'Event'
    UNION ALL
    SELECT 'DECIDED_FOR', d.decision_id, 'Decision', d.decision_id, 'Profile', p.profile_id, false,
           jsonb_build_object('profile_id', p.profile_id, 'ext_id', p.ext_id, 'status', p.status), d.decided_at
    FROM old d JOIN cdp_profiles p USING (tenant_id, profile_id) WHERE %(label)s = 'Decision'
    UNION ALL
    SELECT 'UNDER', d.decision_id, 'Decision', d.decision_id, 'Campaign', c.campaign_id, false,
           jsonb_build_object('campaign_id', c.campaign_id, 'key', c.key, 'name', c.name, 'purpose', c.purpose), d.decided_at
    FROM old d JOIN campaign c USING (tenant_id, campaign_id) WHERE %(label)s = 'Decision'
    UNION ALL
    SELECT 'IN_RUN', d.decision_id, 'Decision', d.decision_id, 'Run', r.run_id, false,
           jsonb_build_object('run_id', r.run_id, 'kind', r.kind, 'lane', r.lane, 'created_at', leo_iso(r.created_at)), d.decided_at
    FROM old d JOIN campaign_run r USING (tenant_id, run_id) WHERE %(label)s = 'Decision'
    UNION ALL
    SELECT 'TRIGGERED', d.decision_id, 'Event', e.event_id, 'Decision', d.decision_id, true,
           jsonb_build_object('event_id', e.event_id, 'type', e.type, 'occurred_at', leo_iso(e.occurred_at)), d.decided_at
    FROM old d JOIN marketing_event e USING (tenant_id, event_id) WHERE %(label)s = 'Decision'
    UNION ALL
    SELECT 'USED', d.decision_id, 'Decision', d.decision_id, 'Template', m.template_id, false,
           jsonb_build_object('template_id', m.template_id, 'key', m.key, 'channel', m.channel, 'version', m.version), d.decided_at
    FROM old d JOIN message_template m USING (tenant_id, template_id) WHERE %(label)s = 'Decision'
    UNION ALL
    SELECT 'DISPATCHED_AS', l.delivery_id, 'Decision', l.decision_id, 'Delivery', l.delivery_id, false, l.properties, l.queued_at
    FROM old_message l WHERE %(label)s = 'Decision'
    UNION ALL
    SELECT 'DISPATCHED_AS', l.delivery_id, 'Decision', d.decision_id, 'Delivery', l.delivery_id, true, d.properties, d.decided_at
    FROM old d JOIN old_message l USING (tenant_id, decision_id) WHERE %(label)s = 'Delivery'
    UNION ALL
    SELECT 'VIA', l.delivery_id, 'Delivery', l.delivery_id, 'Channel', c.channel_id, false,
           jsonb_build_object('channel_id', c.channel_id, 'kind', c.kind, 'name', c.name), l.queued_at
    FROM old_message l JOIN channel c USING (tenant_id, channel_id) WHERE %(label)s = 'Delivery'
    UNION ALL
    SELECT 'RESULTED_IN', o.outcome_id, 'Delivery', l.delivery_id, 'Outcome', o.outcome_id, false,
           jsonb_build_object('outcome_id', o.outcome_id, 'type', o.type, 'occurred_at', leo_iso(o.occurred_at)), l.queued_at
    FROM old_message l JOIN outcome o USING (tenant_id, delivery_id) WHERE %(label)s = 'Delivery'
    UNION ALL
    SELECT 'RESULTED_IN', o.outcome_id, 'Delivery', l.delivery_id, 'Outcome', o.outcome_id, true, l.properties, l.queued_at
    FROM old_message l JOIN outcome o USING (tenant_id, delivery_id) WHERE %(label)s = 'Outcome' AND o.outcome_id = %(id)s
)
SELECT kind, edge, start_label, start_record, end_label, end_record, is_start, properties FROM edges
WHERE %(kinds)s::text[] = '{}' OR kind = ANY (%(kinds)s)
ORDER BY at DESC, edge DESC, kind LIMIT %(most)s
