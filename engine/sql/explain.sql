-- name: read_only
-- Inside a savepoint: until its end nothing may be written, whatever the surrounding transaction may do.
SET TRANSACTION READ ONLY

-- name: stored
-- A decision with everything it was made of: inputs, verdicts, policy, and the salt of its hash.
SELECT d.decision_id, d.run_id, d.campaign_id, c.key AS campaign_key, d.profile_id, p.ext_id, d.trigger_key, d.snapshot_id,
       d.template_id, d.action, d.channel, d.reason, d.candidates, d.inputs, d.inputs_hash, d.policy_id, d.policy_version,
       o.key AS policy_key, o.document AS policy, d.arbiter, d.arbitration, d.wait_until, d.decided_at, t.inputs_salt,
       (SELECT jsonb_agg(jsonb_build_object('delivery_id', l.delivery_id, 'channel', l.channel, 'status', l.status, 'code', l.code)
                         ORDER BY l.delivery_id)
        FROM all_delivery l WHERE l.tenant_id = d.tenant_id AND l.decision_id = d.decision_id) AS deliveries
FROM all_decision d
JOIN tenant t ON t.tenant_id = d.tenant_id
JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
JOIN cdp_profiles p ON p.tenant_id = d.tenant_id AND p.profile_id = d.profile_id
LEFT JOIN policy o ON o.tenant_id = d.tenant_id AND o.policy_id = d.policy_id AND o.version = d.policy_version
WHERE d.tenant_id = %(tenant_id)s AND d.decision_id = %(decision_id)s

-- name: past
-- Decisions made under a policy's key from an instant on, the newest first, beyond a given one; those made before there was a
-- policy with that key count as the default one's. Campaign by campaign, for which there is an index.
SELECT d.decision_id, d.profile_id, d.action, d.channel, d.template_id, d.reason, d.candidates, d.inputs, d.arbiter,
       d.arbitration, d.wait_until, d.decided_at, d.inputs -> 'facts' ->> 'ext_id' AS ext_id, d.policy_id, d.policy_version,
       (SELECT o.document FROM policy o WHERE o.tenant_id = d.tenant_id AND o.policy_id = d.policy_id) AS policy
FROM campaign c
CROSS JOIN LATERAL (
    SELECT one.* FROM all_decision one
    WHERE one.campaign_id = c.campaign_id AND one.decided_at >= %(since)s
      AND one.decided_at <= coalesce(%(before_at)s::timestamptz, 'infinity')
      AND (%(before_at)s::timestamptz IS NULL OR (one.decided_at, one.decision_id) < (%(before_at)s, %(before_id)s))
      AND CASE WHEN one.policy_id IS NULL THEN %(key)s = 'default'
               ELSE one.policy_id IN (SELECT policy_id FROM policy WHERE tenant_id = %(tenant_id)s AND key = %(key)s) END
    ORDER BY one.decided_at DESC, one.decision_id DESC LIMIT %(most)s) d
WHERE c.tenant_id = %(tenant_id)s
ORDER BY d.decided_at DESC, d.decision_id DESC LIMIT %(most)s

-- name: policy
SELECT policy_id, version, document, draft FROM policy
WHERE tenant_id = %(tenant_id)s AND key = %(key)s AND version = %(version)s

-- name: campaign
-- A campaign by its id or its key.
SELECT c.campaign_id, c.key, c.name, c.status, c.segment_id, c.trigger_segment_id, c.trigger_change, c.trigger_type, s.key AS segment_key
FROM campaign c LEFT JOIN segment s ON s.tenant_id = c.tenant_id AND s.segment_id = coalesce(c.segment_id, c.trigger_segment_id)
WHERE c.tenant_id = %(tenant_id)s
  AND (c.campaign_id = %(campaign_id)s::bigint OR c.key = %(key)s::text)

-- name: standing
-- How one person stands with a campaign: the newest decision up to an instant, the newest run, whether the run's snapshot and
-- the segment contain them, and a batch that is still to decide for them.
WITH newest AS (
    SELECT r.run_id FROM campaign_run r
    WHERE r.tenant_id = %(tenant_id)s AND r.campaign_id = %(campaign_id)s AND r.created_at <= %(at)s
    ORDER BY r.created_at DESC, r.run_id DESC LIMIT 1
), frozen AS (
    SELECT r.snapshot_id, n.created_at FROM campaign_run r
    JOIN segment_snapshot n ON n.tenant_id = r.tenant_id AND n.snapshot_id = r.snapshot_id
    WHERE r.tenant_id = %(tenant_id)s AND r.campaign_id = %(campaign_id)s AND r.created_at <= %(at)s
    ORDER BY r.created_at DESC, r.run_id DESC LIMIT 1
)
SELECT newest.run_id, frozen.snapshot_id, frozen.created_at AS frozen_at,
       (SELECT EXISTS (SELECT FROM segment_snapshot_member m
                       WHERE m.tenant_id = %(tenant_id)s AND m.snapshot_id = frozen.snapshot_id AND m.profile_id = %(profile_id)s)
       ) AS is_frozen,
       (SELECT m.joined_at FROM segment_member m
        WHERE m.tenant_id = %(tenant_id)s AND m.segment_id = %(segment_id)s::bigint AND m.profile_id = %(profile_id)s) AS member_since,
       (SELECT d.decision_id FROM all_decision d
        WHERE d.tenant_id = %(tenant_id)s AND d.profile_id = %(profile_id)s AND d.campaign_id = %(campaign_id)s
          AND d.decided_at <= %(at)s
        ORDER BY d.decided_at DESC, d.decision_id DESC LIMIT 1) AS decision_id,
       (SELECT b.due_at FROM campaign_run r
        JOIN run_batch b ON b.tenant_id = r.tenant_id AND b.run_id = r.run_id AND b.status = 'pending'
        WHERE r.tenant_id = %(tenant_id)s AND r.campaign_id = %(campaign_id)s AND r.status IN ('pending', 'running', 'paused')
          AND b.created_at <= %(at)s AND %(profile_id)s = ANY (b.profile_ids)
        ORDER BY b.due_at LIMIT 1) AS due_at
