-- name: gates
-- The tenant's channels, each with how freely it may be called.
SELECT ch.channel_id, ch.kind, ch.name, ch.status, ch.failover, ch.settings ->> 'provider' AS provider, ch.settings -> 'limits' AS limits,
       g.spent_until, coalesce(g.circuit, 'working') AS circuit, g.held_until, coalesce(g.failures, 0) AS failures,
       coalesce(g.breaks, 0) AS breaks, coalesce(g.slowdowns, 0) AS slowdowns, coalesce(g.denials, 0) AS denials, g.reason
FROM channel ch LEFT JOIN channel_gate g ON g.tenant_id = ch.tenant_id AND g.channel_id = ch.channel_id
WHERE ch.tenant_id = leo_tenant() AND ch.status <> 'disconnected'
ORDER BY ch.channel_id

-- name: lock_gates
-- Until the transaction ends nobody else takes from these channels, or writes down what they answered.
INSERT INTO channel_gate (tenant_id, channel_id)
SELECT leo_tenant(), id FROM unnest(%(channel_ids)s::bigint[]) AS given (id) ORDER BY id
ON CONFLICT ON CONSTRAINT channel_gate_pkey DO UPDATE SET channel_id = excluded.channel_id
RETURNING channel_id, spent_until, circuit, held_until, failures, breaks, slowdowns, denials, reason

-- name: save_gates
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS given (
        channel_id bigint, spent_until timestamptz, circuit text, held_until timestamptz, failures int, breaks int,
        slowdowns int, denials int, reason text)
)
UPDATE channel_gate g
SET spent_until = given.spent_until, circuit = given.circuit, held_until = given.held_until, failures = given.failures,
    breaks = given.breaks, slowdowns = given.slowdowns, denials = given.denials, reason = left(given.reason, 500)
FROM given WHERE g.tenant_id = leo_tenant() AND g.channel_id = given.channel_id

-- name: pause_channel
-- Gives the channel's name if it was connected until now. A call that began before the token was renewed may be refused for
-- the old one, which says nothing about the new; a token that is refused otherwise is looked at immediately.
WITH paused AS (
    UPDATE channel c SET status = 'paused'
    WHERE c.tenant_id = leo_tenant() AND c.channel_id = %(channel_id)s AND c.status = 'connected'
      AND NOT (%(reason)s LIKE 'token_expired:%%' AND EXISTS (
          SELECT FROM channel_token t
          WHERE t.tenant_id = c.tenant_id AND t.channel_id = c.channel_id AND t.renewed_at > now() - interval '2 minutes'))
    RETURNING c.tenant_id, c.channel_id, c.name
), asked AS (
    UPDATE channel_token t SET due_at = now()
    FROM paused WHERE t.tenant_id = paused.tenant_id AND t.channel_id = paused.channel_id AND %(reason)s LIKE 'token_expired:%%'
), told AS (
    INSERT INTO channel_gate (tenant_id, channel_id, reason) SELECT tenant_id, channel_id, left(%(reason)s, 500) FROM paused
    ON CONFLICT ON CONSTRAINT channel_gate_pkey DO UPDATE SET reason = excluded.reason
)
SELECT name FROM paused

-- name: resume_channel
-- Connected again, as if nothing had happened; what was taken of its pace stays taken.
WITH resumed AS (
    UPDATE channel SET status = 'connected'
    WHERE tenant_id = leo_tenant() AND channel_id = %(channel_id)s AND status <> 'disconnected'
    RETURNING tenant_id, channel_id, name
), told AS (
    UPDATE channel_gate g
    SET circuit = 'working', held_until = NULL, failures = 0, breaks = 0, slowdowns = 0, denials = 0, reason = NULL
    FROM resumed WHERE g.tenant_id = resumed.tenant_id AND g.channel_id = resumed.channel_id
)
SELECT name FROM resumed

