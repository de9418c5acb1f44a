-- Taking up stuck work again from its last committed step. Nothing that was decided or sent is done again: what is left of a
-- run becomes due now. Rows held by a worker are locked or leased, and stay there.

-- name: run
-- A run, or one batch of it: what is left of it is due at once. `refused` says why nothing was done.
WITH run AS MATERIALIZED (
    SELECT r.run_id, r.kind, r.status, r.campaign_id, CASE
               WHEN c.status = 'paused' OR r.status = 'paused' THEN 'campaign_paused'
               WHEN c.status <> 'active' OR r.status = 'cancelled' THEN 'campaign_ended' END AS refused
    FROM campaign_run r
    JOIN campaign c ON c.tenant_id = r.tenant_id AND c.campaign_id = r.campaign_id
    WHERE r.tenant_id = leo_tenant() AND r.run_id = coalesce(%(run_id)s, (
        SELECT b.run_id FROM run_batch b WHERE b.tenant_id = leo_tenant() AND b.batch_id = %(batch_id)s))
), held AS MATERIALIZED (
    SELECT b.batch_id, b.lane, b.due_at > %(now)s AS is_later
    FROM run JOIN run_batch b ON b.tenant_id = leo_tenant() AND b.run_id = run.run_id
    WHERE run.refused IS NULL AND b.status = 'pending' AND (%(batch_id)s::bigint IS NULL OR b.batch_id = %(batch_id)s)
    ORDER BY b.due_at, b.batch_id LIMIT %(most)s
    FOR NO KEY UPDATE OF b SKIP LOCKED
), moved AS (
    UPDATE run_batch b SET due_at = %(now)s, setbacks = 0
    FROM held WHERE held.is_later AND b.tenant_id = leo_tenant() AND b.batch_id = held.batch_id
    RETURNING b.batch_id
), waiting AS MATERIALIZED (
    SELECT l.delivery_id
    FROM run JOIN delivery_log l ON l.tenant_id = leo_tenant() AND l.run_id = run.run_id
    WHERE run.refused IS NULL AND %(batch_id)s::bigint IS NULL AND l.status = 'queued' AND l.due_at > %(now)s
    ORDER BY l.due_at, l.delivery_id LIMIT %(most)s
    FOR NO KEY UPDATE OF l SKIP LOCKED
), hurried AS (
    UPDATE delivery_log l SET due_at = %(now)s
    FROM waiting WHERE l.tenant_id = leo_tenant() AND l.delivery_id = waiting.delivery_id
    RETURNING l.delivery_id
), standing AS (
    SELECT count(*) FILTER (WHERE b.status = 'done') AS batches_done, count(*) FILTER (WHERE b.status = 'pending') AS batches_left
    FROM run JOIN run_batch b ON b.tenant_id = leo_tenant() AND b.run_id = run.run_id
)
SELECT run.refused, (SELECT count(*) FROM moved) + (SELECT count(*) FROM hurried) AS moved,
       jsonb_build_object('kind', run.kind, 'status', run.status, 'batches_done', standing.batches_done, 'batches_left', standing.batches_left,
                          'decided', (SELECT count(*) FROM decision d WHERE d.tenant_id = leo_tenant() AND d.run_id = run.run_id)) AS stood,
       ARRAY(SELECT batch_id FROM held WHERE lane = 'realtime') AS realtime, ARRAY(SELECT batch_id FROM held WHERE lane = 'bulk') AS bulk
FROM run, standing

