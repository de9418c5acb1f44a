-- Dead letters: messages that ended without arriving, or whose end nobody knows, and that nobody has settled yet.

-- name: letters
SELECT d.delivery_id, d.campaign_id, c.key AS campaign, d.run_id, d.profile_id, p.ext_id, d.channel, ch.name AS through, d.address,
       d.status, d.attempts, d.code, d.class AS klass, encode(d.event_id, 'hex') AS event_id, d.queued_at, d.updated_at AS ended_at,
       (SELECT a.detail FROM delivery_attempt a
        WHERE a.tenant_id = d.tenant_id AND a.delivery_id = d.delivery_id AND a.phase = 'ended'
        ORDER BY a.number DESC LIMIT 1) AS detail
FROM delivery_log d
JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
JOIN cdp_profiles p ON p.tenant_id = d.tenant_id AND p.profile_id = d.profile_id
JOIN channel ch ON ch.tenant_id = d.tenant_id AND ch.channel_id = d.through_id
WHERE d.tenant_id = leo_tenant() AND d.status IN ('failed', 'dead', 'uncertain') AND d.settled IS NULL
  AND d.status = ANY (%(statuses)s) AND d.delivery_id > %(after)s
  AND (%(campaign_id)s::bigint IS NULL OR d.campaign_id = %(campaign_id)s)
  AND (%(channel)s::text IS NULL OR d.channel = %(channel)s)
  AND (%(klass)s::text IS NULL OR d.class = %(klass)s)
ORDER BY d.delivery_id
LIMIT %(limit)s

-- name: counts
SELECT d.status, d.channel, d.class AS klass, count(*) AS messages
FROM delivery_log d
WHERE d.tenant_id = leo_tenant() AND d.status IN ('failed', 'dead', 'uncertain') AND d.settled IS NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3

-- name: redrive
-- Queues messages again that may be; says for each why not, or nothing if it was queued. The rows are locked, so that of two
-- callers one finds it queued.
WITH asked AS MATERIALIZED (
    SELECT d.tenant_id, d.delivery_id, d.profile_id, d.run_id, d.channel, d.address, d.status, d.expires_at,
           c.purpose, c.policy_id, c.status AS campaign_status
    FROM delivery_log d JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
    WHERE d.tenant_id = leo_tenant() AND d.delivery_id = ANY (%(delivery_ids)s)
    ORDER BY d.delivery_id FOR NO KEY UPDATE OF d
), judged AS (
    SELECT d.delivery_id,
           coalesce(
               CASE WHEN d.status NOT IN ('failed', 'dead', 'uncertain') THEN 'not_ended'
                    WHEN d.status = 'uncertain' AND NOT %(may_double)s THEN 'may_have_arrived'
                    WHEN d.campaign_status NOT IN ('active', 'paused') OR r.status = 'cancelled' THEN 'campaign_ended'
                    WHEN d.expires_at <= %(now)s THEN 'too_late' END,
               {refusal}, other.channel) AS refused
    FROM asked d
    JOIN campaign_run r ON r.tenant_id = d.tenant_id AND r.run_id = d.run_id
    LEFT JOIN LATERAL (
        SELECT one.document -> 'purposes' ->> d.purpose AS basis FROM policy one
        WHERE one.tenant_id = d.tenant_id AND NOT one.draft
          AND one.key = coalesce((SELECT own.key FROM policy own
                                  WHERE own.tenant_id = d.tenant_id AND own.policy_id = d.policy_id), 'default')
        ORDER BY one.version DESC LIMIT 1) AS policy ON true
    -- What another channel does in its place: in the run that followed the failure, or whenever that one woke again.
    CROSS JOIN LATERAL (
        WITH RECURSIVE below AS (
            SELECT f.run_id FROM campaign_run f WHERE f.tenant_id = d.tenant_id AND f.parent_id = d.run_id AND f.kind = 'fallback'
            UNION ALL
            SELECT w.run_id FROM below JOIN campaign_run w ON w.tenant_id = d.tenant_id AND w.parent_id = below.run_id)
        SELECT CASE WHEN EXISTS (
                        SELECT FROM below JOIN all_decision made ON made.tenant_id = d.tenant_id AND made.run_id = below.run_id
                        WHERE made.profile_id = d.profile_id AND made.action = 'send') THEN 'another_channel_took_over'
                    WHEN EXISTS (
                        SELECT FROM below JOIN run_batch b ON b.tenant_id = d.tenant_id AND b.run_id = below.run_id
                        WHERE b.status = 'pending' AND d.profile_id = ANY (b.profile_ids)) THEN 'another_channel_is_tried' END AS channel) AS other
), queued AS (
    UPDATE delivery_log d
    SET status = 'queued', due_at = %(now)s, setbacks = 0, pinned = false, moved_to = NULL, settled = NULL
    FROM judged WHERE judged.refused IS NULL AND d.tenant_id = leo_tenant() AND d.delivery_id = judged.delivery_id
)
SELECT given.id AS delivery_id, CASE WHEN judged.delivery_id IS NULL THEN 'not_there' ELSE judged.refused END AS refused
FROM unnest(%(delivery_ids)s::bigint[]) AS given (id) LEFT JOIN judged ON judged.delivery_id = given.id
ORDER BY given.id

-- name: resolve
-- Settles what is uncertain (it arrived, or it did not), and closes what failed, so that it is no longer listed.
WITH asked AS MATERIALIZED (
    SELECT d.delivery_id, d.status, d.sent_at, d.updated_at
    FROM delivery_log d WHERE d.tenant_id = leo_tenant() AND d.delivery_id = ANY (%(delivery_ids)s)
    ORDER BY d.delivery_id FOR NO KEY UPDATE
), judged AS (
    SELECT asked.*,
           CASE WHEN asked.status NOT IN ('failed', 'dead', 'uncertain') THEN 'not_ended'
                WHEN asked.status = 'uncertain' AND %(resolution)s = 'closed' THEN 'say_whether_it_arrived'
                WHEN asked.status <> 'uncertain' AND %(resolution)s <> 'closed' THEN 'not_uncertain' END AS refused
    FROM asked
), settled AS (
    UPDATE delivery_log d
    SET status = CASE %(resolution)s WHEN 'arrived' THEN 'sent' WHEN 'lost' THEN 'failed' ELSE d.status END,
        code = CASE WHEN %(resolution)s = 'closed' THEN d.code ELSE 'resolved' END,
        class = CASE %(resolution)s WHEN 'arrived' THEN 'accepted' ELSE d.class END,
        sent_at = CASE %(resolution)s WHEN 'arrived' THEN coalesce(d.sent_at, d.updated_at) ELSE d.sent_at END,
        settled = CASE WHEN %(resolution)s = 'lost' THEN NULL
                       ELSE jsonb_build_object('as', %(resolution)s::text, 'by', %(by)s::text, 'note', %(note)s::text, 'at', %(now)s::timestamptz) END
    FROM judged WHERE judged.refused IS NULL AND d.tenant_id = leo_tenant() AND d.delivery_id = judged.delivery_id
)
SELECT given.id AS delivery_id, CASE WHEN judged.delivery_id IS NULL THEN 'not_there' ELSE judged.refused END AS refused
FROM unnest(%(delivery_ids)s::bigint[]) AS given (id) LEFT JOIN judged ON judged.delivery_id = given.id
ORDER BY given.id
