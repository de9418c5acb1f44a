-- The audit ledger: batches of decisions, deliveries and outcomes, each under one Merkle root that holds the one before.

-- name: horizon
-- Moves the horizon on if that is safe, and says up to which id every record is final. An id is drawn before its record is
-- committed, so first a mark is set at the newest id, then a barrier at the newest transaction, and then it waits until no
-- transaction older than the barrier is running. `grace_s` separates mark and barrier: a record that has just drawn its id
-- may not have its transaction's number yet.
INSERT INTO ledger_horizon AS h (tenant_id, noted_id, noted_at)
SELECT leo_tenant(), s.last_value, clock_timestamp() FROM leo_id s
ON CONFLICT ON CONSTRAINT ledger_horizon_pkey DO UPDATE SET
    settled_id = CASE WHEN pg_snapshot_xmin(pg_current_snapshot()) >= h.barrier THEN h.noted_id ELSE h.settled_id END,
    noted_id = CASE WHEN pg_snapshot_xmin(pg_current_snapshot()) >= h.barrier THEN EXCLUDED.noted_id ELSE h.noted_id END,
    noted_at = CASE WHEN pg_snapshot_xmin(pg_current_snapshot()) >= h.barrier THEN EXCLUDED.noted_at ELSE h.noted_at END,
    barrier = CASE WHEN pg_snapshot_xmin(pg_current_snapshot()) >= h.barrier THEN NULL
                   WHEN h.barrier IS NULL AND h.noted_at <= clock_timestamp() - make_interval(secs => %(grace_s)s)
                   THEN pg_snapshot_xmax(pg_current_snapshot())
                   ELSE h.barrier END
RETURNING settled_id

-- name: last_batch
SELECT batch_no, last_id, head FROM ledger_batch WHERE tenant_id = leo_tenant() ORDER BY batch_no DESC LIMIT 1

-- name: reach
-- Up to which id the next batch of records goes; NULL if there is none.
SELECT max(id) AS last_id FROM (
    SELECT id FROM (
        (SELECT decision_id AS id FROM decision
         WHERE tenant_id = leo_tenant() AND decision_id > %(after_id)s AND decision_id <= %(settled_id)s ORDER BY 1 LIMIT %(most)s)
        UNION ALL
        (SELECT delivery_id FROM delivery_log
         WHERE tenant_id = leo_tenant() AND delivery_id > %(after_id)s AND delivery_id <= %(settled_id)s ORDER BY 1 LIMIT %(most)s)
        UNION ALL
        (SELECT outcome_id FROM outcome
         WHERE tenant_id = leo_tenant() AND outcome_id > %(after_id)s AND outcome_id <= %(settled_id)s ORDER BY 1 LIMIT %(most)s)
    ) AS each ORDER BY id LIMIT %(most)s
) AS next

-- name: leaves
-- The records between two ids, each as the 32 bytes that stand for it. An erased person's is unchanged, as long as what is
-- left of it is unchanged.
SELECT c.record_id, c.kind, CASE WHEN h.leaf = e.leaf_since THEN e.leaf ELSE h.leaf END AS leaf
FROM leo_ledger_content(%(after_id)s, %(last_id)s) c
CROSS JOIN LATERAL (SELECT sha256('\x00'::bytea || convert_to(c.content, 'UTF8')) AS leaf) h
LEFT JOIN erased_record e ON e.tenant_id = leo_tenant() AND e.record_id = c.record_id
ORDER BY c.record_id

-- name: content
SELECT c.record_id, c.kind, c.content, e.record_id IS NOT NULL AS is_erased
FROM leo_ledger_content(%(record_id)s - 1, %(record_id)s) c
LEFT JOIN erased_record e ON e.tenant_id = leo_tenant() AND e.record_id = c.record_id

-- name: append
INSERT INTO ledger_batch (tenant_id, batch_no, after_id, last_id, record_ids, leaves, root, head)
VALUES (leo_tenant(), %(batch_no)s, %(after_id)s, %(last_id)s, %(record_ids)s, %(leaves)s, %(root)s, %(head)s)

-- name: batches
SELECT batch_no, after_id, last_id, record_ids, leaves, root, head, sealed_at
FROM ledger_batch WHERE tenant_id = leo_tenant() AND batch_no > %(after_no)s ORDER BY batch_no LIMIT %(most)s

-- name: batch_of
SELECT batch_no, after_id, last_id, record_ids, leaves, root, head, sealed_at
FROM ledger_batch WHERE tenant_id = leo_tenant() AND last_id >= %(record_id)s ORDER BY last_id LIMIT 1

-- name: following
SELECT batch_no, after_id, last_id, cardinality(record_ids) AS count, root, head
FROM ledger_batch WHERE tenant_id = leo_tenant() AND batch_no > %(after_no)s ORDER BY batch_no
