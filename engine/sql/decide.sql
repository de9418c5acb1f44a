-- Where many people are looked up, the tenant is left to row security. Written out, `tenant_id = leo_tenant()` is known when
-- the plan is made: a tenant filled a minute ago is not in the statistics, counts as one row, and any index that begins with
-- tenant_id looks as good as the right one (32,000 people: 28 us per person instead of 1,700).

-- name: frame
-- Locks one batch that is still to be decided, and reads what holds for all its people: run, campaign, policy in force,
-- approved templates with the channel each would go through. No row: another worker has it, or it is done.
SELECT b.tenant_id, b.batch_id, b.run_id, b.lane, b.profile_ids,
       r.kind, r.status AS run_status, r.snapshot_id, r.created_at AS started_at, (r.forecast ->> 'people')::int AS run_people,
       root.event_id, root.wake_ups, root.fallbacks, c.campaign_id, c.key AS campaign_key, c.name, c.purpose, c.starts_at, c.ends_at, c.priority, c.control_share, c.budget,
       c.good_for_minutes, c.status AS campaign_status, p.policy_id, p.version AS policy_version, p.document AS policy,
       t.zone, t.locale, t.inputs_salt, t.graph_name,
       EXISTS (SELECT FROM campaign o
               WHERE o.tenant_id = c.tenant_id AND o.status = 'active' AND o.priority > c.priority) AS has_rivals,
       (SELECT jsonb_agg(jsonb_build_array(m.channel, m.template_id, m.key, m.version, via.channel_id, m.topics)
                         ORDER BY ct.position, m.template_id)
        FROM campaign_template ct
        JOIN message_template m ON m.tenant_id = ct.tenant_id AND m.template_id = ct.template_id AND m.status = 'approved'
        -- A paused channel is a reason to queue a message, not to drop it.
        JOIN LATERAL (SELECT ch.channel_id FROM channel ch
                      WHERE ch.tenant_id = m.tenant_id AND ch.kind = m.channel AND ch.status <> 'disconnected'
                      ORDER BY ch.status, ch.failover NULLS LAST, ch.channel_id LIMIT 1) via ON true
        WHERE ct.tenant_id = c.tenant_id AND ct.campaign_id = c.campaign_id) AS templates
FROM run_batch b
JOIN campaign_run r ON r.tenant_id = b.tenant_id AND r.run_id = b.run_id
JOIN campaign c ON c.tenant_id = r.tenant_id AND c.campaign_id = r.campaign_id
JOIN tenant t ON t.tenant_id = b.tenant_id
LEFT JOIN LATERAL (
    SELECT one.policy_id, one.version, one.document FROM policy one
    WHERE one.tenant_id = c.tenant_id AND NOT one.draft
      AND one.key = coalesce((SELECT own.key FROM policy own
                              WHERE own.tenant_id = c.tenant_id AND own.policy_id = c.policy_id), 'default')
    ORDER BY one.version DESC LIMIT 1) p ON true
-- The triggering event: a run's event is unique in its campaign, so a wake-up finds it through its parents.
CROSS JOIN LATERAL (
    WITH RECURSIVE up AS (
        SELECT r.parent_id, r.event_id, (r.kind = 'wake_up')::int AS wake_ups, (r.kind = 'fallback')::int AS fallbacks
        UNION ALL
        SELECT a.parent_id, coalesce(up.event_id, a.event_id), up.wake_ups + (a.kind = 'wake_up')::int,
               up.fallbacks + (a.kind = 'fallback')::int
        FROM up JOIN campaign_run a ON a.tenant_id = b.tenant_id AND a.run_id = up.parent_id)
    SELECT event_id, wake_ups, fallbacks FROM up WHERE parent_id IS NULL) root
WHERE b.tenant_id = leo_tenant() AND b.batch_id = %(batch_id)s AND b.status = 'pending'
FOR NO KEY UPDATE OF b SKIP LOCKED

