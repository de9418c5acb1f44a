-- name: take_batch
-- The batch, locked for this transaction; nothing where another worker has it, or it is done.
SELECT b.batch_id, b.run_id, b.lane, cardinality(b.profile_ids) AS size,
       r.campaign_id, r.kind, r.snapshot_id, r.event_id, r.status AS run_status, r.created_at AS run_created_at
FROM run_batch b JOIN campaign_run r USING (tenant_id, run_id)
WHERE b.tenant_id = leo_tenant() AND b.batch_id = %(batch_id)s AND b.status = 'pending'
FOR NO KEY UPDATE OF b SKIP LOCKED

-- name: lock_profiles
-- Two campaigns that decide for one person at the same instant must see each other's deliveries, or both pass its cap.
-- In the order of ids, so that two batches never wait for each other.
SELECT p.profile_id FROM cdp_profiles p
WHERE p.tenant_id = leo_tenant() AND p.profile_id = ANY (
    (SELECT profile_ids FROM run_batch WHERE tenant_id = leo_tenant() AND batch_id = %(batch_id)s)::bigint[])
ORDER BY p.profile_id
FOR NO KEY UPDATE

-- name: campaign
-- The campaign with its policy and the templates it may use: approved ones, on channels that are connected.
SELECT c.campaign_id, c.name, c.purpose, c.status, c.starts_at, c.ends_at, c.priority, c.control_share,
       p.policy_id, p.version AS policy_version, p.document AS policy, t.inputs_salt,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object('channel', m.channel, 'template_id', m.template_id, 'key', m.key,
                                               'version', m.version, 'channel_id', k.channel_id)
                            ORDER BY ct.position, m.template_id)
           FROM campaign_template ct
           JOIN message_template m USING (tenant_id, template_id)
           JOIN LATERAL (
               SELECT h.channel_id FROM channel h
               WHERE h.tenant_id = m.tenant_id AND h.kind = m.channel AND h.status <> 'disconnected'
               ORDER BY h.channel_id LIMIT 1) k ON true
           WHERE ct.tenant_id = c.tenant_id AND ct.campaign_id = c.campaign_id AND m.status = 'approved'), '[]') AS templates
FROM campaign c
JOIN tenant t USING (tenant_id)
LEFT JOIN LATERAL (
    SELECT policy_id, version, document FROM policy p
    WHERE p.tenant_id = c.tenant_id
      AND CASE WHEN c.policy_id IS NULL THEN p.key = 'default' ELSE p.policy_id = c.policy_id END
    ORDER BY version DESC LIMIT 1) p ON true
WHERE c.tenant_id = leo_tenant() AND c.campaign_id = %(campaign_id)s

-- name: facts
-- Everything known about the people of a batch: one row each, lists as JSON, the newest consent of each kind alone.
SELECT p.profile_id, p.ext_id, coalesce(p.zone, t.zone) AS zone, coalesce(p.locale, t.locale) AS locale,
       p.status = 'active' AS active, p.attributes,
       coalesce((
           SELECT jsonb_agg(jsonb_build_array(a.channel, a.value, a.address_id, a.valid, a.reason) ORDER BY a.address_id)
           FROM profile_address a WHERE a.tenant_id = leo_tenant() AND a.profile_id = p.profile_id), '[]') AS addresses,
       coalesce((
           SELECT jsonb_agg(jsonb_build_array(c.channel, c.purpose, c.granted, leo_iso(c.at)))
           FROM (SELECT DISTINCT ON (channel, purpose) channel, purpose, granted, at FROM consent
                 WHERE tenant_id = leo_tenant() AND profile_id = p.profile_id
                 ORDER BY channel, purpose, at DESC, granted) c), '[]') AS consents,
       coalesce((
           SELECT jsonb_agg(jsonb_build_array(s.channel, s.address, s.reason) ORDER BY s.suppression_id)
           FROM (SELECT suppression_id, channel, address, reason, expires_at FROM suppression
                 WHERE tenant_id = leo_tenant() AND profile_id = p.profile_id
                 UNION
                 SELECT f.suppression_id, f.channel, f.address, f.reason, f.expires_at
                 FROM profile_address a JOIN suppression f ON f.tenant_id = a.tenant_id AND f.address = a.value
                 WHERE a.tenant_id = leo_tenant() AND a.profile_id = p.profile_id AND f.profile_id IS NULL) s
           WHERE s.expires_at IS NULL OR s.expires_at > %(now)s), '[]') AS suppressions,
       coalesce((
           SELECT jsonb_agg(jsonb_build_array(d.channel, d.campaign_id, leo_iso(coalesce(d.sent_at, d.queued_at))))
           FROM delivery_log d
           WHERE d.tenant_id = leo_tenant() AND d.profile_id = p.profile_id AND d.queued_at > %(since)s
             AND d.status IN ('queued', 'sending', 'sent', 'uncertain')), '[]') AS contacts,
       coalesce((
           SELECT jsonb_object_agg(o.type, o.n)
           FROM (SELECT type, count(*) AS n FROM outcome
                 WHERE tenant_id = leo_tenant() AND profile_id = p.profile_id GROUP BY type) o), '{}') AS outcomes
