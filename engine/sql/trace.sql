-- The journey of a person, an event or a delivery; {path} and {graph}, and whether it is read from the live tables or the
-- archive ({decisions}, {deliveries}, {attempts}), are filled in by engine/trace.py.

-- name: find
-- What an argument can mean, one row a meaning: records by id, profiles and events by their own key too, deliveries by
-- their event id. `decision_ids` is NULL where all decisions of the profile are meant. Ids come from one sequence.
-- With the archive, planning and starting it takes 20 ms more, so that is asked where nothing live is meant.
WITH ids AS MATERIALIZED (
    SELECT CASE WHEN %(argument)s::text ~ '^[0-9]{1,15}$' THEN %(argument)s::text::bigint END AS id,
           CASE WHEN %(argument)s::text ~ '^[0-9a-fA-F]{64}$' THEN decode(%(argument)s::text, 'hex') END AS hash
), found AS (
    SELECT 'profile' AS kind, p.profile_id AS record_id FROM cdp_profiles p
    WHERE p.tenant_id = (SELECT leo_tenant()) AND p.ext_id = %(argument)s::text
    UNION
    SELECT 'profile', p.profile_id FROM cdp_profiles p
    WHERE p.tenant_id = (SELECT leo_tenant()) AND p.profile_id = (SELECT id FROM ids)
    UNION
    SELECT 'event', k.event_id FROM event_key k WHERE k.tenant_id = (SELECT leo_tenant()) AND k.ext_id = %(argument)s::text
    UNION
    SELECT 'event', e.event_id FROM marketing_event e
    WHERE e.tenant_id = (SELECT leo_tenant()) AND e.event_id = (SELECT id FROM ids)
    UNION
    SELECT 'delivery', l.delivery_id FROM {deliveries} l
    WHERE l.tenant_id = (SELECT leo_tenant()) AND l.delivery_id = (SELECT id FROM ids)
    UNION
    SELECT 'delivery', l.delivery_id FROM {deliveries} l
    WHERE l.tenant_id = (SELECT leo_tenant()) AND l.event_id = (SELECT hash FROM ids)
    UNION
    SELECT 'decision', d.decision_id FROM {decisions} d
    WHERE d.tenant_id = (SELECT leo_tenant()) AND d.decision_id = (SELECT id FROM ids)
)
SELECT f.kind, f.record_id, r.profile_id, r.decision_ids, r.title
FROM found f CROSS JOIN LATERAL (
    -- A merged profile keeps its history, so each says where the rest is.
    SELECT p.profile_id, NULL::bigint[] AS decision_ids,
           concat_ws(' ', p.ext_id, p.name)
           || coalesce(', merged into ' || (SELECT w.ext_id FROM cdp_profiles w
                                            WHERE w.tenant_id = p.tenant_id AND w.profile_id = p.merged_into), '')
           || coalesce(', with ' || (SELECT string_agg(l.ext_id, ', ' ORDER BY l.profile_id)
                                     FROM (SELECT m.ext_id, m.profile_id FROM cdp_profiles m
                                           WHERE m.tenant_id = p.tenant_id AND m.merged_into = p.profile_id
                                           ORDER BY m.profile_id LIMIT 20) l), '') AS title
    FROM cdp_profiles p WHERE f.kind = 'profile' AND p.tenant_id = (SELECT leo_tenant()) AND p.profile_id = f.record_id
    UNION ALL
    SELECT coalesce(min(d.profile_id), e.profile_id), coalesce(array_agg(d.decision_id) FILTER (WHERE d.decision_id IS NOT NULL), '{}'),
           concat_ws(' ', e.ext_id, e.type)
    FROM marketing_event e LEFT JOIN {decisions} d ON d.tenant_id = e.tenant_id AND d.event_id = e.event_id
    WHERE f.kind = 'event' AND e.tenant_id = (SELECT leo_tenant()) AND e.event_id = f.record_id
    GROUP BY e.profile_id, e.ext_id, e.type
    UNION ALL
    SELECT l.profile_id, ARRAY[l.decision_id], concat_ws(' to ', l.channel, l.address)
    FROM {deliveries} l WHERE f.kind = 'delivery' AND l.tenant_id = (SELECT leo_tenant()) AND l.delivery_id = f.record_id
    UNION ALL
    SELECT d.profile_id, ARRAY[d.decision_id], d.action || ' at ' || leo_iso(d.decided_at)
    FROM {decisions} d WHERE f.kind = 'decision' AND d.tenant_id = (SELECT leo_tenant()) AND d.decision_id = f.record_id
) r
ORDER BY f.kind, f.record_id;