-- name: lock_twins
-- Two batches that decide for the same person go one after the other, in the order of ids, so that the second sees what the
-- first queued. A person may have two profiles, so whoever has an address of theirs is locked too. Of a crowd that shares one
-- address the first few are enough, because all who decide for some of it meet there. Gives each address that several people
-- have, with those of the batch (`person_ids`) and everybody (`holder_ids`, at most a given number) who has it; without an
-- address, the profiles that were merged into people. LIMIT keeps look-ups what they are (see outcomes.sql).
WITH own AS MATERIALIZED (
    SELECT person.id AS person_id, person.id AS profile_id FROM unnest(%(profile_ids)s::bigint[]) AS person (id)
    UNION ALL
    SELECT p.merged_into, p.profile_id FROM cdp_profiles p WHERE p.merged_into = ANY (%(profile_ids)s)
), theirs AS MATERIALIZED (
    SELECT one.channel, one.value, array_agg(DISTINCT own.person_id) AS person_ids
    FROM own CROSS JOIN LATERAL (
        SELECT a.channel, a.value FROM profile_address a
        WHERE a.profile_id = own.profile_id AND a.channel = ANY (%(channels)s) AND a.valid LIMIT %(countable)s) AS one
    GROUP BY one.channel, one.value
), held AS MATERIALIZED (
    SELECT theirs.channel, theirs.value, theirs.person_ids, ARRAY(
        SELECT a.profile_id FROM profile_address a
        WHERE a.channel = theirs.channel AND a.value = theirs.value AND a.valid LIMIT %(countable)s) AS holder_ids
    FROM theirs
), locked AS MATERIALIZED (
    SELECT FROM cdp_profiles
    WHERE profile_id = ANY (ARRAY(SELECT profile_id FROM own UNION SELECT unnest(holder_ids[:%(few)s]) FROM held))
    ORDER BY profile_id FOR NO KEY UPDATE
)
SELECT found.channel, found.value, found.person_ids, found.holder_ids
-- Counted, so that they are locked whatever is found.
FROM (SELECT count(*) AS people FROM locked) AS done
LEFT JOIN (
    SELECT channel, value, person_ids, holder_ids FROM held WHERE cardinality(holder_ids) > 1
    UNION ALL
    SELECT NULL, NULL, ARRAY[person_id], array_agg(profile_id) FROM own WHERE profile_id <> person_id GROUP BY person_id
) AS found ON done.people > 0

-- name: reached
-- What goes to some profiles, or to whoever is the same person, in the runs of this snapshot, or in this run and those it was
-- woken from. A statement of its own, because its snapshot has to be taken while the locks are held.
WITH RECURSIVE up AS (
    SELECT r.run_id, r.parent_id FROM campaign_run r WHERE r.run_id = %(run_id)s
    UNION ALL
    SELECT before.run_id, before.parent_id FROM up CROSS JOIN LATERAL (
        SELECT r.run_id, r.parent_id FROM campaign_run r WHERE r.run_id = up.parent_id LIMIT 1) AS before
), runs AS MATERIALIZED (
    SELECT run_id FROM up
    UNION
    SELECT r.run_id FROM campaign_run r
    WHERE %(snapshot_id)s::bigint IS NOT NULL AND r.campaign_id = %(campaign_id)s AND r.snapshot_id = %(snapshot_id)s
)
SELECT holder.id AS holder_id, kin.profile_id, d.channel, d.address,
       (SELECT p.ext_id FROM cdp_profiles p WHERE p.profile_id = kin.profile_id) AS ext_id
FROM unnest(%(holder_ids)s::bigint[]) AS holder (id)
CROSS JOIN LATERAL (
    SELECT coalesce(p.merged_into, p.profile_id) AS profile_id FROM cdp_profiles p WHERE p.profile_id = holder.id LIMIT 1) AS root
CROSS JOIN LATERAL (
    SELECT root.profile_id UNION ALL SELECT m.profile_id FROM cdp_profiles m WHERE m.merged_into = root.profile_id) AS kin
CROSS JOIN LATERAL (
    SELECT one.run_id, one.channel, one.address FROM delivery_log one
    WHERE one.profile_id = kin.profile_id AND one.status NOT IN ('failed', 'cancelled', 'expired', 'dead')
    ORDER BY one.queued_at DESC LIMIT %(countable)s) AS d
