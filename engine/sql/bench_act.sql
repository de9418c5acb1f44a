-- What `leo bench dispatch`, `realtime`, `smtp` and `chaos` write: people with an address, and messages that are decided.

-- name: people
-- People who agreed, each with an address on one channel.
WITH made AS (
    INSERT INTO cdp_profiles (tenant_id, ext_id, name, attributes)
    SELECT leo_tenant(), %(prefix)s || n, 'Customer ' || n, jsonb_build_object('city', 'Huế', 'orders', n %% 20)
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
    RETURNING profile_id, ext_id
), addresses AS (
    INSERT INTO profile_address (tenant_id, profile_id, channel, value)
    SELECT leo_tenant(), profile_id, %(channel)s,
           CASE %(channel)s WHEN 'telegram' THEN profile_id::text ELSE ext_id || '@people.example' END
    FROM made
), consents AS (
    INSERT INTO consent (tenant_id, profile_id, granted, at) SELECT leo_tenant(), profile_id, true, now() - interval '30 days' FROM made
)
SELECT count(*) AS people FROM made;

-- name: run_for_messages
INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, status)
VALUES (leo_tenant(), %(campaign_id)s, 'request', 'bulk', 'running') RETURNING run_id;

-- name: queue
-- A decision and a message of a run for each of the next people that have none, as deciding leaves them.
WITH offer AS (
    SELECT c.campaign_id, t.template_id, h.channel_id, h.kind
    FROM campaign c JOIN campaign_template t USING (tenant_id, campaign_id)
    JOIN message_template m USING (tenant_id, template_id) JOIN channel h ON h.tenant_id = m.tenant_id AND h.kind = m.channel
    WHERE c.campaign_id = %(campaign_id)s
), decided AS (
    INSERT INTO decision (tenant_id, run_id, campaign_id, profile_id, trigger_key, template_id, action, channel, reason,
        candidates, inputs, inputs_hash, policy_version, arbiter, latency_us, decided_at)
    SELECT leo_tenant(), %(run_id)s, offer.campaign_id, p.profile_id, 'request:' || %(run_id)s, offer.template_id, 'send', offer.kind,
        'chosen', '[]', '{}', sha256('benchmark'), 1, 'score', 120, now()
    FROM offer, (SELECT profile_id FROM cdp_profiles p
                 WHERE p.profile_id > %(after)s
                   AND NOT EXISTS (SELECT FROM delivery_log d WHERE d.tenant_id = p.tenant_id AND d.profile_id = p.profile_id)
                 ORDER BY profile_id LIMIT %(count)s) AS p
    RETURNING decision_id, run_id, campaign_id, profile_id, template_id
)
INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, template_id,
    address, lane)
SELECT leo_tenant(), d.decision_id, d.campaign_id, d.run_id, d.profile_id, sha256(int8send(d.decision_id)), offer.kind,
    offer.channel_id, d.template_id, a.value, 'bulk'
FROM decided d CROSS JOIN offer
JOIN profile_address a ON a.tenant_id = leo_tenant() AND a.profile_id = d.profile_id AND a.channel = offer.kind
RETURNING profile_id;

-- name: statuses
SELECT status, count(*) AS messages FROM delivery_log GROUP BY status;

-- name: unfinished
SELECT EXISTS (SELECT FROM run_batch WHERE status = 'pending') OR EXISTS (SELECT FROM delivery_log WHERE status = 'queued')
    OR EXISTS (SELECT FROM delivery_log WHERE status = 'sending') AS is_unfinished;

-- name: took
-- Seconds from the first attempt's start to the last one's end, of one run, and what is logged of it.
SELECT extract(epoch FROM max(a.at) - min(a.at))::float8 AS seconds, count(*) FILTER (WHERE a.phase = 'started') AS started,
       count(*) FILTER (WHERE a.phase = 'ended') AS ended, count(DISTINCT d.delivery_id) FILTER (WHERE d.status = 'sent') AS sent
FROM delivery_log d JOIN delivery_attempt a USING (tenant_id, delivery_id) WHERE d.run_id = %(run_id)s;

-- name: event_ids
SELECT encode(event_id, 'hex') AS event_id FROM delivery_log WHERE run_id = %(run_id)s;

-- name: graph_differences
SELECT coalesce(sum(missing + extra + different), 0)::bigint AS differences FROM leo_graph_differences();

-- name: everybody
SELECT profile_id FROM cdp_profiles ORDER BY profile_id;

-- name: sent
SELECT count(*) AS messages FROM delivery_log WHERE campaign_id = %(campaign_id)s AND status = 'sent';