-- name: has_archived
-- Whether somebody has decisions in the archive.
SELECT EXISTS (SELECT FROM archive_decision a
               WHERE a.tenant_id = (SELECT leo_tenant()) AND a.profile_id = %(profile_id)s) AS has_archived;

-- name: trace
-- The journeys that one Cypher path walks, one row per step, newest journey first; a missing step says why. The candidates of
-- a decision are as rules.verdicts wrote them: one document, or a list of verdicts.
WITH path AS MATERIALIZED (
{path}
), decided AS (
    SELECT DISTINCT ON (path.decision_id) path.*, d.candidates, d.snapshot_id, d.trigger_key, d.policy_version,
           d.latency_us, d.wait_until, encode(d.inputs_hash, 'hex') AS inputs_hash, encode(d.model_hash, 'hex') AS model_hash
    FROM path JOIN {decisions} d ON d.tenant_id = (SELECT leo_tenant()) AND d.decision_id = path.decision_id
    ORDER BY path.decision_id, path.delivery_id
), delivered AS (
    SELECT DISTINCT path.decision_id, path.queued_at, l.delivery_id, l.channel, l.address, l.status, l.lane, l.sent_at, l.due_at, l.expires_at,
           l.provider_id, l.code, l.class, encode(l.event_id, 'hex') AS event_id, c.name AS channel_name
    FROM path
    JOIN {deliveries} l ON l.tenant_id = (SELECT leo_tenant()) AND l.delivery_id = path.delivery_id
    JOIN channel c ON c.tenant_id = l.tenant_id AND c.channel_id = l.through_id
), steps AS (
    SELECT p.decision_id, 1 AS place, 'event' AS step, p.event_at AS at, p.event_id AS record_id, p.event_type AS what,
           CASE WHEN p.event_id IS NOT NULL THEN NULL
                WHEN p.run_kind = 'snapshot' THEN 'the run decided for everyone in a snapshot; no event asked for it'
                WHEN p.run_kind = 'wake_up' THEN 'a wake-up decided again what an earlier run let wait; no event asked for it'
                WHEN p.run_kind = 'membership' THEN 'the person came into or left a segment that the campaign watches; no event asked for it'
                WHEN p.run_kind = 'fallback' THEN 'the message of an earlier run failed; another channel was to take its place'
                ELSE 'a request asked for it; no event did' END AS why,
           CASE WHEN p.event_id IS NOT NULL
                THEN jsonb_build_object('ext_id', e.ext_id, 'source', e.source, 'received_at', leo_iso(e.received_at)) END AS detail
    FROM decided p LEFT JOIN marketing_event e ON e.tenant_id = (SELECT leo_tenant()) AND e.event_id = p.event_id
    UNION ALL
    SELECT p.decision_id, 2, 'task', p.task_at, p.task_id, p.task_kind,
           CASE WHEN p.task_id IS NULL THEN format('%s decided; no agent task was needed', p.arbiter) ELSE t.summary END,
           CASE WHEN p.task_id IS NOT NULL THEN jsonb_build_object('status', t.status, 'finished_at', leo_iso(t.finished_at)) END
    FROM decided p LEFT JOIN agent_task t ON t.tenant_id = (SELECT leo_tenant()) AND t.task_id = p.task_id
    UNION ALL
    SELECT p.decision_id, 3, 'decision', p.decided_at, p.decision_id,
           CASE p.action WHEN 'send' THEN format('send %s with template %s v%s', p.channel, p.template, p.template_version)
                         WHEN 'wait' THEN 'wait until ' || leo_iso(p.wait_until)
                         ELSE 'do nothing' END,
           CASE WHEN p.action = 'send' OR p.reason = 'chosen'
                THEN format('chosen by %s among %s candidates', p.arbiter, jsonb_array_length(coalesce(p.candidates -> 'candidates', p.candidates -> 'verdicts', p.candidates)))
                ELSE concat_ws(': ', p.reason, (
                    SELECT string_agg(DISTINCT r.reason ->> 'text', ' ')
                    FROM jsonb_path_query(p.candidates, '$[*].reasons[*]') AS r (reason)
                    WHERE r.reason ->> 'gate' = p.reason)) END,
           jsonb_build_object('action', p.action, 'reason', p.reason, 'arbiter', p.arbiter, 'channel', p.channel,
               'campaign_id', p.campaign_id, 'campaign', p.campaign, 'run_id', p.run_id, 'run_kind', p.run_kind,
               'snapshot_id', p.snapshot_id, 'trigger_key', p.trigger_key, 'template', p.template,
               'template_version', p.template_version, 'policy_version', p.policy_version, 'latency_us', p.latency_us,
               'wait_until', leo_iso(p.wait_until), 'inputs_hash', p.inputs_hash, 'model_hash', p.model_hash,
               'candidates', p.candidates)
    FROM decided p
    UNION ALL
    SELECT l.decision_id, 4, 'delivery', l.queued_at, l.delivery_id, format('%s to %s: %s', l.channel, l.address, l.status),
           CASE l.status WHEN 'queued' THEN 'it is sent from ' || leo_iso(l.due_at) || ' on'
                         WHEN 'sending' THEN 'a worker is calling the provider'
                         WHEN 'sent' THEN 'the provider took it at ' || leo_iso(l.sent_at)
                         WHEN 'uncertain' THEN 'the connection was lost while it was being sent: it may have arrived'
                         WHEN 'expired' THEN concat_ws(' ', 'it was good until', leo_iso(l.expires_at)) || ' and could not be sent by then'
                         WHEN 'cancelled' THEN concat_ws(': ', 'it was cancelled before it was sent', l.code)
                         ELSE concat_ws(', ', 'the provider did not take it', l.class, l.code) END,
           jsonb_build_object('event_id', l.event_id, 'status', l.status, 'channel', l.channel, 'channel_name', l.channel_name,
               'lane', l.lane, 'address', l.address, 'sent_at', leo_iso(l.sent_at), 'expires_at', leo_iso(l.expires_at), 'provider_id', l.provider_id,
               'code', l.code, 'class', l.class,
               'attempts', (SELECT coalesce(jsonb_agg(jsonb_build_object('number', a.number, 'phase', a.phase, 'at', leo_iso(a.at),
                                       'status', a.status, 'code', a.code, 'class', a.class, 'detail', a.detail)
                                       ORDER BY a.number, a.phase DESC), '[]')
                            FROM {attempts} a WHERE a.tenant_id = (SELECT leo_tenant()) AND a.delivery_id = l.delivery_id))
    FROM delivered l
    UNION ALL
    SELECT p.decision_id, 4, 'delivery', NULL, NULL, NULL,
           CASE p.action WHEN 'do_nothing' THEN 'doing nothing sends nothing'
                         WHEN 'wait' THEN 'nothing is sent before ' || leo_iso(p.wait_until) || ', when a wake-up decides again'
                         ELSE 'a decision to send has no delivery: run leo trace --orphans' END, NULL
    FROM decided p WHERE NOT EXISTS (SELECT FROM delivered l WHERE l.decision_id = p.decision_id)
    UNION ALL
    SELECT path.decision_id, 5, 'outcome', path.outcome_at, path.outcome_id, path.outcome_type, NULL,
           jsonb_build_object('delivery_id', path.delivery_id, 'value', o.value, 'received_at', leo_iso(o.received_at))
    FROM path JOIN outcome o ON o.tenant_id = (SELECT leo_tenant()) AND o.outcome_id = path.outcome_id
    UNION ALL
    SELECT p.decision_id, 5, 'outcome', NULL, NULL, NULL,
           CASE WHEN l.status IS NULL THEN 'without a delivery nothing can come of it'
                WHEN l.status IN ('queued', 'sending') THEN 'it has not been sent yet'
                WHEN l.status IN ('sent', 'uncertain') THEN 'nothing has come back yet'
                ELSE 'it was not sent' END, NULL
    FROM decided p LEFT JOIN LATERAL (SELECT min(status) AS status FROM delivered WHERE decision_id = p.decision_id) l ON true
    WHERE NOT EXISTS (SELECT FROM path WHERE path.decision_id = p.decision_id AND path.outcome_id IS NOT NULL)
)
SELECT s.decision_id, s.step, s.at::timestamptz AS at, s.record_id, s.what, s.why, s.detail
FROM steps s JOIN decided USING (decision_id)
ORDER BY decided.decided_at DESC, s.decision_id DESC, s.place, s.at, s.record_id;