WHERE d.run_id IN (SELECT run_id FROM runs)

-- name: failed
-- Where messages to some people failed for good in the runs that this one follows. A bad address is marked by itself, and the
-- person may have another on that channel.
WITH RECURSIVE up AS (
    SELECT r.parent_id AS run_id FROM campaign_run r WHERE r.run_id = %(run_id)s
    UNION ALL
    SELECT before.parent_id FROM up CROSS JOIN LATERAL (
        SELECT r.parent_id FROM campaign_run r WHERE r.run_id = up.run_id LIMIT 1) AS before
)
SELECT d.profile_id, d.channel, d.class, d.status
FROM unnest(%(profile_ids)s::bigint[]) AS person (id)
CROSS JOIN LATERAL (
    SELECT one.profile_id, one.run_id, one.channel, one.class, one.status FROM delivery_log one
    WHERE one.profile_id = person.id AND one.status IN ('failed', 'dead')
    ORDER BY one.queued_at DESC LIMIT 100) AS d
WHERE d.run_id IN (SELECT run_id FROM up) AND d.class IS DISTINCT FROM 'invalid_address'
ORDER BY d.profile_id, d.channel

-- name: facts
-- Everything a decision may look at, one row per profile. Each part is looked up person by person, which stale statistics
-- cannot turn into a join of everything with everything. Profiles merged into one of them are included.
SELECT p.profile_id, p.ext_id, p.status, p.merged_into, p.zone, p.locale, p.attributes,
       (SELECT jsonb_agg(jsonb_build_array(a.channel, a.value, a.address_id, a.valid, a.reason) ORDER BY a.address_id)
        FROM profile_address a WHERE a.profile_id = p.profile_id) AS addresses,
       (SELECT jsonb_agg(jsonb_build_array(c.channel, c.purpose, c.granted, c.at) ORDER BY c.channel NULLS FIRST)
        FROM (SELECT DISTINCT ON (one.channel) one.channel, one.purpose, one.granted, one.at
              FROM consent one
              WHERE one.profile_id = p.profile_id AND one.purpose = %(purpose)s
              ORDER BY one.channel, one.at DESC, one.granted) c) AS consents,
       (SELECT jsonb_agg(jsonb_build_array(s.channel, s.address, s.reason))
        FROM (SELECT one.channel, one.address, one.reason FROM suppression one
              WHERE one.profile_id = p.profile_id
                AND (one.expires_at IS NULL OR one.expires_at > %(now)s)
              UNION
              SELECT one.channel, one.address, one.reason
              FROM profile_address a JOIN suppression one
                ON one.address = a.value AND (one.channel IS NULL OR one.channel = a.channel)
              WHERE a.profile_id = p.profile_id
                AND (one.expires_at IS NULL OR one.expires_at > %(now)s)
              ORDER BY channel, address, reason) s) AS suppressions,
       (SELECT jsonb_agg(jsonb_build_array(d.channel, d.campaign_id, counts.at, c.purpose) ORDER BY d.delivery_id)
        FROM delivery_log d
        -- From when it was sent; one that waits for its hour, or for its provider's next day, from when it is to leave.
        CROSS JOIN LATERAL (SELECT coalesce(d.sent_at, CASE d.status WHEN 'queued' THEN greatest(d.queued_at, d.due_at) END,
                                            d.queued_at) AS at) counts
        -- A sub-select with its own LIMIT stays a look-up, whatever the planner expects of the tenant's campaigns.
        CROSS JOIN LATERAL (SELECT one.purpose FROM campaign one WHERE one.campaign_id = d.campaign_id LIMIT 1) c
        -- It may have waited as long as it was good for: 7 days, or what a campaign says.
        WHERE d.profile_id = p.profile_id AND counts.at > %(contacts_since)s
          AND d.queued_at > %(contacts_since)s::timestamptz
              - (SELECT make_interval(mins => greatest(%(good_for_minutes)s, max(good_for_minutes))) FROM campaign)
          AND d.status NOT IN ('failed', 'cancelled', 'expired', 'dead')) AS contacts,
       -- Ordered and cut off, because only then does the planner choose the index by profile: another one begins with the
       -- tenant, and counting along it reads every outcome there is for each person (20,000 people: 145 ms per batch instead
       -- of 2).
       (SELECT jsonb_object_agg(o.type, o.times)
        FROM (SELECT newest.type, count(*) AS times
              FROM (SELECT one.type FROM outcome one WHERE one.profile_id = p.profile_id
                    ORDER BY one.occurred_at DESC LIMIT %(countable)s) newest
              GROUP BY newest.type) o) AS outcomes,
       (SELECT jsonb_agg(jsonb_build_array(o.type, d.channel, m.key, o.occurred_at) ORDER BY o.occurred_at DESC, o.outcome_id DESC)
        FROM (SELECT one.outcome_id, one.type, one.delivery_id, one.occurred_at FROM outcome one
              WHERE one.profile_id = p.profile_id AND one.delivery_id IS NOT NULL AND one.type = ANY (%(reactions)s)
              ORDER BY one.occurred_at DESC, one.outcome_id DESC LIMIT %(few)s) o
        CROSS JOIN LATERAL (SELECT l.channel, l.template_id FROM delivery_log l WHERE l.delivery_id = o.delivery_id LIMIT 1) d
        CROSS JOIN LATERAL (SELECT t.key FROM message_template t WHERE t.template_id = d.template_id LIMIT 1) m) AS reactions
