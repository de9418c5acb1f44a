-- name: record
-- What providers told, for as many as there are: each finds its message by our event id or by the provider's own, else
-- by its address the newest on that channel, else the person alone; what is new is kept, and changes what may be sent.
-- A watermark (`up_to`) is about every message that was sent to the address until then, and about nothing else. What is told of
-- a message that is named (`is_named`) and not known is about no other: it may be known in a moment, or be somebody else's.
WITH given AS (
    SELECT given.*, (event_hex IS NOT NULL OR provider_id IS NOT NULL)
                    AND (type IN ('delivered', 'read', 'bounced') OR type = 'clicked' AND event IS NULL) AS is_named
    FROM jsonb_to_recordset(%(rows)s) AS given (
        place int, dedup_key text, type text, at timestamptz, event_hex text, provider_id text, address text,
        value double precision, raw jsonb, event text, up_to boolean, soft boolean)
), via AS MATERIALIZED (
    SELECT kind FROM channel WHERE channel_id = %(channel_id)s
), kin AS MATERIALIZED (
    -- One application of Zalo reports about messages and about templates, which are two channels here.
    SELECT one.channel_id, one.kind FROM channel one, via
    WHERE one.channel_id = %(channel_id)s OR one.kind <> via.kind AND one.kind = ANY (%(kinds)s)
), matched AS (
    SELECT given.*, coalesce(own.delivery_id, theirs.delivery_id, there.delivery_id) AS delivery_id,
           coalesce(own.profile_id, theirs.profile_id, there.profile_id, person.profile_id) AS profile_id,
           coalesce(own.campaign_id, theirs.campaign_id, there.campaign_id) AS campaign_id,
           own.delivery_id IS NULL AND theirs.delivery_id IS NULL AS by_address
    FROM given
    LEFT JOIN LATERAL (
        -- LIMIT keeps this a look-up for each row: joined as a set, the planner read all of the tenant's deliveries.
        SELECT d.delivery_id, d.profile_id, d.campaign_id FROM delivery_log d
        WHERE d.event_id = decode(given.event_hex, 'hex') LIMIT 1
    ) here ON true
    LEFT JOIN LATERAL (
        -- A delivery that is not live may be in the archive.
        SELECT here.delivery_id, here.profile_id, here.campaign_id WHERE here.delivery_id IS NOT NULL
        UNION ALL
        SELECT a.delivery_id, a.profile_id, a.campaign_id FROM archive_delivery a
        WHERE here.delivery_id IS NULL AND a.event_id = decode(given.event_hex, 'hex')
        LIMIT 1
    ) own ON true
    LEFT JOIN LATERAL (
        SELECT d.delivery_id, d.profile_id, d.campaign_id FROM delivery_log d
        WHERE own.delivery_id IS NULL AND d.through_id = ANY (ARRAY(SELECT channel_id FROM kin)) AND d.provider_id = given.provider_id
        ORDER BY d.delivery_id DESC LIMIT 1
    ) near ON true
    LEFT JOIN LATERAL (
        SELECT near.delivery_id, near.profile_id, near.campaign_id WHERE near.delivery_id IS NOT NULL
        UNION ALL
        (SELECT a.delivery_id, a.profile_id, a.campaign_id FROM archive_delivery a
         WHERE own.delivery_id IS NULL AND near.delivery_id IS NULL
           AND a.through_id = ANY (ARRAY(SELECT channel_id FROM kin)) AND a.provider_id = given.provider_id
         ORDER BY a.delivery_id DESC LIMIT 1)
        LIMIT 1
    ) theirs ON true
    LEFT JOIN LATERAL (
        SELECT a.profile_id FROM profile_address a
        WHERE own.delivery_id IS NULL AND theirs.delivery_id IS NULL AND given.is_named IS NOT TRUE
          AND a.channel = ANY (ARRAY(SELECT kind FROM kin)) AND a.value = given.address
        ORDER BY a.address_id LIMIT 1
    ) person ON true
    LEFT JOIN LATERAL (
        -- A reaction without a reference (a block, a new message) counts as one to what was sent there last.
        -- We record that a message was sent when its answer is there, which the provider's watermark may precede.
        SELECT d.delivery_id, d.profile_id, d.campaign_id FROM delivery_log d
        WHERE d.profile_id = person.profile_id AND d.through_id = ANY (ARRAY(SELECT channel_id FROM kin))
          AND d.address = given.address AND d.queued_at > given.at - interval '30 days'
          AND d.sent_at <= given.at + CASE WHEN given.up_to THEN interval '5 seconds' ELSE interval '0' END
        ORDER BY d.queued_at DESC LIMIT CASE WHEN given.up_to THEN 100 ELSE 1 END
    ) there ON true
), resolved AS (
    SELECT * FROM matched WHERE profile_id IS NOT NULL AND (delivery_id IS NOT NULL OR NOT up_to)
), new AS (
    INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, value, occurred_at, raw)
    SELECT leo_tenant(), delivery_id, profile_id, campaign_id, type, dedup_key, value, at, raw
    FROM resolved WHERE type IS NOT NULL
    ORDER BY place
    ON CONFLICT ON CONSTRAINT outcome_unique DO NOTHING
    RETURNING tenant_id, outcome_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at
), told AS (
    SELECT new.*, coalesce(said.soft AND new.type = 'bounced', false) AS soft, coalesce(said.by_address, false) AS by_address,
           coalesce(d.channel, (SELECT kind FROM via)) AS channel, d.address, coalesce(c.purpose, 'marketing') AS purpose
    FROM new
    LEFT JOIN LATERAL (
        SELECT bool_or(r.soft) AS soft, bool_or(r.by_address) AS by_address FROM resolved r
        WHERE r.type = new.type AND r.dedup_key = new.dedup_key AND r.profile_id = new.profile_id
          AND r.delivery_id IS NOT DISTINCT FROM new.delivery_id) said ON true
    LEFT JOIN LATERAL (
        SELECT one.channel, one.address FROM all_delivery one
        WHERE one.tenant_id = new.tenant_id AND one.delivery_id = new.delivery_id LIMIT 1) d ON true
    LEFT JOIN campaign c ON c.tenant_id = new.tenant_id AND c.campaign_id = new.campaign_id
), settled AS (
    -- A bounce comes after the provider took the message; any other answer shows that an uncertain one arrived, even if it is
    -- to be sent again. An answer that overtakes its attempt's result is noted next to it, and settled when that is written
    -- (results, give_up_leases).
    UPDATE delivery_log d
    SET status = CASE WHEN d.status = 'sending' THEN 'sending' WHEN told.bounced THEN 'failed' ELSE 'sent' END,
        code = CASE WHEN told.bounced THEN 'bounced' ELSE 'told_by_outcome' END,
        class = CASE WHEN told.hard THEN 'invalid_address' WHEN told.bounced THEN 'blocked' ELSE 'accepted' END,
        sent_at = CASE d.status WHEN 'sending' THEN d.sent_at ELSE coalesce(d.sent_at, told.at) END
    FROM (SELECT delivery_id, bool_or(type = 'bounced') AS bounced, bool_or(type = 'bounced' AND NOT soft) AS hard,
                 min(occurred_at) AS at
          FROM told WHERE delivery_id IS NOT NULL GROUP BY delivery_id) told
    WHERE d.delivery_id = told.delivery_id
      AND (told.bounced AND d.status IN ('sending', 'sent', 'uncertain')
           OR NOT told.bounced AND (d.status = 'uncertain'
                                    -- What came back and is sent again is another attempt, about which this says nothing.
                                    OR d.status IN ('sending', 'queued') AND d.attempts > 0 AND d.code IS DISTINCT FROM 'bounced'))
    RETURNING d.delivery_id, d.status
), suppressed AS (
    INSERT INTO suppression (tenant_id, profile_id, channel, address, reason, source)
    -- An address that bounces does so for whoever has it; a complaint is a person's, about the whole channel.
    SELECT DISTINCT tenant_id, CASE type WHEN 'complained' THEN profile_id END, channel,
           CASE type WHEN 'bounced' THEN address END, type, 'outcome'
    FROM told WHERE type = 'complained' OR type = 'bounced' AND address IS NOT NULL AND NOT soft
    -- An expired suppression is in force again.
    ON CONFLICT ON CONSTRAINT suppression_unique DO UPDATE SET at = now(), expires_at = NULL
    WHERE suppression.expires_at <= now()
), withdrawn AS (
    INSERT INTO consent (tenant_id, profile_id, channel, purpose, granted, source, at)
    SELECT DISTINCT told.tenant_id, told.profile_id, told.channel, p.purpose, false, 'outcome', told.occurred_at
    -- Turning away from the channel itself (an unfollow, a block) means all of it, whatever the newest message there was
    -- about.
    FROM told CROSS JOIN LATERAL (
        SELECT told.purpose
        UNION SELECT 'marketing' WHERE told.by_address
        UNION SELECT c.purpose FROM consent c WHERE told.by_address AND c.profile_id = told.profile_id) AS p
    WHERE told.type IN ('unsubscribed', 'complained')
    ON CONFLICT ON CONSTRAINT consent_unique DO NOTHING
), reported AS (
    -- What the CDP that the person came from wants to be told: stored with the outcome or not at all.
    INSERT INTO outbox (tenant_id, topic, payload)
    SELECT new.tenant_id, 'cdp.event', jsonb_build_object('outcome_id', new.outcome_id, 'source_id', wants.source_id)
    FROM new
    CROSS JOIN LATERAL (SELECT p.source FROM cdp_profiles p
                        WHERE p.tenant_id = new.tenant_id AND p.profile_id = new.profile_id LIMIT 1) came
    CROSS JOIN LATERAL (SELECT s.source_id FROM source s
                        WHERE s.tenant_id = new.tenant_id AND s.key = came.source AND s.report -> 'outcomes' ? new.type) wants
), heard AS MATERIALIZED (
    SELECT DISTINCT unnest(event_types) AS type FROM segment WHERE archived_at IS NULL
), rechecks AS (
    -- Losing consent may change which segments a person belongs to, if there are any.
    INSERT INTO recheck (tenant_id, profile_id, event_types)
    SELECT new.tenant_id, p.profile_id,
           CASE WHEN bool_or(type IN ('unsubscribed', 'complained')) THEN '{}' ELSE array_agg(DISTINCT 'outcome:' || type) END
    FROM new
    CROSS JOIN LATERAL (SELECT coalesce(o.merged_into, o.profile_id) AS profile_id FROM cdp_profiles o
                        WHERE o.tenant_id = new.tenant_id AND o.profile_id = new.profile_id LIMIT 1) p
    WHERE 'outcome:' || type IN (SELECT type FROM heard) OR '*' IN (SELECT type FROM heard)
       OR type IN ('unsubscribed', 'complained') AND EXISTS (SELECT FROM segment WHERE archived_at IS NULL)
    GROUP BY new.tenant_id, p.profile_id ORDER BY p.profile_id
    ON CONFLICT ON CONSTRAINT recheck_pkey DO UPDATE
    SET event_types = CASE WHEN '{}' IN (recheck.event_types, excluded.event_types) THEN '{}'
                           ELSE ARRAY(SELECT DISTINCT unnest(recheck.event_types || excluded.event_types)) END,
        due_at = least(recheck.due_at, excluded.due_at)
)
SELECT (SELECT count(*) FROM new) AS new,
       (SELECT count(*) FROM resolved WHERE type IS NOT NULL) AS known,
       (SELECT count(*) FROM given WHERE place NOT IN (SELECT place FROM resolved)) AS unknown,
       -- What came back just now: another channel may take over.
       (SELECT array_agg(s.delivery_id ORDER BY s.delivery_id) FROM settled s WHERE s.status = 'failed') AS came_back,
       (SELECT jsonb_agg(jsonb_build_array(r.place, p.ext_id) ORDER BY r.place)
        FROM resolved r JOIN cdp_profiles p ON p.profile_id = r.profile_id WHERE r.event IS NOT NULL) AS events