-- name: archived_path
-- What cypher/trace.cypher gives, for decisions that are in the archive and so no longer in the graph.
SELECT d.decision_id, leo_iso(d.decided_at) AS decided_at, d.action, d.reason, d.channel, d.arbiter, d.run_id, r.kind AS run_kind,
       d.campaign_id, c.name AS campaign, m.key AS template, m.version AS template_version, e.event_id, e.type AS event_type,
       leo_iso(e.occurred_at) AS event_at, t.task_id, t.kind AS task_kind, leo_iso(t.created_at) AS task_at, l.delivery_id,
       leo_iso(l.queued_at) AS queued_at, o.outcome_id, o.type AS outcome_type, leo_iso(o.occurred_at) AS outcome_at
FROM (SELECT one.* FROM archive_decision one
      WHERE one.tenant_id = (SELECT leo_tenant()) AND one.profile_id = $1::bigint
        AND ($2::bigint[] IS NULL OR one.decision_id = ANY ($2::bigint[]))
      ORDER BY one.decided_at DESC, one.decision_id DESC LIMIT $3::int) d
JOIN campaign_run r ON r.tenant_id = d.tenant_id AND r.run_id = d.run_id
JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
LEFT JOIN message_template m ON m.tenant_id = d.tenant_id AND m.template_id = d.template_id
LEFT JOIN marketing_event e ON e.tenant_id = d.tenant_id AND e.event_id = d.event_id
LEFT JOIN agent_task t ON t.tenant_id = d.tenant_id AND t.task_id = d.task_id
LEFT JOIN archive_delivery l ON l.tenant_id = d.tenant_id AND l.decision_id = d.decision_id
LEFT JOIN outcome o ON o.tenant_id = l.tenant_id AND o.delivery_id = l.delivery_id