-- name: claim
-- Assigns due messages to one worker, in the order in which they are due: `sending`, a lease and a started attempt, committed
-- before any provider is called. One that must not be sent any more (`refusal`) is cancelled instead, with the reason.
-- {which} is one of the three below; `open` says whose messages may go through which channel, and how many. The tenant is
-- left to row security (see decide.sql).
WITH open AS (
    SELECT * FROM jsonb_to_recordset(%(open)s) AS open (channel_id bigint, through_id bigint, most int, recipient_s float8)
), found AS (
    SELECT one.*, open.through_id, open.most, open.recipient_s,
           row_number() OVER (PARTITION BY open.through_id, one.address ORDER BY one.due_at, one.delivery_id) AS of_address
    FROM open CROSS JOIN LATERAL (
        SELECT d.delivery_id, d.due_at, d.profile_id, d.channel, d.address, d.campaign_id
        FROM delivery_log d
        WHERE d.status = 'queued' AND d.through_id = open.channel_id AND {which}
          AND (d.expires_at IS NULL OR d.expires_at > %(now)s)
          -- A subquery, which follows the index of what is due: with a join the planner may begin with the runs, and then
          -- reads and sorts everything that is waiting (145 ms per claim instead of 5 when old runs had been archived).
          AND (SELECT r.status NOT IN ('paused', 'cancelled') AND c.status = 'active'
               FROM campaign_run r, campaign c
               WHERE r.tenant_id = d.tenant_id AND r.run_id = d.run_id
                 AND c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id)
          AND (NOT d.pinned OR open.through_id = open.channel_id)
          -- Another message to the same address is being sent, or was a moment ago.
          AND (open.recipient_s IS NULL OR NOT EXISTS (
              SELECT FROM delivery_log o
              WHERE o.profile_id = d.profile_id AND o.delivery_id <> d.delivery_id AND o.address = d.address AND o.attempts > 0
                AND (o.status = 'sending' OR o.updated_at > %(now)s::timestamptz - make_interval(secs => open.recipient_s))))
        ORDER BY d.due_at
        LIMIT open.most
        FOR NO KEY UPDATE OF d SKIP LOCKED) AS one
), placed AS (
    SELECT found.*, row_number() OVER (PARTITION BY through_id ORDER BY due_at, delivery_id) AS place
    FROM found WHERE recipient_s IS NULL OR of_address = 1
), due AS MATERIALIZED (
    SELECT * FROM placed WHERE place <= most ORDER BY due_at, delivery_id LIMIT %(most)s
), purposes AS MATERIALIZED (
    -- The policy in force, once per campaign, with the legal basis of its purpose: what is owed to a person is not
    -- advertising.
    SELECT c.campaign_id, c.purpose, held.policy_id, held.basis
    FROM campaign c LEFT JOIN LATERAL (
        SELECT one.policy_id, one.document -> 'purposes' ->> c.purpose AS basis FROM policy one
        WHERE NOT one.draft
          AND one.key = coalesce((SELECT own.key FROM policy own WHERE own.policy_id = c.policy_id), 'default')
        ORDER BY one.version DESC LIMIT 1) held ON true
    WHERE c.campaign_id = ANY (ARRAY(SELECT DISTINCT campaign_id FROM due))
), judged AS MATERIALIZED (
    SELECT d.delivery_id, d.through_id, policy.policy_id, policy.basis, {refusal} AS refused
    FROM (SELECT due.*, purposes.purpose FROM due JOIN purposes USING (campaign_id)) AS d JOIN purposes AS policy USING (campaign_id)
), claimed AS (
    UPDATE delivery_log d
    SET status = CASE WHEN judged.refused IS NULL THEN 'sending' ELSE 'cancelled' END,
        -- What came back about an earlier attempt says nothing about this one.
        code = coalesce(judged.refused, CASE WHEN d.code NOT IN ('bounced', 'told_by_outcome') THEN d.code END),
        attempts = d.attempts + (judged.refused IS NULL)::int,
        lease_owner = CASE WHEN judged.refused IS NULL THEN %(owner)s END,
        lease_until = CASE WHEN judged.refused IS NULL THEN %(lease_until)s::timestamptz END,
        moved_to = CASE WHEN judged.through_id <> d.channel_id THEN judged.through_id END
    FROM judged WHERE d.delivery_id = judged.delivery_id
    RETURNING d.*, judged.policy_id, judged.basis
), started AS (
    INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status, channel_id)
    SELECT tenant_id, delivery_id, attempts, 'started', %(owner)s, 'sending', through_id FROM claimed WHERE status = 'sending'
)
SELECT d.delivery_id, d.decision_id, d.run_id, d.event_id, d.status, d.channel, d.through_id AS channel_id, d.template_id, d.address,
       d.attempts, d.setbacks, d.expires_at, d.profile_id, p.ext_id, p.name, coalesce(p.locale, t.locale) AS locale,
       coalesce(p.zone, t.zone) AS zone, p.zone AS own_zone, t.zone AS tenant_zone, d.policy_id, p.attributes, c.key AS campaign_key, c.name AS campaign_name, c.purpose, c.resend, d.basis,
       (SELECT jsonb_build_object('type', e.type, 'ext_id', e.ext_id, 'occurred_at', e.occurred_at, 'attributes', e.attributes)
        FROM decision of JOIN marketing_event e ON e.tenant_id = of.tenant_id AND e.event_id = of.event_id
        WHERE of.tenant_id = d.tenant_id AND of.decision_id = d.decision_id) AS event,
       CASE WHEN %(traced)s THEN
           (SELECT r.traceparent FROM campaign_run r WHERE r.tenant_id = d.tenant_id AND r.run_id = d.run_id) END AS traceparent