FROM cdp_profiles p
WHERE p.profile_id = ANY (ARRAY(SELECT unnest(%(profile_ids)s::bigint[])
                                UNION
                                SELECT m.profile_id FROM cdp_profiles m WHERE m.merged_into = ANY (%(profile_ids)s)))

-- name: heard
-- When people were last heard on some channels: they answered or clicked a message there, or an event says so.
SELECT one.profile_id, one.channel, max(one.at) AS at
FROM (
    SELECT person.id AS profile_id, d.channel, o.occurred_at AS at
    FROM unnest(%(profile_ids)s::bigint[]) AS person (id)
    CROSS JOIN LATERAL (
        SELECT outcome.delivery_id, outcome.occurred_at FROM outcome
        WHERE outcome.profile_id = person.id AND outcome.occurred_at BETWEEN %(since)s AND %(now)s
          AND outcome.type = ANY (%(outcomes)s) AND outcome.delivery_id IS NOT NULL
        ORDER BY outcome.occurred_at DESC LIMIT %(most)s) o
    CROSS JOIN LATERAL (
        SELECT l.channel FROM delivery_log l
        WHERE l.delivery_id = o.delivery_id AND l.channel = ANY (%(channels)s) LIMIT 1) d
    UNION ALL
    -- Ordered and cut off, so that each look-up goes by the person: by type it would read every event of that type in the
    -- tenant (one person among 1,000,000: 233 ms instead of 1).
    SELECT person.id, split_part(e.type, '.', 1), e.occurred_at
    FROM unnest(%(profile_ids)s::bigint[]) AS person (id)
    CROSS JOIN LATERAL (
        SELECT event.type, event.occurred_at FROM marketing_event event
        WHERE event.profile_id = person.id AND event.type = ANY (%(types)s)
          AND event.occurred_at BETWEEN %(since)s AND %(now)s
        ORDER BY event.occurred_at DESC LIMIT %(most)s) e
) AS one
GROUP BY one.profile_id, one.channel