-- name: message
-- A message that waits for its next try. One that has ended is a dead letter, which is handled elsewhere.
WITH asked AS MATERIALIZED (
    SELECT l.delivery_id, l.status, l.attempts, l.code, l.due_at > %(now)s AS is_later, CASE
               WHEN l.status = 'sending' THEN 'in_hand'
               WHEN l.status IN ('failed', 'dead', 'uncertain') THEN 'dead_letter'
               WHEN l.status <> 'queued' THEN 'done' END AS refused
    FROM delivery_log l WHERE l.tenant_id = leo_tenant() AND l.delivery_id = %(delivery_id)s
    FOR NO KEY UPDATE
), hurried AS (
    UPDATE delivery_log l SET due_at = %(now)s
    FROM asked WHERE asked.refused IS NULL AND asked.is_later AND l.tenant_id = leo_tenant() AND l.delivery_id = asked.delivery_id
    RETURNING l.delivery_id
)
SELECT asked.refused, (SELECT count(*) FROM hurried) AS moved,
       jsonb_build_object('status', asked.status, 'attempts', asked.attempts, 'code', asked.code) AS stood,
       '{}'::bigint[] AS realtime, '{}'::bigint[] AS bulk
FROM asked

-- name: outbox
-- Reports to the CDP. A row that may have left and is due later may be held by a worker, and is reported again by itself.
WITH asked AS MATERIALIZED (
    SELECT o.outbox_id, o.attempts, o.error, o.due_at > %(now)s AS is_later, CASE
               WHEN o.done_at IS NOT NULL THEN 'done'
               WHEN o.may_have_left AND o.due_at > %(now)s AND o.due_at < 'infinity' THEN 'in_hand' END AS refused
    FROM outbox o WHERE o.tenant_id = leo_tenant() AND o.outbox_id = %(outbox_id)s
    FOR NO KEY UPDATE
), hurried AS (
    UPDATE outbox o SET due_at = %(now)s, attempts = CASE WHEN o.due_at = 'infinity' THEN 0 ELSE o.attempts END
    FROM asked WHERE asked.refused IS NULL AND asked.is_later AND o.tenant_id = leo_tenant() AND o.outbox_id = asked.outbox_id
    RETURNING o.outbox_id
)
SELECT asked.refused, (SELECT count(*) FROM hurried) AS moved,
       jsonb_build_object('attempts', asked.attempts, 'error', asked.error) AS stood, '{}'::bigint[] AS realtime, '{}'::bigint[] AS bulk
FROM asked

-- name: record
INSERT INTO take_up (tenant_id, what, record_id, reason, asked_by, stood, refused, moved)
VALUES (leo_tenant(), %(what)s, %(record_id)s, %(reason)s, %(asked_by)s, %(stood)s, %(refused)s, %(moved)s)
RETURNING take_up_id, created_at

-- name: recorded
SELECT take_up_id, what, record_id, reason, asked_by, stood, refused, moved, created_at FROM take_up
WHERE tenant_id = leo_tenant() AND (%(before)s::bigint IS NULL OR take_up_id < %(before)s)
ORDER BY take_up_id DESC LIMIT %(limit)s

-- name: put_off
-- Batches that could not be decided and are tried again later, those that failed most often first.
SELECT b.batch_id, b.run_id, r.kind, c.campaign_id, c.name AS campaign_name, b.setbacks, b.due_at, b.created_at
FROM run_batch b
JOIN campaign_run r ON r.tenant_id = b.tenant_id AND r.run_id = b.run_id
JOIN campaign c ON c.tenant_id = r.tenant_id AND c.campaign_id = r.campaign_id
WHERE b.tenant_id = leo_tenant() AND b.status = 'pending' AND b.setbacks > 0
ORDER BY b.setbacks DESC, b.batch_id LIMIT %(limit)s

-- name: untold
-- What a CDP has not been told yet although it was tried; due at infinity means given up.
SELECT o.outbox_id, s.key AS source, o.attempts, o.error, o.due_at = 'infinity' AS is_given_up, o.created_at
FROM outbox o
LEFT JOIN source s ON s.tenant_id = o.tenant_id AND s.source_id = (o.payload ->> 'source_id')::bigint
WHERE o.tenant_id = leo_tenant() AND o.done_at IS NULL AND o.error IS NOT NULL
ORDER BY o.due_at DESC, o.outbox_id LIMIT %(limit)s