FROM claimed d
JOIN tenant t ON t.tenant_id = d.tenant_id
JOIN cdp_profiles p ON p.tenant_id = d.tenant_id AND p.profile_id = d.profile_id
JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id

-- name: which_lane
d.lane = %(lane)s AND d.due_at <= %(now)s

-- name: which_run
d.run_id = %(run_id)s AND d.due_at <= %(now)s

-- name: which_these
d.delivery_id = ANY (%(delivery_ids)s) AND d.due_at <= %(now)s

-- name: refusal
-- Why a message `d` must not be sent to its person, NULL if it may: whatever can have changed since it was decided. For a
-- person with several profiles the consents and suppressions of all count, as in the gates. `policy.basis` is the legal basis
-- of its purpose.
(SELECT CASE
     WHEN NOT EXISTS (SELECT FROM cdp_profiles p WHERE p.profile_id = d.profile_id AND p.status = 'active') THEN 'person_gone'
     WHEN NOT EXISTS (
         SELECT FROM profile_address a
         WHERE a.profile_id = ANY (kin.ids) AND a.channel = d.channel AND a.value = d.address AND a.valid) THEN 'address_not_valid'
     WHEN EXISTS (
         SELECT FROM suppression s
         WHERE s.profile_id = ANY (kin.ids) AND s.address IS NULL AND (s.channel IS NULL OR s.channel = d.channel)
           AND (s.expires_at IS NULL OR s.expires_at > %(now)s)
         UNION ALL
         SELECT FROM suppression s
         WHERE s.address = d.address AND (s.channel IS NULL OR s.channel = d.channel)
           AND (s.expires_at IS NULL OR s.expires_at > %(now)s)) THEN 'suppressed'
     WHEN policy.basis IS DISTINCT FROM 'legal_obligation' AND NOT coalesce((
         SELECT one.granted FROM consent one
         WHERE one.profile_id = ANY (kin.ids) AND one.purpose = d.purpose AND (one.channel IS NULL OR one.channel = d.channel)
         ORDER BY one.at DESC, one.granted LIMIT 1), true) THEN 'consent_withdrawn' END
 FROM (SELECT ARRAY(SELECT d.profile_id UNION ALL
                    SELECT m.profile_id FROM cdp_profiles m WHERE m.merged_into = d.profile_id) AS ids
       -- Looked up once, not at each place.
       OFFSET 0) AS kin)

-- name: channels
-- What the adapters of some channels are made from; the credentials are sealed.
SELECT ch.channel_id, ch.kind, ch.settings, ch.webhook_key,
       (SELECT jsonb_object_agg(k.name, convert_from(k.ciphertext, 'UTF8'))
        FROM channel_credential k WHERE k.tenant_id = ch.tenant_id AND k.channel_id = ch.channel_id) AS sealed
FROM channel ch WHERE ch.tenant_id = leo_tenant() AND ch.channel_id = ANY (%(channel_ids)s)

