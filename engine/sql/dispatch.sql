-- name: claim
-- Takes the messages that are due into one worker's hands, in the order they are due: `sending`, a lease and an attempt
-- that has started, committed before any provider is called. {which} is one of the two below. The tenant is left to row
-- security (see decide.sql).
WITH due AS (
    SELECT d.delivery_id
    FROM delivery_log d
    JOIN campaign_run r ON r.tenant_id = d.tenant_id AND r.run_id = d.run_id
    JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
    JOIN channel ch ON ch.tenant_id = d.tenant_id AND ch.channel_id = d.channel_id
    WHERE d.status = 'queued' AND {which} AND (d.expires_at IS NULL OR d.expires_at > %(now)s)
      AND r.status NOT IN ('paused', 'cancelled') AND c.status = 'active' AND ch.status = 'connected'
    ORDER BY d.due_at
    LIMIT %(most)s
    FOR NO KEY UPDATE OF d SKIP LOCKED
), claimed AS (
    UPDATE delivery_log d
    SET status = 'sending', attempts = d.attempts + 1, lease_owner = %(owner)s, lease_until = %(lease_until)s
    FROM due WHERE d.delivery_id = due.delivery_id
    RETURNING d.*
), started AS (
    INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status)
    SELECT tenant_id, delivery_id, attempts, 'started', %(owner)s, 'sending' FROM claimed
)
SELECT d.delivery_id, d.event_id, d.channel, d.channel_id, d.template_id, d.address, d.attempts, d.expires_at, d.profile_id,
       p.ext_id, p.name, coalesce(p.locale, t.locale) AS locale, coalesce(p.zone, t.zone) AS zone, p.attributes,
       c.key AS campaign_key, c.name AS campaign_name, c.purpose, c.resend,
       -- The ground of its purpose in the policy that holds: what is owed to a person is no advertising.
       (SELECT one.document -> 'purposes' ->> c.purpose FROM policy one
        WHERE one.tenant_id = c.tenant_id AND NOT one.draft
          AND one.key = coalesce((SELECT own.key FROM policy own
                                  WHERE own.tenant_id = c.tenant_id AND own.policy_id = c.policy_id), 'default')
        ORDER BY one.version DESC LIMIT 1) AS basis,
       (SELECT jsonb_build_object('type', e.type, 'ext_id', e.ext_id, 'occurred_at', e.occurred_at, 'attributes', e.attributes)
        FROM decision of JOIN marketing_event e ON e.tenant_id = of.tenant_id AND e.event_id = of.event_id
        WHERE of.tenant_id = d.tenant_id AND of.decision_id = d.decision_id) AS event
FROM claimed d
JOIN tenant t ON t.tenant_id = d.tenant_id
JOIN cdp_profiles p ON p.tenant_id = d.tenant_id AND p.profile_id = d.profile_id
JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id

-- name: which_lane
d.lane = %(lane)s AND d.due_at <= %(now)s

-- name: which_run
d.run_id = %(run_id)s AND d.due_at <= %(now)s

-- name: channels
-- What the adapters of some channels are made from; the credentials are sealed.
SELECT ch.channel_id, ch.kind, ch.settings,
       (SELECT jsonb_object_agg(k.name, convert_from(k.ciphertext, 'UTF8'))
        FROM channel_credential k WHERE k.tenant_id = ch.tenant_id AND k.channel_id = ch.channel_id) AS sealed
FROM channel ch WHERE ch.tenant_id = leo_tenant() AND ch.channel_id = ANY (%(channel_ids)s)

-- name: templates
SELECT template_id, key, version, channel, locale, subject, body_text, body_html, data, translations
FROM message_template WHERE tenant_id = leo_tenant() AND template_id = ANY (%(template_ids)s)