-- name: rivals
-- Campaigns of higher priority that have yet to decide for some people, each with when it is due. A run of a snapshot has yet
-- to decide for its members without a decision; for other runs the batches say for whom. It starts from the batches that are
-- due, because there are few of them, and runs may be many.
WITH due AS MATERIALIZED (
    SELECT b.run_id, min(b.due_at) AS due_at, array_agg(b.batch_id) AS batch_ids
    FROM run_batch b
    WHERE b.status = 'pending' AND b.lane = ANY (ARRAY['realtime', 'bulk']) AND b.due_at BETWEEN %(since)s AND %(until)s
      AND b.run_id IS DISTINCT FROM %(run_id)s
    GROUP BY b.run_id
), runs AS MATERIALIZED (
    SELECT due.run_id, due.due_at, due.batch_ids, r.kind, r.snapshot_id, c.campaign_id, c.name, c.priority
    FROM due
    CROSS JOIN LATERAL (
        SELECT one.campaign_id, one.kind, one.snapshot_id FROM campaign_run one
        WHERE one.run_id = due.run_id AND one.status IN ('pending', 'running') LIMIT 1) r
    CROSS JOIN LATERAL (
        SELECT one.campaign_id, one.name, one.priority FROM campaign one
        WHERE one.campaign_id = r.campaign_id AND one.status = 'active' AND one.priority > %(priority)s LIMIT 1) c
)
SELECT found.profile_id, found.campaign_id, found.name, found.priority, min(found.due_at) AS due_at
FROM (
    SELECT person.id AS profile_id, runs.campaign_id, runs.name, runs.priority, runs.due_at
    FROM runs CROSS JOIN unnest(%(profile_ids)s::bigint[]) AS person (id)
    WHERE runs.kind = 'snapshot'
      AND EXISTS (SELECT FROM segment_snapshot_member m WHERE m.snapshot_id = runs.snapshot_id AND m.profile_id = person.id)
      AND NOT EXISTS (SELECT FROM decision d WHERE d.run_id = runs.run_id AND d.profile_id = person.id)
    UNION ALL
    SELECT person.id, runs.campaign_id, runs.name, runs.priority, batch.due_at
    FROM runs CROSS JOIN unnest(runs.batch_ids) AS theirs (batch_id)
    CROSS JOIN LATERAL (
        SELECT b.profile_ids, b.due_at FROM run_batch b WHERE b.batch_id = theirs.batch_id LIMIT 1) AS batch
    CROSS JOIN unnest(batch.profile_ids) AS person (id)
    WHERE runs.kind <> 'snapshot' AND person.id = ANY (%(profile_ids)s)
) AS found
GROUP BY found.profile_id, found.campaign_id, found.name, found.priority
ORDER BY found.profile_id, found.priority DESC, found.campaign_id

-- name: spent
-- What a campaign has spent, in total or on a day of the tenant.
SELECT coalesce(sum(messages), 0)::bigint AS messages, coalesce(sum(amount), 0)::float8 AS amount
FROM campaign_spend
WHERE tenant_id = leo_tenant() AND campaign_id = %(campaign_id)s AND (%(is_daily)s = false OR day = %(day)s)

-- name: open_spend
-- A row to lock, so that two first batches of a day wait for each other.
INSERT INTO campaign_spend (tenant_id, campaign_id, day) VALUES (leo_tenant(), %(campaign_id)s, %(day)s)
ON CONFLICT ON CONSTRAINT campaign_spend_pkey DO NOTHING

-- name: spend_in_turn
-- For a budget of the whole campaign midnight is no boundary: the row of the day before is invisible until it is committed,
-- so whoever spends waits here and reads afterwards.
SELECT pg_advisory_xact_lock(hashtextextended('spend ' || leo_tenant()::text || ' ' || %(campaign_id)s::text, 0))

-- name: lock_spend
-- The same, for all days, locked until the transaction ends.
SELECT coalesce(sum(messages), 0)::bigint AS messages, coalesce(sum(amount), 0)::float8 AS amount
FROM (SELECT messages, amount FROM campaign_spend
      WHERE tenant_id = leo_tenant() AND campaign_id = %(campaign_id)s AND (%(is_daily)s = false OR day = %(day)s)
      ORDER BY day FOR UPDATE) AS days

-- name: spend
UPDATE campaign_spend SET messages = messages + %(messages)s, amount = amount + %(amount)s
WHERE tenant_id = leo_tenant() AND campaign_id = %(campaign_id)s AND day = %(day)s