-- name: policies
SELECT policy_id, version, document FROM policy WHERE tenant_id = leo_tenant() AND policy_id = ANY (%(policy_ids)s)

-- name: templates
SELECT template_id, key, version, channel, locale, subject, body_text, body_html, data, translations
FROM message_template WHERE tenant_id = leo_tenant() AND template_id = ANY (%(template_ids)s)

-- name: results
-- The results of attempts, for as many as there are. A result only concerns its own attempt: a lease that was given up
-- meanwhile is still told what happened, unless somebody else has begun the next attempt. An attempt ends once: writing
-- again, because the answer to the commit was lost, changes nothing.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS given (
        delivery_id bigint, number int, status text, receipt text, due_at timestamptz, provider_id text, code text, class text,
        detail text, response jsonb, setback int, pinned boolean)
), ended AS (
    INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status, code, class, detail)
    SELECT leo_tenant(), delivery_id, number, 'ended', %(owner)s, receipt, code, class, detail FROM given
    ON CONFLICT ON CONSTRAINT delivery_attempt_pkey DO NOTHING
    RETURNING delivery_id, number
), changed AS (
    UPDATE delivery_log d
    SET status = CASE WHEN d.code = 'bounced' AND given.status IN ('sent', 'uncertain', 'queued') THEN 'failed'
                      WHEN d.code = 'told_by_outcome' THEN 'sent' ELSE given.status END,
        lease_owner = NULL, lease_until = NULL, due_at = coalesce(given.due_at, d.due_at),
        provider_id = coalesce(given.provider_id, d.provider_id),
        -- It came back, or was answered, while it was still `sending`: that stays, and its provider did take it.
        code = CASE WHEN d.code = 'bounced' OR d.code = 'told_by_outcome' AND given.status <> 'sent' THEN d.code ELSE given.code END,
        class = CASE WHEN d.code = 'bounced' OR d.code = 'told_by_outcome' AND given.status <> 'sent' THEN d.class ELSE given.class END,
        setbacks = d.setbacks + given.setback, pinned = d.pinned OR given.pinned, response = given.response,
        sent_at = CASE WHEN given.status = 'sent' OR d.code = 'told_by_outcome' THEN %(now)s::timestamptz END
    FROM given JOIN ended USING (delivery_id, number)
    -- By their ids, repeated here: to a planner that knows of no message being sent, reading all of the tenant's looks
    -- cheaper (up to 700 ms per claim instead of 9, while the first campaign ran).
    WHERE d.delivery_id = ANY (ARRAY(SELECT delivery_id FROM given)) AND d.delivery_id = given.delivery_id
      AND d.attempts = given.number AND d.status IN ('sending', 'uncertain', 'queued')
    RETURNING d.tenant_id, d.delivery_id, d.run_id, d.campaign_id, d.profile_id, d.channel, d.address, d.status, d.class, d.code,
              given.detail
), spoiled AS (
    UPDATE profile_address a SET valid = false, reason = left('The provider refused it: ' || changed.detail, 200)
    -- The address may belong to a profile that was merged into this one.
    FROM changed CROSS JOIN LATERAL (
        SELECT changed.profile_id UNION ALL SELECT m.profile_id FROM cdp_profiles m WHERE m.merged_into = changed.profile_id) AS held
    WHERE a.profile_id = held.profile_id AND a.channel = changed.channel AND a.value = changed.address AND a.valid
      AND changed.status = 'failed' AND changed.class = 'invalid_address' AND changed.code IS DISTINCT FROM 'bounced'
), blocked AS (
    INSERT INTO suppression (tenant_id, profile_id, channel, reason, source)
    SELECT DISTINCT tenant_id, profile_id, channel, 'blocked', 'provider' FROM changed
    WHERE status = 'failed' AND class = 'blocked' AND code IS DISTINCT FROM 'bounced'
    -- An expired suppression is in force again.
    ON CONFLICT ON CONSTRAINT suppression_unique DO UPDATE SET at = now(), expires_at = NULL
    WHERE suppression.expires_at <= now()
)
-- Messages that have failed for good by this, including those that came back before, and runs that were paused or ended
-- meanwhile: what has not been begun of those is given back.
SELECT NULL AS run_id, delivery_id AS failed FROM changed WHERE status IN ('failed', 'dead')
UNION ALL
SELECT one.run_id, NULL FROM (SELECT DISTINCT run_id, campaign_id FROM changed) AS one
CROSS JOIN LATERAL (SELECT r.status FROM campaign_run r WHERE r.run_id = one.run_id LIMIT 1) AS run
CROSS JOIN LATERAL (SELECT c.status FROM campaign c WHERE c.campaign_id = one.campaign_id LIMIT 1) AS campaign
WHERE run.status IN ('paused', 'cancelled') OR campaign.status <> 'active'