FROM (SELECT) AS one LEFT JOIN newest ON true LEFT JOIN frozen ON true

-- name: stage
-- What holds for everybody a campaign decides for, as query frame of decide.sql reads it for a batch, but without locks, and
-- under the policy of an instant or a version, even a draft.
SELECT c.tenant_id, NULL::bigint AS batch_id, run.run_id, 'bulk' AS lane, '{}'::bigint[] AS profile_ids,
       'request' AS kind, 'running' AS run_status, %(snapshot_id)s::bigint AS snapshot_id, NULL::bigint AS event_id, 0 AS wake_ups,
       c.campaign_id, c.key AS campaign_key, c.name, c.purpose, c.starts_at, c.ends_at, c.priority, c.control_share, c.budget,
       c.status AS campaign_status, p.policy_id, p.version AS policy_version, p.document AS policy,
       t.zone, t.locale, t.inputs_salt, t.graph_name,
       EXISTS (SELECT FROM campaign o
               WHERE o.tenant_id = c.tenant_id AND o.status = 'active' AND o.priority > c.priority) AS has_rivals,
       (SELECT jsonb_agg(jsonb_build_array(m.channel, m.template_id, m.key, m.version, via.channel_id, m.topics)
                         ORDER BY ct.position, m.template_id)
        FROM campaign_template ct
        JOIN message_template m ON m.tenant_id = ct.tenant_id AND m.template_id = ct.template_id AND m.status = 'approved'
        JOIN LATERAL (SELECT ch.channel_id FROM channel ch
                      WHERE ch.tenant_id = m.tenant_id AND ch.kind = m.channel AND ch.status <> 'disconnected'
                      ORDER BY ch.status, ch.failover NULLS LAST, ch.channel_id LIMIT 1) via ON true
        WHERE ct.tenant_id = c.tenant_id AND ct.campaign_id = c.campaign_id) AS templates
FROM campaign c
JOIN tenant t ON t.tenant_id = c.tenant_id
LEFT JOIN LATERAL (
    SELECT one.policy_id, one.version, one.document FROM policy one
    WHERE one.tenant_id = c.tenant_id AND one.version = coalesce(%(policy_version)s::int, one.version)
      AND (%(policy_version)s::int IS NOT NULL OR NOT one.draft)
      AND CASE WHEN c.policy_id IS NULL THEN one.key = 'default'
               ELSE one.key = (SELECT own.key FROM policy own WHERE own.tenant_id = c.tenant_id AND own.policy_id = c.policy_id) END
    -- The newest at that instant; if there was none yet, the first.
    ORDER BY one.created_at <= %(at)s DESC, CASE WHEN one.created_at <= %(at)s THEN one.version ELSE -one.version END DESC
    LIMIT 1) p ON true
LEFT JOIN LATERAL (
    SELECT r.run_id FROM campaign_run r WHERE r.tenant_id = c.tenant_id AND r.campaign_id = c.campaign_id AND r.created_at <= %(at)s
    ORDER BY r.created_at DESC, r.run_id DESC LIMIT 1) run ON true
WHERE c.tenant_id = %(tenant_id)s AND c.campaign_id = %(campaign_id)s

-- name: twins
-- Query lock_twins of decide.sql without locks.
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
)
SELECT channel, value, person_ids, holder_ids FROM held WHERE cardinality(holder_ids) > 1
UNION ALL
SELECT NULL, NULL, ARRAY[person_id], array_agg(profile_id) FROM own WHERE profile_id <> person_id GROUP BY person_id

-- name: named
-- People by their keys; for a merged profile, the one it was merged into.
SELECT p.ext_id, coalesce(p.merged_into, p.profile_id) AS profile_id FROM cdp_profiles p
WHERE p.tenant_id = %(tenant_id)s AND p.ext_id = ANY (%(ext_ids)s)

-- name: members_of_snapshot
SELECT m.profile_id FROM segment_snapshot_member m
WHERE m.tenant_id = %(tenant_id)s AND m.snapshot_id = %(snapshot_id)s