-- name: write
-- The decisions, and for each new one that sends its delivery, due at once. What is offered to all is passed once; a row of a
-- run of its own names that run.
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS given (
        profile_id bigint, action text, channel text, template_id bigint, reason text, standings jsonb, inputs jsonb,
        inputs_hash text, arbiter text, arbitration jsonb, model_hash text, latency_us bigint, wait_until timestamptz,
        delivery_event text, channel_id bigint, address text, run_id bigint, event_id bigint, trigger_key text)
), made AS (
    INSERT INTO decision (
        tenant_id, run_id, campaign_id, profile_id, trigger_key, snapshot_id, event_id, template_id, action, channel, reason,
        candidates, inputs, inputs_hash, policy_id, policy_version, arbiter, arbitration, model_hash, latency_us, wait_until,
        decided_at)
    SELECT leo_tenant(), coalesce(run_id, %(run_id)s), %(campaign_id)s, profile_id, coalesce(trigger_key, %(trigger_key)s),
           %(snapshot_id)s, coalesce(event_id, %(event_id)s), template_id,
           action, channel, reason, standings || %(offered)s, inputs, decode(inputs_hash, 'hex'), %(policy_id)s, %(policy_version)s,
           arbiter, arbitration, decode(model_hash, 'hex'), latency_us, wait_until, %(now)s
    FROM given
    ON CONFLICT ON CONSTRAINT decision_trigger_unique DO NOTHING
    RETURNING decision_id, run_id, profile_id
), queued AS (
    INSERT INTO delivery_log (
        tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, template_id, address, lane,
        due_at, expires_at, queued_at)
    SELECT leo_tenant(), made.decision_id, %(campaign_id)s, made.run_id, made.profile_id, decode(given.delivery_event, 'hex'),
           given.channel, given.channel_id, given.template_id, given.address, %(lane)s, %(now)s, %(expires_at)s, %(now)s
    FROM made JOIN given USING (profile_id) WHERE given.delivery_event IS NOT NULL
    ON CONFLICT ON CONSTRAINT delivery_log_event_id_unique DO NOTHING
    RETURNING delivery_id, decision_id
)
SELECT made.decision_id, made.profile_id, queued.delivery_id FROM made LEFT JOIN queued USING (decision_id)

-- name: close_batches
-- Ends batches; their runs' rows stay locked until commit, so that of two last batches one sees the other's end and a run has
-- one wake-up.
WITH closed AS (
    UPDATE run_batch SET status = %(status)s, done_at = %(now)s WHERE tenant_id = leo_tenant() AND batch_id = ANY (%(batch_ids)s)
)
SELECT run_id FROM campaign_run WHERE tenant_id = leo_tenant() AND run_id = ANY (%(run_ids)s) ORDER BY run_id FOR NO KEY UPDATE

-- name: wake_up
-- The runs that decide again for those who wait: one per run, with a batch for each minute that somebody waits for.
WITH woken AS (
    SELECT run_id, due_at, profile_ids
    FROM jsonb_to_recordset(%(batches)s) AS woken (run_id bigint, due_at timestamptz, profile_ids bigint[])
), there AS (
    SELECT run_id, parent_id FROM campaign_run
    WHERE tenant_id = leo_tenant() AND campaign_id = %(campaign_id)s AND parent_id = ANY (%(run_ids)s) AND kind = 'wake_up'
      AND status IN ('pending', 'running')
    -- Locked, because its own last batch may be ending it now.
    ORDER BY run_id FOR NO KEY UPDATE
), made AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, snapshot_id, parent_id)
    SELECT DISTINCT leo_tenant(), %(campaign_id)s::bigint, 'wake_up', %(lane)s, %(snapshot_id)s::bigint, woken.run_id
    FROM woken WHERE NOT EXISTS (SELECT FROM there WHERE there.parent_id = woken.run_id)
    RETURNING run_id, parent_id
)
INSERT INTO run_batch (tenant_id, run_id, lane, due_at, profile_ids)
SELECT leo_tenant(), next.run_id, %(lane)s, woken.due_at, woken.profile_ids
FROM woken CROSS JOIN LATERAL (
    SELECT one.run_id FROM (SELECT run_id, parent_id FROM there UNION ALL SELECT run_id, parent_id FROM made) AS one
    WHERE one.parent_id = woken.run_id ORDER BY one.run_id LIMIT 1) AS next