-- name: fall_back
-- Of messages that failed for good, those whose policy lets another channel take over: their people are decided for again, in
-- a run that follows theirs. Nothing follows a message that may have arrived, nor one that came back after its person had
-- reacted to it. A run that is ending meanwhile is waited for, and then not used.
WITH failed AS (
    SELECT d.profile_id, d.run_id, d.campaign_id, d.lane
    FROM delivery_log d
    JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
    JOIN campaign_run r ON r.tenant_id = d.tenant_id AND r.run_id = d.run_id
    CROSS JOIN LATERAL (
        SELECT (one.document -> 'fallback' ->> 'hours')::float8 AS hours FROM policy one
        WHERE one.tenant_id = c.tenant_id AND NOT one.draft
          AND one.key = coalesce((SELECT own.key FROM policy own
                                  WHERE own.tenant_id = c.tenant_id AND own.policy_id = c.policy_id), 'default')
        ORDER BY one.version DESC LIMIT 1) AS allowed
    WHERE d.delivery_id = ANY (%(delivery_ids)s) AND d.status IN ('failed', 'dead')
      AND d.queued_at > %(now)s::timestamptz - make_interval(secs => 3600 * allowed.hours)
      AND (d.expires_at IS NULL OR d.expires_at > %(now)s)
      AND c.status IN ('active', 'paused') AND r.status <> 'cancelled'
      AND NOT EXISTS (SELECT FROM outcome o
                      WHERE o.tenant_id = d.tenant_id AND o.delivery_id = d.delivery_id
                        AND o.type IN ('read', 'clicked', 'replied', 'visited', 'bought'))
), runs AS MATERIALIZED (
    -- A provider may report a thousand bounces at once, and a batch has 500 people.
    SELECT one.run_id, one.campaign_id, one.lane, array_agg(one.profile_id ORDER BY one.profile_id) AS profile_ids
    FROM (SELECT whom.*, (row_number() OVER (PARTITION BY whom.run_id, whom.lane ORDER BY whom.profile_id) - 1) / 500 AS part
          FROM (SELECT DISTINCT run_id, campaign_id, lane, profile_id FROM failed) AS whom) AS one
    GROUP BY one.run_id, one.campaign_id, one.lane, one.part
), there AS MATERIALIZED (
    SELECT one.run_id, one.parent_id, one.lane FROM campaign_run one
    WHERE one.parent_id = ANY (ARRAY(SELECT run_id FROM runs)) AND one.kind = 'fallback' AND one.status IN ('pending', 'running')
    ORDER BY one.run_id FOR NO KEY UPDATE
), made AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, snapshot_id, parent_id)
    SELECT leo_tenant(), runs.campaign_id, 'fallback', runs.lane,
           (SELECT r.snapshot_id FROM campaign_run r WHERE r.run_id = runs.run_id), runs.run_id
    FROM (SELECT DISTINCT run_id, campaign_id, lane FROM runs) AS runs
    WHERE NOT EXISTS (SELECT FROM there WHERE there.parent_id = runs.run_id AND there.lane = runs.lane)
    RETURNING run_id, parent_id, lane
)
INSERT INTO run_batch (tenant_id, run_id, lane, due_at, profile_ids)
SELECT leo_tenant(), follower.run_id, runs.lane, %(now)s, runs.profile_ids
FROM runs CROSS JOIN LATERAL (
    SELECT one.run_id FROM (SELECT * FROM there UNION ALL SELECT * FROM made) AS one
    WHERE one.parent_id = runs.run_id AND one.lane = runs.lane ORDER BY one.run_id LIMIT 1) AS follower