-- name: results
-- What came of attempts, for as many as there are. It holds for the attempt it is about alone: a lease that was given up
-- meanwhile is still told what happened, unless somebody else has begun the next attempt.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS given (
        delivery_id bigint, number int, status text, receipt text, due_at timestamptz, provider_id text, code text, class text,
        detail text, response jsonb)
), changed AS (
    UPDATE delivery_log d
    SET status = given.status, lease_owner = NULL, lease_until = NULL, due_at = coalesce(given.due_at, d.due_at),
        provider_id = coalesce(given.provider_id, d.provider_id), code = given.code, class = given.class,
        response = given.response, sent_at = CASE given.status WHEN 'sent' THEN %(now)s::timestamptz END
    FROM given
    WHERE d.delivery_id = given.delivery_id AND d.attempts = given.number AND d.status IN ('sending', 'uncertain', 'queued')
    RETURNING d.tenant_id, d.profile_id, d.channel, d.address, d.status, d.class, given.detail
), ended AS (
    INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status, code, class, detail)
    SELECT leo_tenant(), delivery_id, number, 'ended', %(owner)s, receipt, code, class, detail FROM given
    ON CONFLICT ON CONSTRAINT delivery_attempt_pkey DO NOTHING
), spoiled AS (
    UPDATE profile_address a SET valid = false, reason = left('The provider refused it: ' || changed.detail, 200)
    -- It may be an address of a profile that was merged into this one.
    FROM changed CROSS JOIN LATERAL (
        SELECT changed.profile_id UNION ALL SELECT m.profile_id FROM cdp_profiles m WHERE m.merged_into = changed.profile_id) AS held
    WHERE a.profile_id = held.profile_id AND a.channel = changed.channel AND a.value = changed.address AND a.valid
      AND changed.status = 'failed' AND changed.class = 'invalid_address'
), blocked AS (
    INSERT INTO suppression (tenant_id, profile_id, channel, reason, source)
    SELECT DISTINCT tenant_id, profile_id, channel, 'blocked', 'provider' FROM changed
    WHERE status = 'failed' AND class = 'blocked'
    ON CONFLICT ON CONSTRAINT suppression_unique DO NOTHING
)
SELECT count(*) AS changed FROM changed

-- name: put_aside
-- What is due and may not be sent now: past its time, its run or campaign ended, or paused. The last stays queued and is
-- looked at again a little later, so that the claim does not read past it each time.
WITH held AS (
    SELECT d.delivery_id,
           CASE WHEN d.expires_at <= %(now)s THEN 'expired'
                WHEN r.status = 'cancelled' OR c.status = 'ended' THEN 'cancelled'
                ELSE 'queued' END AS becomes
    FROM delivery_log d
    JOIN campaign_run r ON r.tenant_id = d.tenant_id AND r.run_id = d.run_id
    JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
    JOIN channel ch ON ch.tenant_id = d.tenant_id AND ch.channel_id = d.channel_id
    WHERE d.status = 'queued' AND d.lane = %(lane)s AND d.due_at <= %(now)s
      AND (d.expires_at <= %(now)s OR r.status IN ('paused', 'cancelled') OR c.status <> 'active' OR ch.status <> 'connected')
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
-- Messages in the hands of a worker that is gone. Whether they left is not known: sent again only where the provider drops
-- the second or the campaign says so, else uncertain.
WITH lost AS (
    SELECT d.delivery_id,
           CASE WHEN (c.resend OR d.channel = ANY (%(deduplicating)s)) AND d.attempts < %(most_attempts)s
                THEN 'queued' ELSE 'uncertain' END AS becomes
    FROM delivery_log d JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
    WHERE d.status = 'sending' AND d.lane = %(lane)s AND (d.lease_until <= %(now)s OR d.lease_owner = ANY (%(gone)s))
    FOR NO KEY UPDATE OF d SKIP LOCKED
), done AS (
    UPDATE delivery_log d
    SET status = lost.becomes, lease_owner = NULL, lease_until = NULL, code = 'lease_lost', class = 'unknown',
        due_at = CASE lost.becomes WHEN 'queued' THEN %(now)s ELSE d.due_at END
    FROM lost WHERE d.delivery_id = lost.delivery_id
    RETURNING d.status
)
SELECT count(*) FILTER (WHERE status = 'queued') AS requeued, count(*) FILTER (WHERE status = 'uncertain') AS uncertain FROM done