-- name: who_did
-- Who caused such an event in the time before an instant.
SELECT DISTINCT e.profile_id FROM marketing_event e
WHERE e.tenant_id = %(tenant_id)s AND e.type = %(type)s AND e.profile_id IS NOT NULL
  AND e.occurred_at > %(since)s AND e.occurred_at <= %(at)s

-- name: audience
-- How many people a statement finds, and those to decide for: all of them, or a number picked by a hash of their ids, which
-- is as good as random and always the same.
WITH fits AS MATERIALIZED ({fits}), picked AS (
    SELECT profile_id FROM fits ORDER BY hashint8extended(profile_id, 0), profile_id LIMIT %(most)s
)
SELECT (SELECT count(*) FROM fits) AS people,
       (SELECT coalesce(array_agg(profile_id ORDER BY profile_id), '{{}}') FROM picked) AS profile_ids

-- name: facts_at
-- Query facts of decide.sql as of an instant: consents, suppressions, messages and outcomes that came after it are left out.
-- Attributes, addresses and the status are only known as they are today.
SELECT p.profile_id, p.ext_id, p.status, p.merged_into, p.zone, p.locale, p.attributes,
       (SELECT jsonb_agg(jsonb_build_array(a.channel, a.value, a.address_id, a.valid, a.reason) ORDER BY a.address_id)
        FROM profile_address a WHERE a.profile_id = p.profile_id) AS addresses,
       (SELECT jsonb_agg(jsonb_build_array(c.channel, c.purpose, c.granted, c.at) ORDER BY c.channel NULLS FIRST)
        FROM (SELECT DISTINCT ON (one.channel) one.channel, one.purpose, one.granted, one.at
              FROM consent one
              WHERE one.profile_id = p.profile_id AND one.purpose = %(purpose)s AND one.at <= %(now)s
              ORDER BY one.channel, one.at DESC, one.granted) c) AS consents,
       (SELECT jsonb_agg(jsonb_build_array(s.channel, s.address, s.reason))
        FROM (SELECT one.channel, one.address, one.reason FROM suppression one
              WHERE one.profile_id = p.profile_id AND one.at <= %(now)s
                AND (one.expires_at IS NULL OR one.expires_at > %(now)s)
              UNION
              SELECT one.channel, one.address, one.reason
              FROM profile_address a JOIN suppression one
                ON one.address = a.value AND (one.channel IS NULL OR one.channel = a.channel)
              WHERE a.profile_id = p.profile_id AND one.at <= %(now)s
                AND (one.expires_at IS NULL OR one.expires_at > %(now)s)
              ORDER BY channel, address, reason) s) AS suppressions,
       (SELECT jsonb_agg(jsonb_build_array(d.channel, d.campaign_id, least(coalesce(d.sent_at, d.queued_at), %(now)s), c.purpose)
                         ORDER BY d.delivery_id)
        FROM delivery_log d
        CROSS JOIN LATERAL (SELECT one.purpose FROM campaign one WHERE one.campaign_id = d.campaign_id LIMIT 1) c
        WHERE d.profile_id = p.profile_id AND coalesce(d.sent_at, d.queued_at) > %(contacts_since)s AND d.queued_at <= %(now)s
          AND d.queued_at > %(contacts_since)s::timestamptz
              - (SELECT make_interval(mins => greatest(%(good_for_minutes)s, max(good_for_minutes))) FROM campaign)
          AND d.status NOT IN ('failed', 'cancelled', 'expired', 'dead')) AS contacts,
       (SELECT jsonb_object_agg(o.type, o.times)
        FROM (SELECT newest.type, count(*) AS times
              FROM (SELECT one.type FROM outcome one WHERE one.profile_id = p.profile_id AND one.occurred_at <= %(now)s
                    ORDER BY one.occurred_at DESC LIMIT %(countable)s) newest
              GROUP BY newest.type) o) AS outcomes,
       (SELECT jsonb_agg(jsonb_build_array(o.type, d.channel, m.key, o.occurred_at) ORDER BY o.occurred_at DESC, o.outcome_id DESC)
        FROM (SELECT one.outcome_id, one.type, one.delivery_id, one.occurred_at FROM outcome one
              WHERE one.profile_id = p.profile_id AND one.delivery_id IS NOT NULL AND one.type = ANY (%(reactions)s)
                AND one.occurred_at <= %(now)s
              ORDER BY one.occurred_at DESC, one.outcome_id DESC LIMIT %(few)s) o
        CROSS JOIN LATERAL (SELECT l.channel, l.template_id FROM delivery_log l WHERE l.delivery_id = o.delivery_id LIMIT 1) d
        CROSS JOIN LATERAL (SELECT t.key FROM message_template t WHERE t.template_id = d.template_id LIMIT 1) m) AS reactions
FROM cdp_profiles p
WHERE p.profile_id = ANY (ARRAY(SELECT unnest(%(profile_ids)s::bigint[])
                                UNION
                                SELECT m.profile_id FROM cdp_profiles m WHERE m.merged_into = ANY (%(profile_ids)s)))