-- name: put_aside
-- What is due and may not be sent now: past its time, its run or campaign ended, or paused. A paused message stays queued and
-- is looked at again a little later, so that claims do not read past it each time.
WITH held AS (
    SELECT d.delivery_id,
           CASE WHEN d.expires_at <= %(now)s THEN 'expired'
                WHEN r.status = 'cancelled' OR c.status = 'ended' THEN 'cancelled'
                ELSE 'queued' END AS becomes
    FROM delivery_log d
    JOIN campaign_run r ON r.tenant_id = d.tenant_id AND r.run_id = d.run_id
    JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
    JOIN channel ch ON ch.tenant_id = d.tenant_id AND ch.channel_id = d.through_id
    WHERE d.status = 'queued' AND d.lane = %(lane)s AND d.due_at <= %(now)s
      AND (d.expires_at <= %(now)s OR r.status IN ('paused', 'cancelled') OR c.status <> 'active'
           OR ch.status <> 'connected' AND (d.pinned OR ch.failover IS NULL OR NOT EXISTS (
               SELECT FROM channel other
               WHERE other.tenant_id = ch.tenant_id AND other.kind = ch.kind AND other.failover IS NOT NULL
                 AND other.status = 'connected')))
    ORDER BY d.due_at
    LIMIT %(most)s
    FOR NO KEY UPDATE OF d SKIP LOCKED
), done AS (
    UPDATE delivery_log d
    SET status = held.becomes, due_at = CASE held.becomes WHEN 'queued' THEN %(later)s ELSE d.due_at END
    FROM held WHERE d.delivery_id = held.delivery_id
    RETURNING d.status
)
SELECT count(*) FILTER (WHERE status = 'expired') AS expired, count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE status = 'queued') AS held
FROM done

-- name: lease_owners
SELECT DISTINCT lease_owner FROM delivery_log WHERE status = 'sending' AND lane = %(lane)s

-- name: give_up_leases
-- Messages held by a worker that is gone. Whether they left is not known: they are sent again only if the provider drops
-- duplicates or the campaign says so, otherwise they are uncertain. One that came back or was answered meanwhile did leave.
WITH lost AS (
    SELECT d.delivery_id, c.resend,
           CASE WHEN d.code = 'bounced' THEN 'failed' WHEN d.code = 'told_by_outcome' THEN 'sent'
                WHEN (c.resend OR ch.kind || '.' || coalesce(ch.settings ->> 'provider', '') = ANY (%(deduplicating)s))
                     AND d.setbacks + 1 < %(most_attempts)s
                THEN 'queued' ELSE 'uncertain' END AS becomes
    FROM delivery_log d
    JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
    JOIN channel ch ON ch.tenant_id = d.tenant_id AND ch.channel_id = d.through_id
    WHERE d.status = 'sending' AND d.lane = %(lane)s AND (d.lease_until <= %(now)s OR d.lease_owner = ANY (%(gone)s))
    FOR NO KEY UPDATE OF d SKIP LOCKED
), done AS (
    UPDATE delivery_log d
    SET status = lost.becomes, lease_owner = NULL, lease_until = NULL,
        code = CASE WHEN lost.becomes IN ('failed', 'sent') THEN d.code ELSE 'lease_lost' END,
        class = CASE WHEN lost.becomes IN ('failed', 'sent') THEN d.class ELSE 'unknown' END,
        sent_at = CASE lost.becomes WHEN 'sent' THEN %(now)s::timestamptz ELSE d.sent_at END, setbacks = d.setbacks + 1, pinned = d.pinned OR lost.becomes = 'queued' AND NOT lost.resend,
        due_at = CASE lost.becomes WHEN 'queued' THEN %(now)s ELSE d.due_at END
    FROM lost WHERE d.delivery_id = lost.delivery_id
    RETURNING d.delivery_id, d.status
)
SELECT count(*) FILTER (WHERE status = 'queued') AS requeued, count(*) FILTER (WHERE status = 'uncertain') AS uncertain,
       array_agg(delivery_id) FILTER (WHERE status = 'failed') AS came_back
FROM done
