-- Giving out what is archived, and holding files of it to the ledger (engine/archive/).

-- name: in_utc
SET LOCAL timezone = 'UTC'

-- name: decisions
-- Archived decisions of a period, after a given one, each as a line; `leaf` is as in the ledger.
WITH part AS MATERIALIZED (
    SELECT * FROM archive_decision
    WHERE tenant_id = leo_tenant() AND decision_id > %(after_id)s AND decided_at < %(until)s
      AND decided_at >= coalesce(%(since)s::timestamptz, '-infinity')
    ORDER BY decision_id LIMIT %(most)s
)
SELECT d.decision_id AS record_id, e.record_id IS NOT NULL AS is_erased,
       (SELECT row_to_json(one)::text FROM (
           SELECT d.tenant_id, d.decision_id, d.run_id, d.campaign_id, k.key AS campaign, d.profile_id, p.ext_id AS person,
                  d.trigger_key, d.snapshot_id, d.event_id, d.task_id, d.template_id, t.key AS template, d.action, d.channel,
                  d.reason, d.candidates, d.inputs, d.inputs_hash, d.policy_id, d.policy_version, d.arbiter, d.arbitration,
                  d.model_hash, d.latency_us, d.wait_until, d.decided_at, d.created_at, d.archived_at,
                  e.record_id IS NOT NULL AS erased,
                  encode(coalesce(e.leaf, sha256('\x00'::bytea || convert_to(c.content, 'UTF8'))), 'hex') AS leaf,
                  c.content AS sealed) one) AS line
FROM part d
JOIN leo_ledger_content((SELECT min(decision_id) - 1 FROM part), (SELECT max(decision_id) FROM part)) c ON c.record_id = d.decision_id
LEFT JOIN campaign k ON k.tenant_id = d.tenant_id AND k.campaign_id = d.campaign_id
LEFT JOIN cdp_profiles p ON p.tenant_id = d.tenant_id AND p.profile_id = d.profile_id
LEFT JOIN message_template t ON t.tenant_id = d.tenant_id AND t.template_id = d.template_id
LEFT JOIN erased_record e ON e.tenant_id = d.tenant_id AND e.record_id = d.decision_id
ORDER BY d.decision_id

-- name: deliveries
-- The archived deliveries of some decisions, each as a line.
WITH part AS MATERIALIZED (
    SELECT * FROM archive_delivery WHERE tenant_id = leo_tenant() AND decision_id = ANY (%(decision_ids)s)
)
SELECT l.delivery_id AS record_id, e.record_id IS NOT NULL AS is_erased,
       (SELECT row_to_json(one)::text FROM (
           SELECT l.tenant_id, l.delivery_id, l.decision_id, l.campaign_id, l.run_id, l.profile_id, l.event_id, l.channel,
                  l.channel_id, l.through_id, l.template_id, l.address, l.lane, l.status, l.attempts, l.due_at, l.expires_at,
                  l.provider_id, l.code, l.class, l.response, l.settled, l.queued_at, l.sent_at, l.updated_at, l.tries,
                  l.archived_at, e.record_id IS NOT NULL AS erased,
                  encode(coalesce(e.leaf, sha256('\x00'::bytea || convert_to(c.content, 'UTF8'))), 'hex') AS leaf,
                  c.content AS sealed) one) AS line
FROM part l
JOIN leo_ledger_content((SELECT min(delivery_id) - 1 FROM part), (SELECT max(delivery_id) FROM part)) c ON c.record_id = l.delivery_id
LEFT JOIN erased_record e ON e.tenant_id = l.tenant_id AND e.record_id = l.delivery_id
ORDER BY l.delivery_id

-- name: before
-- The batch that the first record's batch follows.
SELECT batch_no, head FROM ledger_batch WHERE tenant_id = leo_tenant() AND last_id < %(first_id)s ORDER BY last_id DESC LIMIT 1

-- name: batches
-- The ledger's next batches, with records and leaves up to a record; later batches only with their roots.
SELECT batch_no, after_id, last_id, cardinality(record_ids) AS count, root, head, sealed_at,
       CASE WHEN after_id < %(with_leaves_up_to)s THEN record_ids END AS record_ids,
       CASE WHEN after_id < %(with_leaves_up_to)s THEN leaves END AS leaves
FROM ledger_batch WHERE tenant_id = leo_tenant() AND batch_no > %(after_no)s ORDER BY batch_no LIMIT %(most)s

-- name: head
SELECT head FROM ledger_batch WHERE tenant_id = leo_tenant() AND batch_no = %(batch_no)s

-- name: erased
-- Those of these people who were erased.
SELECT profile_id FROM cdp_profiles
WHERE tenant_id = leo_tenant() AND profile_id = ANY (%(profile_ids)s) AND source = 'erased' AND ext_id = 'erased:' || profile_id
