-- The outbox to the CDP. Rows are written where outcomes are (outcomes.sql, record).

-- name: set_report
UPDATE source SET report = %(report)s WHERE tenant_id = leo_tenant() AND key = %(source)s RETURNING source_id

-- name: report
SELECT s.report, c.ciphertext FROM source s
LEFT JOIN source_credential c ON c.tenant_id = s.tenant_id AND c.source_id = s.source_id AND c.name = %(name)s
WHERE s.tenant_id = leo_tenant() AND s.source_id = %(source_id)s

-- name: claim
-- What is due comes into one worker's hands until the lease ends, with all that is told of it. From now on it may have left;
-- no error stands with it meanwhile, so that nobody who asks for a retry takes it out of those hands.
WITH due AS (
    SELECT outbox_id, may_have_left, error FROM outbox
    WHERE tenant_id = leo_tenant() AND done_at IS NULL AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
), claimed AS (
    UPDATE outbox o SET attempts = o.attempts + 1, due_at = %(lease_until)s, may_have_left = true, error = NULL
    FROM due WHERE o.tenant_id = leo_tenant() AND o.outbox_id = due.outbox_id
    RETURNING o.outbox_id, o.attempts, due.may_have_left, due.error, (o.payload ->> 'source_id')::bigint AS source_id,
              (o.payload ->> 'outcome_id')::bigint AS outcome_id
)
SELECT c.outbox_id, c.attempts, c.may_have_left, c.error, c.source_id, u.outcome_id, u.type, u.occurred_at, u.value,
       u.raw ->> 'target' AS target, u.campaign_id, k.key AS campaign, l.channel, l.decision_id,
       encode(l.event_id, 'hex') AS delivery_event, n.snapshot_id, n.task_id, p.ext_id AS profile,
       (SELECT a.value FROM profile_address a WHERE a.tenant_id = u.tenant_id AND a.profile_id = u.profile_id
          AND a.channel = 'email' AND a.valid ORDER BY a.address_id LIMIT 1) AS email,
       (SELECT a.value FROM profile_address a WHERE a.tenant_id = u.tenant_id AND a.profile_id = u.profile_id
          AND a.channel = 'zalo_template' AND a.value LIKE '+%%' AND a.valid ORDER BY a.address_id LIMIT 1) AS phone,
       (SELECT a.value FROM profile_address a WHERE a.tenant_id = u.tenant_id AND a.profile_id = u.profile_id
          AND a.channel = 'zalo_oa' AND a.valid ORDER BY a.address_id LIMIT 1) AS zalo
FROM claimed c
LEFT JOIN outcome u ON u.tenant_id = leo_tenant() AND u.outcome_id = c.outcome_id
LEFT JOIN cdp_profiles p ON p.tenant_id = u.tenant_id AND p.profile_id = u.profile_id
LEFT JOIN campaign k ON k.tenant_id = u.tenant_id AND k.campaign_id = u.campaign_id
LEFT JOIN all_delivery l ON l.tenant_id = u.tenant_id AND l.delivery_id = u.delivery_id
LEFT JOIN all_decision n ON n.tenant_id = l.tenant_id AND n.decision_id = l.decision_id

-- name: results
-- It holds for the attempt it is about alone: whoever comes after the lease says nothing of what another has begun.
UPDATE outbox o
SET attempts = o.attempts - given.unspent, done_at = CASE WHEN given.is_done THEN %(now)s::timestamptz END, error = given.error,
    may_have_left = given.may_have_left, due_at = given.due_at
FROM jsonb_to_recordset(%(rows)s) AS given (
    outbox_id bigint, attempts int, unspent int, is_done boolean, error text, may_have_left boolean, due_at timestamptz)
WHERE o.tenant_id = leo_tenant() AND o.outbox_id = given.outbox_id AND o.attempts = given.attempts AND o.done_at IS NULL

-- name: forget
DELETE FROM outbox WHERE tenant_id = leo_tenant() AND done_at < %(before)s

-- name: look
SELECT s.key AS source, s.report ->> 'url' AS url, coalesce(s.report -> 'outcomes', '[]') AS outcomes,
       count(o.outbox_id) FILTER (WHERE o.done_at IS NULL AND o.due_at < 'infinity') AS waiting,
       count(o.outbox_id) FILTER (WHERE o.done_at IS NULL AND o.due_at < 'infinity' AND o.error IS NOT NULL) AS failing,
       count(o.outbox_id) FILTER (WHERE o.done_at IS NULL AND o.due_at = 'infinity') AS given_up,
       count(o.outbox_id) FILTER (WHERE o.done_at IS NOT NULL) AS told,
       min(o.created_at) FILTER (WHERE o.done_at IS NULL) AS oldest_at,
       (array_agg(o.error ORDER BY o.outbox_id DESC) FILTER (WHERE o.done_at IS NULL AND o.error IS NOT NULL))[1] AS last_error
FROM source s
LEFT JOIN outbox o ON o.tenant_id = s.tenant_id AND (o.payload ->> 'source_id')::bigint = s.source_id
WHERE s.tenant_id = leo_tenant()
GROUP BY s.source_id, s.key, s.report ORDER BY s.key

-- name: retry
-- Rows in a worker's hands have no error meanwhile, and stay there.
WITH again AS (
    UPDATE outbox SET due_at = %(now)s, attempts = CASE WHEN due_at = 'infinity' THEN 0 ELSE attempts END
    WHERE tenant_id = leo_tenant() AND done_at IS NULL AND error IS NOT NULL RETURNING outbox_id
)
SELECT count(*) AS rows FROM again
