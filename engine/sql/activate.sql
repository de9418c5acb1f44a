-- The tenant is left to row security (see decide.sql).

-- name: profile
-- A merged profile stands for the one it was merged into.
SELECT coalesce(merged_into, profile_id) AS profile_id FROM cdp_profiles
WHERE profile_id = %(profile_id)s OR ext_id = %(ext_id)s
LIMIT 1

-- name: begin
-- A run of one person, requested now; no row if the campaign does not exist or is not active.
WITH run AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, status, lane)
    SELECT tenant_id, campaign_id, 'request', 'running', 'realtime'
    FROM campaign WHERE tenant_id = leo_tenant() AND campaign_id = %(campaign_id)s AND status = 'active'
    RETURNING run_id
)
INSERT INTO run_batch (tenant_id, run_id, lane, profile_ids)
SELECT leo_tenant(), run.run_id, 'realtime', ARRAY[%(profile_id)s::bigint] FROM run
RETURNING run_id, batch_id

-- name: begun
-- A run of one person that was begun before; a run's first batch is its oldest.
SELECT batch_id, profile_ids[1] AS profile_id FROM run_batch WHERE run_id = %(run_id)s ORDER BY batch_id LIMIT 1

-- name: campaign
SELECT status FROM campaign WHERE tenant_id = leo_tenant() AND campaign_id = %(campaign_id)s

-- name: result
SELECT d.decision_id, d.run_id, d.action, d.reason, d.channel, d.wait_until, m.key AS template, m.version AS template_version,
       l.delivery_id, l.status, l.attempts, l.provider_id, l.code, l.class, l.due_at
FROM decision d
LEFT JOIN message_template m ON m.tenant_id = d.tenant_id AND m.template_id = d.template_id
LEFT JOIN delivery_log l ON l.tenant_id = d.tenant_id AND l.decision_id = d.decision_id
WHERE d.run_id = %(run_id)s
LIMIT 1
