-- What `leo bench archive` writes and asks.

-- name: like
-- What one decision of the policy looks like, to be remembered many times.
SELECT candidates, inputs, arbitration FROM decision WHERE tenant_id = leo_tenant() AND action = 'send' LIMIT 1;

-- name: old
-- A run that decided for everybody long ago: each message was sent at its first attempt, and delivered.
WITH run AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, status, created_at, finished_at)
    VALUES (leo_tenant(), %(campaign_id)s, 'request', 'bulk', 'finished', %(at)s, %(at)s) RETURNING run_id
), template AS (
    SELECT t.template_id, c.channel_id FROM message_template t JOIN channel c ON c.tenant_id = t.tenant_id AND c.kind = t.channel
    WHERE t.tenant_id = leo_tenant() AND t.channel = 'email' ORDER BY t.template_id LIMIT 1
), made AS (
    INSERT INTO decision (tenant_id, run_id, campaign_id, profile_id, trigger_key, template_id, action, channel, reason, candidates,
        inputs, inputs_hash, policy_version, arbiter, arbitration, latency_us, decided_at)
    SELECT leo_tenant(), run.run_id, %(campaign_id)s, p.profile_id, 'request:old', template.template_id, 'send', 'email', 'chosen',
           %(candidates)s, %(inputs)s, sha256('old'), 1, 'score', %(arbitration)s, 120, %(at)s
    FROM run, template, cdp_profiles p WHERE p.tenant_id = leo_tenant()
    RETURNING decision_id, run_id, profile_id, template_id
), sent AS (
    INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, template_id, address,
        lane, status, attempts, due_at, queued_at, sent_at, provider_id)
    SELECT leo_tenant(), m.decision_id, %(campaign_id)s, m.run_id, m.profile_id, sha256(int8send(m.decision_id)), 'email', template.channel_id,
           m.template_id, 'customer-' || m.profile_id || '@email.example', 'bulk', 'sent', 1, %(at)s, %(at)s, %(at)s, 'mail-' || m.decision_id
    FROM made m, template
    RETURNING delivery_id, profile_id
), tried AS (
    INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, at, status)
    SELECT leo_tenant(), sent.delivery_id, 1, a.phase, 'benchmark', %(at)s, a.status
    FROM sent, (VALUES ('started', 'sending'), ('ended', 'accepted')) AS a (phase, status)
)
INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at, received_at)
SELECT leo_tenant(), delivery_id, profile_id, %(campaign_id)s, 'delivered', 'd', %(at)s, %(at)s FROM sent;

-- name: people
SELECT profile_id FROM cdp_profiles WHERE tenant_id = leo_tenant() AND profile_id > %(after)s ORDER BY profile_id LIMIT %(count)s;

-- name: recent
-- Decisions of the last run, and whose.
SELECT d.decision_id, p.ext_id FROM decision d JOIN cdp_profiles p USING (tenant_id, profile_id)
WHERE d.tenant_id = leo_tenant() AND d.decided_at >= %(since)s AND d.action = 'send'
ORDER BY random() LIMIT %(count)s;

-- name: to_make_small
-- What rows are moved out of: the live tables and the graphs' labels.
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND (n.oid IN (SELECT namespace FROM ag_catalog.ag_graph)
    OR n.nspname = 'public' AND c.relname IN ('decision', 'delivery_log', 'delivery_attempt'));

-- name: sizes
-- Megabytes with indexes and TOAST: of the live tables, of the archive, of the graphs.
SELECT (pg_total_relation_size('decision') + pg_total_relation_size('delivery_log') + pg_total_relation_size('delivery_attempt'))
           / 1048576.0::float8 AS tables_mb,
       (SELECT sum(pg_total_relation_size(relid)) FROM (SELECT relid FROM pg_partition_tree('archive_decision')
           UNION ALL SELECT relid FROM pg_partition_tree('archive_delivery')) part) / 1048576.0::float8 AS archive_mb,
       (SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN ag_catalog.ag_graph g ON g.namespace = c.relnamespace
        WHERE c.relkind = 'r') / 1048576.0::float8 AS graph_mb;
