-- Records for traces, written straight into the tables.

-- name: base
-- What every journey of the tenant hangs on.
WITH segment AS (
    INSERT INTO segment (tenant_id, key, name) VALUES (leo_tenant(), 'all', 'Everyone') RETURNING segment_id, version, rule
), snapshot AS (
    INSERT INTO segment_snapshot (tenant_id, segment_id, segment_version, rule, member_count, members_hash)
    SELECT leo_tenant(), segment_id, version, rule, 0, leo_members_hash('{}') FROM segment RETURNING snapshot_id
), campaign AS (
    INSERT INTO campaign (tenant_id, key, name, status) VALUES (leo_tenant(), 'welcome', 'Chào bạn', 'active') RETURNING campaign_id
), channel AS (
    INSERT INTO channel (tenant_id, kind, name) VALUES (leo_tenant(), 'email', 'Mail') RETURNING channel_id
), template AS (
    INSERT INTO message_template (tenant_id, key, channel, version, status, body_text)
    VALUES (leo_tenant(), 'hello', 'email', 2, 'approved', 'Hi') RETURNING template_id
)
SELECT snapshot_id, campaign_id, channel_id, template_id FROM snapshot, campaign, channel, template;

-- name: profile
INSERT INTO cdp_profiles (tenant_id, ext_id, name) VALUES (leo_tenant(), %(ext_id)s, 'Lan') RETURNING profile_id;

-- name: event
WITH e AS (
    INSERT INTO marketing_event (tenant_id, ext_id, type, profile_id, occurred_at)
    VALUES (leo_tenant(), %(ext_id)s, 'cart_abandoned', %(profile_id)s, %(at)s) RETURNING tenant_id, ext_id, event_id
)
INSERT INTO event_key (tenant_id, ext_id, event_id) SELECT tenant_id, ext_id, event_id FROM e RETURNING event_id;

-- name: run
INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, status, event_id, snapshot_id)
VALUES (leo_tenant(), %(campaign_id)s, %(kind)s, 'bulk', 'finished', %(event_id)s, %(snapshot_id)s) RETURNING run_id;

-- name: task
INSERT INTO agent_task (tenant_id, kind, status, summary) VALUES (leo_tenant(), 'choose', 'succeeded', 'It chose e-mail.')
RETURNING task_id;

-- name: decision
INSERT INTO decision (tenant_id, run_id, campaign_id, profile_id, trigger_key, snapshot_id, event_id, task_id, template_id, action, channel,
    reason, candidates, inputs, inputs_hash, policy_version, arbiter, latency_us, wait_until, decided_at)
VALUES (leo_tenant(), %(run_id)s, %(campaign_id)s, %(profile_id)s, %(kind)s, %(snapshot_id)s, %(event_id)s, %(task_id)s,
    CASE WHEN %(action)s = 'send' THEN %(template_id)s END, %(action)s, CASE WHEN %(action)s = 'send' THEN 'email' END,
    %(reason)s, %(candidates)s, '{}', sha256('inputs'), 3, %(arbiter)s, 140, %(wait_until)s, %(at)s)
RETURNING decision_id;

-- name: delivery
INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, template_id, address,
    lane, status, attempts, queued_at, due_at, sent_at, lease_owner, lease_until, code, class)
VALUES (leo_tenant(), %(decision_id)s, %(campaign_id)s, %(run_id)s, %(profile_id)s, sha256(int8send(%(decision_id)s)), 'email',
    %(channel_id)s, %(template_id)s, 'lan@example.com', 'bulk', %(status)s, 1, %(at)s, %(at)s,
    CASE WHEN %(status)s = 'sent' THEN %(at)s::timestamptz END,
    CASE WHEN %(status)s = 'sending' THEN 'worker-1' END, CASE WHEN %(status)s = 'sending' THEN now() + interval '1 minute' END,
    CASE WHEN %(status)s = 'failed' THEN '550' END, CASE WHEN %(status)s = 'failed' THEN 'invalid_address' END)
RETURNING delivery_id, encode(event_id, 'hex') AS event_id;

-- name: attempt
INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status, at)
VALUES (leo_tenant(), %(delivery_id)s, 1, %(phase)s, 'worker-1', %(status)s, %(at)s);

-- name: outcome
INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, value, occurred_at)
VALUES (leo_tenant(), %(delivery_id)s, %(profile_id)s, %(campaign_id)s, %(type)s, %(type)s, %(value)s, %(at)s);

-- name: more_people
-- Enough people that reading them all would cost more than an index.
INSERT INTO cdp_profiles (tenant_id, ext_id) SELECT leo_tenant(), 'more-' || n FROM generate_series(1, 3000) n;

-- name: more_decisions
INSERT INTO decision (tenant_id, run_id, campaign_id, profile_id, trigger_key, template_id, action, channel, reason, candidates, inputs,
    inputs_hash, policy_version, arbiter, latency_us, decided_at)
SELECT d.tenant_id, d.run_id, d.campaign_id, p.profile_id, 'more', d.template_id, d.action, d.channel, d.reason, d.candidates, d.inputs,
    d.inputs_hash, 1, d.arbiter, 1, d.decided_at
FROM cdp_profiles p, (SELECT * FROM decision LIMIT 1) d WHERE p.ext_id LIKE 'more-%';

-- name: more_deliveries
INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, template_id, address, lane)
SELECT d.tenant_id, d.decision_id, d.campaign_id, d.run_id, d.profile_id, sha256(int8send(d.decision_id)), d.channel, c.channel_id,
    d.template_id, 'x@example.com', 'bulk'
FROM decision d, channel c WHERE d.trigger_key = 'more';