FROM cdp_profiles p JOIN tenant t USING (tenant_id)
WHERE p.tenant_id = leo_tenant() AND p.profile_id = ANY (
    (SELECT profile_ids FROM run_batch WHERE tenant_id = leo_tenant() AND batch_id = %(batch_id)s)::bigint[])
ORDER BY p.profile_id

-- name: record
-- Decisions and the deliveries they ask for, in one statement: a delivery exists only with its decision, and neither
-- twice, because a decision that is there already gives none.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS g (
        profile_id bigint, action text, channel text, channel_id bigint, template_id bigint, reason text,
        candidates jsonb, inputs jsonb, inputs_hash text, latency_us bigint, wait_until timestamptz, address text,
        delivery_key text)
), made AS (
    INSERT INTO decision (tenant_id, run_id, campaign_id, profile_id, trigger_key, snapshot_id, event_id, template_id,
                          action, channel, reason, candidates, inputs, inputs_hash, policy_id, policy_version, arbiter,
                          latency_us, wait_until, decided_at)
    SELECT leo_tenant(), %(run_id)s, %(campaign_id)s, profile_id, %(trigger_key)s, %(snapshot_id)s, %(event_id)s, template_id,
           action, channel, reason, candidates, inputs, decode(inputs_hash, 'hex'), %(policy_id)s, %(policy_version)s,
           %(arbiter)s, latency_us, wait_until, %(now)s
    FROM given
    ON CONFLICT ON CONSTRAINT decision_trigger_unique DO NOTHING
    RETURNING decision_id, profile_id
), queued AS (
    INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id,
                              template_id, address, lane, due_at, expires_at)
    SELECT leo_tenant(), made.decision_id, %(campaign_id)s, %(run_id)s, profile_id, decode(delivery_key, 'hex'), channel,
           channel_id, template_id, address, %(lane)s, %(now)s, %(expires_at)s
    FROM made JOIN given USING (profile_id)
    WHERE action = 'send'
    ON CONFLICT ON CONSTRAINT delivery_log_event_id_unique DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM made) AS decisions, (SELECT count(*) FROM queued) AS deliveries,
       coalesce((SELECT array_agg(profile_id) FROM made), '{}') AS profile_ids

-- name: wake_up
-- A run of its own for those who wait, with a batch for each minute in which some of them can be asked again.
WITH waits AS (
    SELECT profile_id, date_trunc('minute', wait_until) + interval '1 minute' AS due_at,
           (row_number() OVER (PARTITION BY date_trunc('minute', wait_until) ORDER BY profile_id) - 1) / 500 AS part
    FROM jsonb_to_recordset(%(waits)s) AS w (profile_id bigint, wait_until timestamptz)
), run AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, status, lane, parent_id, snapshot_id, event_id)
    SELECT leo_tenant(), campaign_id, 'wake_up', 'running', lane, run_id, snapshot_id, event_id
    FROM campaign_run WHERE tenant_id = leo_tenant() AND run_id = %(run_id)s
    RETURNING run_id, lane
)
INSERT INTO run_batch (tenant_id, run_id, lane, due_at, profile_ids)
SELECT leo_tenant(), run.run_id, run.lane, due_at, array_agg(profile_id ORDER BY profile_id)
FROM waits CROSS JOIN run
GROUP BY run.run_id, run.lane, due_at, part

-- name: close_batch
UPDATE run_batch SET status = 'done', done_at = now() WHERE tenant_id = leo_tenant() AND batch_id = %(batch_id)s

-- name: finish_run
-- In a transaction of its own, after the batch's: two last batches that end together must see each other.
UPDATE campaign_run r SET status = 'finished', finished_at = now()
WHERE r.tenant_id = leo_tenant() AND r.run_id = %(run_id)s AND r.status IN ('pending', 'running')
  AND NOT EXISTS (SELECT FROM run_batch b WHERE b.tenant_id = r.tenant_id AND b.run_id = r.run_id AND b.status = 'pending')
