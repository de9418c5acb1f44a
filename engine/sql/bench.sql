-- What `leo bench` writes into its throw-away database.

-- name: tenant
-- A tenant with everything that a journey hangs on.
WITH t AS (
    INSERT INTO tenant (tenant_id, slug, name) VALUES (%(tenant_id)s, %(slug)s, 'Benchmark') RETURNING tenant_id
)
SELECT tenant_id FROM t;

-- name: campaign
-- One campaign with its segment, template and channel.
WITH s AS (
    INSERT INTO segment (tenant_id, key, name) VALUES (leo_tenant(), 'all', 'Everyone') RETURNING tenant_id, segment_id
), h AS (
    INSERT INTO channel (tenant_id, kind, name) VALUES (leo_tenant(), 'email', 'Mail') RETURNING channel_id
), m AS (
    INSERT INTO message_template (tenant_id, key, channel, status, subject, body_text)
    VALUES (leo_tenant(), 'welcome', 'email', 'approved', 'Welcome', 'Welcome') RETURNING template_id
)
INSERT INTO campaign (tenant_id, key, name, status, segment_id)
SELECT s.tenant_id, 'welcome', 'Welcome', 'active', s.segment_id FROM s, h, m;

-- name: upsert_profiles
-- Inserts profiles and updates those that are known, mirrored columns too.
INSERT INTO cdp_profiles (tenant_id, ext_id, status, name, locale, attributes)
SELECT leo_tenant(), r.ext_id, r.status, r.name, 'vi', r.attributes
FROM jsonb_to_recordset(%(profiles)s) AS r (ext_id text, status text, name text, attributes jsonb)
ON CONFLICT (tenant_id, ext_id) DO UPDATE
SET status = excluded.status, name = excluded.name, attributes = excluded.attributes;

-- name: mirror_triggers_off
ALTER TABLE cdp_profiles DISABLE TRIGGER cdp_profiles_mirror_insert, DISABLE TRIGGER cdp_profiles_mirror_update,
    DISABLE TRIGGER cdp_profiles_mirror_delete;

-- name: mirror_triggers_on
ALTER TABLE cdp_profiles ENABLE ALWAYS TRIGGER cdp_profiles_mirror_insert, ENABLE ALWAYS TRIGGER cdp_profiles_mirror_update,
    ENABLE ALWAYS TRIGGER cdp_profiles_mirror_delete;

-- name: vertex_count
-- How many profiles there are as rows and as vertices; {graph} is the tenant's graph.
SELECT (SELECT count(*) FROM cdp_profiles WHERE tenant_id = (SELECT leo_tenant())) AS rows,
       (SELECT count(*) FROM {graph}."Profile") AS vertices;

-- name: people
-- More profiles, each with one event.
WITH p AS (
    INSERT INTO cdp_profiles (tenant_id, ext_id, name)
    SELECT leo_tenant(), 'customer-' || n, 'Customer ' || n FROM generate_series(%(first)s::int, %(last)s::int) AS n
    RETURNING tenant_id, profile_id, ext_id
), e AS (
    INSERT INTO marketing_event (tenant_id, ext_id, type, profile_id)
    SELECT tenant_id, 'event-' || ext_id, 'cart_abandoned', profile_id FROM p RETURNING tenant_id, ext_id, event_id
)
INSERT INTO event_key (tenant_id, ext_id, event_id) SELECT tenant_id, ext_id, event_id FROM e;

-- name: runs
-- A run for each event that has none, and three for everybody.
INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, status, event_id)
SELECT c.tenant_id, c.campaign_id, 'event', 'realtime', 'finished', e.event_id
FROM campaign c JOIN marketing_event e USING (tenant_id)
WHERE NOT EXISTS (SELECT FROM campaign_run r WHERE r.tenant_id = e.tenant_id AND r.event_id = e.event_id)
UNION ALL
SELECT c.tenant_id, c.campaign_id, 'request', 'bulk', 'running', NULL FROM campaign c, generate_series(1, 3);