RETURNING batch_id, due_at

-- name: close_runs
-- A run with nothing left to decide is finished; one with batches is running.
UPDATE campaign_run r
SET status = after.status, finished_at = CASE after.status WHEN 'finished' THEN %(now)s::timestamptz END
FROM (SELECT theirs.run_id, CASE WHEN EXISTS (SELECT FROM run_batch b
                                              WHERE b.tenant_id = leo_tenant() AND b.run_id = theirs.run_id AND b.status = 'pending')
                                 THEN 'running' ELSE 'finished' END AS status
      FROM unnest(%(run_ids)s::bigint[]) AS theirs (run_id)) after
WHERE r.tenant_id = leo_tenant() AND r.run_id = after.run_id AND r.status IN ('pending', 'running') AND r.status <> after.status

-- name: part
-- A batch keeps its first people; the rest become one of their own, due when this one was.
WITH others AS (
    INSERT INTO run_batch (tenant_id, run_id, lane, due_at, profile_ids)
    SELECT tenant_id, run_id, lane, due_at, profile_ids[%(most)s + 1:]
    FROM run_batch WHERE tenant_id = leo_tenant() AND batch_id = %(batch_id)s
)
UPDATE run_batch SET profile_ids = profile_ids[:%(most)s] WHERE tenant_id = leo_tenant() AND batch_id = %(batch_id)s

-- name: lock_events
-- Of the named batches, those that an event started for one person and that nobody is working on, locked.
SELECT b.batch_id, b.run_id, b.profile_ids[1] AS profile_id, r.campaign_id, r.event_id, r.created_at AS started_at
FROM run_batch b JOIN campaign_run r ON r.tenant_id = b.tenant_id AND r.run_id = b.run_id
WHERE b.tenant_id = leo_tenant() AND b.batch_id = ANY (%(batch_ids)s) AND b.status = 'pending' AND cardinality(b.profile_ids) = 1
  AND r.kind = 'event' AND r.status IN ('pending', 'running')
ORDER BY b.batch_id
FOR NO KEY UPDATE OF b SKIP LOCKED

-- name: lock_free
-- Of some people, those whom nobody else is deciding for at this moment, locked with the profiles merged into them.
WITH own AS MATERIALIZED (
    SELECT person.id AS person_id, person.id AS profile_id FROM unnest(%(profile_ids)s::bigint[]) AS person (id)
    UNION ALL
    SELECT p.merged_into, p.profile_id FROM cdp_profiles p WHERE p.merged_into = ANY (%(profile_ids)s)
), locked AS MATERIALIZED (
    SELECT profile_id FROM cdp_profiles WHERE profile_id = ANY (ARRAY(SELECT profile_id FROM own))
    ORDER BY profile_id FOR NO KEY UPDATE SKIP LOCKED
)
SELECT own.person_id FROM own LEFT JOIN locked USING (profile_id)
GROUP BY own.person_id HAVING count(*) = count(locked.profile_id)
ORDER BY own.person_id

-- name: due_batches
-- The tenant's first batches that are due, may be decided now, and that nobody is working on. A batch of a cancelled run is
-- among them, because deciding it closes it.
SELECT b.batch_id
FROM run_batch b
JOIN campaign_run r ON r.tenant_id = b.tenant_id AND r.run_id = b.run_id
JOIN campaign c ON c.tenant_id = r.tenant_id AND c.campaign_id = r.campaign_id
WHERE b.tenant_id = leo_tenant() AND b.lane = %(lane)s AND b.status = 'pending' AND b.due_at <= %(now)s
  AND (r.status <> 'paused' AND c.status = 'active' OR r.status = 'cancelled' OR c.status = 'ended')
ORDER BY b.due_at, b.batch_id
LIMIT %(most)s
FOR NO KEY UPDATE OF b SKIP LOCKED

-- name: put_off
-- A batch that cannot be decided (its policy cannot be read) makes room for others and is looked at again later.
UPDATE run_batch SET due_at = %(later)s, setbacks = setbacks + 1
WHERE tenant_id = leo_tenant() AND batch_id = %(batch_id)s AND status = 'pending'
