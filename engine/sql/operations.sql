-- The state of one tenant's work. Everything is bounded: long queues are counted up to %(most)s.

-- name: lanes
-- What is waiting in each lane: batches to decide and messages to send, due now or later, since when, and what is being sent.
SELECT lane.name AS lane, b.batches_due, b.batches_later, b.oldest_batch_at, d.messages_due, d.messages_later, d.oldest_message_at,
       s.in_hand, s.lost
FROM unnest(ARRAY['realtime', 'bulk']) AS lane (name)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE due_at <= now()) AS batches_due, count(*) FILTER (WHERE due_at > now()) AS batches_later,
           min(due_at) FILTER (WHERE due_at <= now()) AS oldest_batch_at
    FROM (SELECT b.due_at FROM run_batch b
          WHERE b.tenant_id = leo_tenant() AND b.lane = lane.name AND b.status = 'pending' ORDER BY b.due_at LIMIT %(most)s) one) b
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE due_at <= now()) AS messages_due, count(*) FILTER (WHERE due_at > now()) AS messages_later,
           min(due_at) FILTER (WHERE due_at <= now()) AS oldest_message_at
    -- Channel by channel, like the index.
    FROM channel ch CROSS JOIN LATERAL (
        SELECT l.due_at FROM delivery_log l
        WHERE l.tenant_id = ch.tenant_id AND l.lane = lane.name AND l.through_id = ch.channel_id AND l.status = 'queued'
        ORDER BY l.due_at LIMIT %(most)s) one
    WHERE ch.tenant_id = leo_tenant()) d
CROSS JOIN LATERAL (
    SELECT count(*) AS in_hand, count(*) FILTER (WHERE lease_until < now()) AS lost
    FROM (SELECT l.lease_until FROM delivery_log l
          WHERE l.tenant_id = leo_tenant() AND l.lane = lane.name AND l.status = 'sending' LIMIT %(most)s) one) s
ORDER BY lane.name DESC

-- name: stuck
-- What has been due for longer than a worker takes, by the reason why it is not done, the longest first.
WITH late AS MATERIALIZED (
    SELECT 'message' AS what, one.due_at, one.campaign_id, one.run_id, ch.channel_id
    FROM channel ch CROSS JOIN unnest(ARRAY['realtime', 'bulk']) AS lane (name) CROSS JOIN LATERAL (
        SELECT l.due_at, l.campaign_id, l.run_id FROM delivery_log l
        WHERE l.tenant_id = ch.tenant_id AND l.lane = lane.name AND l.through_id = ch.channel_id AND l.status = 'queued'
          AND l.due_at < now() - %(patience)s
        ORDER BY l.due_at LIMIT %(most)s) one
    WHERE ch.tenant_id = leo_tenant()
    UNION ALL
    (SELECT 'batch', b.due_at, r.campaign_id, b.run_id, NULL FROM run_batch b
     JOIN campaign_run r ON r.tenant_id = b.tenant_id AND r.run_id = b.run_id
     WHERE b.tenant_id = leo_tenant() AND b.status = 'pending' AND b.due_at < now() - %(patience)s
     ORDER BY b.due_at LIMIT %(most)s)
)
SELECT late.what, c.campaign_id, c.key AS campaign, c.name AS campaign_name, ch.name AS channel,
       CASE WHEN c.status = 'paused' THEN 'campaign_paused' WHEN c.status = 'ended' THEN 'campaign_ended'
            WHEN r.status = 'paused' THEN 'run_paused' WHEN ch.status = 'paused' THEN 'channel_paused'
            WHEN ch.status = 'disconnected' THEN 'channel_disconnected' ELSE 'no_worker' END AS why,
       count(*) AS count, (array_agg(DISTINCT late.run_id))[1:20] AS run_ids, min(late.due_at) AS since
FROM late
JOIN campaign c ON c.tenant_id = leo_tenant() AND c.campaign_id = late.campaign_id
JOIN campaign_run r ON r.tenant_id = leo_tenant() AND r.run_id = late.run_id
LEFT JOIN channel ch ON ch.tenant_id = leo_tenant() AND ch.channel_id = late.channel_id
GROUP BY late.what, c.campaign_id, c.key, c.name, ch.name, why
ORDER BY since LIMIT 50

-- name: channels
-- Each channel with what became of its share of the newest messages, and its credentials that end.
WITH newest AS MATERIALIZED (
    SELECT l.through_id AS channel_id, l.status, l.class, l.sent_at FROM delivery_log l
    WHERE l.tenant_id = leo_tenant() ORDER BY l.delivery_id DESC LIMIT %(most)s
), seen AS (
    SELECT channel_id, jsonb_object_agg(status, n) AS messages, max(last_sent_at) AS last_sent_at, sum(n) AS total
    FROM (SELECT channel_id, status, count(*) AS n, max(sent_at) AS last_sent_at FROM newest GROUP BY channel_id, status) one
    GROUP BY channel_id
), failing AS (
    SELECT channel_id, jsonb_object_agg(class, n) AS classes
    FROM (SELECT channel_id, class, count(*) AS n FROM newest
          WHERE class IS NOT NULL AND status IN ('failed', 'dead', 'uncertain') GROUP BY channel_id, class) one
    GROUP BY channel_id
)
SELECT ch.channel_id, ch.kind, ch.name, ch.status, coalesce(seen.messages, '{}') AS messages, coalesce(failing.classes, '{}') AS classes,
       seen.last_sent_at, coalesce(seen.total, 0)::bigint AS total,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('name', k.name, 'expires_at', k.expires_at) ORDER BY k.expires_at), '[]')
        FROM channel_credential k
        WHERE k.tenant_id = ch.tenant_id AND k.channel_id = ch.channel_id AND k.expires_at IS NOT NULL) AS tokens
FROM channel ch
LEFT JOIN seen ON seen.channel_id = ch.channel_id
LEFT JOIN failing ON failing.channel_id = ch.channel_id
WHERE ch.tenant_id = leo_tenant()
ORDER BY ch.channel_id