-- name: decisions
-- Every run that decided for nobody yet decides: an event's for its person, the others for those without decision.
-- Two joins of equal keys, not one with a condition of its own: that one grew with the square of the people.
WITH decided_for AS (
    SELECT r.tenant_id, r.run_id, r.campaign_id, r.kind, r.event_id, e.profile_id
    FROM campaign_run r JOIN marketing_event e USING (tenant_id, event_id)
    UNION ALL
    SELECT r.tenant_id, r.run_id, r.campaign_id, r.kind, NULL, p.profile_id
    FROM campaign_run r JOIN cdp_profiles p USING (tenant_id)
    WHERE r.event_id IS NULL AND r.status = 'running'
)
INSERT INTO decision (tenant_id, run_id, campaign_id, profile_id, trigger_key, event_id, template_id, action, channel, reason,
    candidates, inputs, inputs_hash, policy_version, arbiter, latency_us, decided_at)
SELECT f.tenant_id, f.run_id, f.campaign_id, f.profile_id, f.kind, f.event_id, t.template_id, 'send', 'email', 'chosen',
    %(candidates)s, %(inputs)s, sha256('benchmark'), 1, 'score', 120, now() + random() * interval '1 second'
FROM decided_for f
JOIN message_template t USING (tenant_id)
WHERE f.tenant_id = (SELECT leo_tenant())
  AND NOT EXISTS (SELECT FROM decision d WHERE d.tenant_id = f.tenant_id AND d.profile_id = f.profile_id);

-- name: runs_finished
UPDATE campaign_run SET status = 'finished', finished_at = now() WHERE status = 'running';

-- name: deliveries
-- Each decision without a delivery becomes one that was sent at its first attempt.
WITH l AS (
    INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, template_id,
        address, lane, status, attempts, sent_at, provider_id)
    SELECT d.tenant_id, d.decision_id, d.campaign_id, d.run_id, d.profile_id, sha256(int8send(d.decision_id)), 'email', c.channel_id,
        d.template_id, 'customer' || d.profile_id || '@example.com', 'bulk', 'sent', 1, now(), 'provider-' || d.decision_id
    FROM decision d JOIN channel c USING (tenant_id)
    WHERE NOT EXISTS (SELECT FROM delivery_log k WHERE k.tenant_id = d.tenant_id AND k.decision_id = d.decision_id)
    RETURNING tenant_id, delivery_id
)
INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status)
SELECT l.tenant_id, l.delivery_id, 1, a.phase, 'benchmark', a.status
FROM l, (VALUES ('started', 'sending'), ('ended', 'sent')) AS a (phase, status);

-- name: outcomes
-- Each delivery without an outcome was delivered, and a quarter of them clicked.
INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at)
SELECT l.tenant_id, l.delivery_id, l.profile_id, l.campaign_id, o.type, o.type, now()
FROM delivery_log l JOIN (VALUES ('delivered', 1), ('clicked', 4)) AS o (type, share) ON mod(l.delivery_id, o.share) = 0
WHERE NOT EXISTS (SELECT FROM outcome k WHERE k.tenant_id = l.tenant_id AND k.delivery_id = l.delivery_id);

-- name: arguments
-- What to trace: profiles and events by their own key and deliveries by their event id, in turn, at random.
SELECT CASE mod(row_number() OVER (), 3) WHEN 0 THEN p.ext_id WHEN 1 THEN 'event-' || p.ext_id ELSE encode(l.event_id, 'hex') END AS argument
FROM (SELECT * FROM delivery_log WHERE tenant_id = (SELECT leo_tenant()) ORDER BY random() LIMIT %(count)s) l
JOIN cdp_profiles p USING (tenant_id, profile_id);

-- name: delivery_count
SELECT count(*) AS deliveries FROM delivery_log WHERE tenant_id = (SELECT leo_tenant());