-- name: archived_at
-- Since when decisions are in the archive.
SELECT a.decision_id, a.archived_at FROM archive_decision a
WHERE a.tenant_id = (SELECT leo_tenant()) AND a.decision_id = ANY (%(decision_ids)s::bigint[])

-- name: orphans
-- Records that are not connected, counted by kind: each kind is one row, whatever it counts.
WITH labels AS MATERIALIZED (
    SELECT (jsonb_object_agg(label, label_id)) AS ids FROM graph_element
), decided AS MATERIALIZED (
    SELECT d.decision_id, d.action, d.event_id, d.task_id, d.snapshot_id,
           ag_catalog._graphid((labels.ids ->> 'Decision')::int, d.decision_id) AS id
    FROM decision d, labels WHERE d.tenant_id = (SELECT leo_tenant())
), delivered AS MATERIALIZED (
    SELECT l.delivery_id, l.decision_id, l.status, l.code,
           ag_catalog._graphid((labels.ids ->> 'Delivery')::int, l.delivery_id) AS id
    FROM delivery_log l, labels WHERE l.tenant_id = (SELECT leo_tenant())
), answered AS MATERIALIZED (
    SELECT o.outcome_id, o.live_delivery_id AS delivery_id, ag_catalog._graphid((labels.ids ->> 'Outcome')::int, o.outcome_id) AS id
    FROM outcome o, labels WHERE o.tenant_id = (SELECT leo_tenant()) AND NOT o.delivery_archived
)
SELECT kind, count FROM (
    SELECT 1 AS place, 'decision without its vertex' AS kind, count(*) AS count
    FROM decided d WHERE NOT EXISTS (SELECT FROM {graph}."Decision" v WHERE v.id = d.id)
    UNION ALL
    SELECT 2, 'decision without its run', count(*)
    FROM decided d WHERE NOT EXISTS (SELECT FROM {graph}."IN_RUN" e JOIN {graph}."Run" v ON v.id = e.end_id WHERE e.start_id = d.id)
    UNION ALL
    SELECT 3, 'decision without its campaign', count(*)
    FROM decided d WHERE NOT EXISTS (SELECT FROM {graph}."UNDER" e JOIN {graph}."Campaign" v ON v.id = e.end_id WHERE e.start_id = d.id)
    UNION ALL
    SELECT 4, 'decision without its profile', count(*)
    FROM decided d WHERE NOT EXISTS (SELECT FROM {graph}."DECIDED_FOR" e JOIN {graph}."Profile" v ON v.id = e.end_id WHERE e.start_id = d.id)
    UNION ALL
    SELECT 5, 'decision without its event', count(*)
    FROM decided d WHERE d.event_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM {graph}."TRIGGERED" e JOIN {graph}."Event" v ON v.id = e.start_id WHERE e.end_id = d.id)
    UNION ALL
    SELECT 6, 'decision without its task', count(*)
    FROM decided d WHERE d.task_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM {graph}."DECIDED_BY" e JOIN {graph}."Task" v ON v.id = e.end_id WHERE e.start_id = d.id)
    UNION ALL
    SELECT 7, 'decision without its snapshot', count(*)
    FROM decided d WHERE d.snapshot_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM {graph}."FROM_SNAPSHOT" e JOIN {graph}."Snapshot" v ON v.id = e.end_id WHERE e.start_id = d.id)
    UNION ALL
    SELECT 8, 'decision to send without a delivery', count(*)
    FROM decided d WHERE d.action = 'send' AND NOT EXISTS (SELECT FROM delivered l WHERE l.decision_id = d.decision_id)
    UNION ALL
    SELECT 9, 'delivery of a decision not to send', count(*)
    FROM delivered l JOIN decided d USING (decision_id) WHERE d.action <> 'send'
    UNION ALL
    SELECT 10, 'delivery without its decision', count(*)
    FROM delivered l WHERE NOT EXISTS (
        SELECT FROM {graph}."DISPATCHED_AS" e JOIN {graph}."Decision" v ON v.id = e.start_id WHERE e.end_id = l.id)
    UNION ALL
    SELECT 11, 'delivery without its channel', count(*)
    FROM delivered l WHERE NOT EXISTS (SELECT FROM {graph}."VIA" e JOIN {graph}."Channel" v ON v.id = e.end_id WHERE e.start_id = l.id)
    UNION ALL
    SELECT 12, 'delivery sent without an ended attempt', count(*)
    -- If its worker was lost, an outcome or a person may have told that it arrived.
    FROM delivered l WHERE l.status = 'sent' AND coalesce(l.code, '') NOT IN ('told_by_outcome', 'resolved') AND NOT EXISTS (
        SELECT FROM delivery_attempt a WHERE a.tenant_id = (SELECT leo_tenant()) AND a.delivery_id = l.delivery_id AND a.phase = 'ended')
    UNION ALL
    SELECT 13, 'delivery being sent without a started attempt', count(*)
    FROM delivered l WHERE l.status = 'sending' AND NOT EXISTS (
        SELECT FROM delivery_attempt a WHERE a.tenant_id = (SELECT leo_tenant()) AND a.delivery_id = l.delivery_id
            AND a.phase = 'started' AND NOT EXISTS (
                SELECT FROM delivery_attempt b WHERE b.tenant_id = a.tenant_id AND b.delivery_id = a.delivery_id
                    AND b.number = a.number AND b.phase = 'ended'))
    UNION ALL
    SELECT 14, 'outcome without its delivery', count(*)
    FROM answered o WHERE o.delivery_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM {graph}."RESULTED_IN" e JOIN {graph}."Delivery" v ON v.id = e.start_id WHERE e.end_id = o.id)
    UNION ALL
    SELECT 15, 'delivery without its vertex', count(*)
    FROM delivered l WHERE NOT EXISTS (SELECT FROM {graph}."Delivery" v WHERE v.id = l.id)
    UNION ALL
    SELECT 16, 'outcome without its vertex', count(*)
    FROM answered o WHERE NOT EXISTS (SELECT FROM {graph}."Outcome" v WHERE v.id = o.id)
    UNION ALL
    SELECT 17, 'vertex Decision of no decision', count(*)
    FROM {graph}."Decision" v WHERE NOT EXISTS (SELECT FROM decided d WHERE d.id = v.id)
    UNION ALL
    SELECT 18, 'vertex Delivery of no delivery', count(*)
    FROM {graph}."Delivery" v WHERE NOT EXISTS (SELECT FROM delivered l WHERE l.id = v.id)
    UNION ALL
    SELECT 19, 'vertex Outcome of no outcome', count(*)
    FROM {graph}."Outcome" v WHERE NOT EXISTS (SELECT FROM answered o WHERE o.id = v.id)
) counted ORDER BY place;

-- name: tenants
-- The active tenants, before one is chosen.
SELECT tenant_id, slug FROM leo_route_tenants();

-- name: tenant
-- The tenant of a slug, active or not, before one is chosen.
SELECT tenant_id, %(slug)s::text AS slug FROM leo_route_slug(%(slug)s) AS tenant_id WHERE tenant_id IS NOT NULL;
