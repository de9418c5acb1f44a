-- name: frame
SELECT tenant_id, graph_name, zone FROM tenant WHERE tenant_id = leo_tenant()

-- name: save
-- A new rule is a new version; earlier ones stay in segment_version. Saving an archived segment brings it back. No row if it
-- already says the same, or exists although it was to be new.
INSERT INTO segment (tenant_id, key, name, rule, event_types, schedule, zone, due_at, saved_by, saved_at)
VALUES (%(tenant_id)s, %(key)s, %(name)s, %(rule)s, %(event_types)s, %(schedule)s, %(zone)s, %(due_at)s, %(by)s, now())
ON CONFLICT ON CONSTRAINT segment_key_unique DO UPDATE
SET name = excluded.name, rule = excluded.rule, version = segment.version + (segment.rule IS DISTINCT FROM excluded.rule)::int,
    event_types = excluded.event_types, schedule = excluded.schedule, zone = excluded.zone, due_at = excluded.due_at,
    archived_at = NULL, saved_by = excluded.saved_by, saved_at = excluded.saved_at
WHERE NOT %(is_new)s AND (segment.name, segment.rule, segment.event_types, segment.schedule, segment.zone, segment.archived_at)
      IS DISTINCT FROM (excluded.name, excluded.rule, excluded.event_types, excluded.schedule, excluded.zone, NULL)
RETURNING segment_id

-- name: lock_key
-- Comparing it with what the caller saw keeps others from saving it meanwhile.
SELECT FROM segment WHERE tenant_id = %(tenant_id)s AND key = %(key)s FOR NO KEY UPDATE

-- name: by_key
SELECT s.segment_id, s.key, s.name, s.version, s.rule, s.event_types, s.schedule, s.zone, s.due_at, s.refreshed_at, s.archived_at,
       s.created_at, s.saved_by, coalesce(s.saved_at, s.updated_at) AS saved_at,
       (SELECT count(*) FROM segment_member m WHERE m.tenant_id = s.tenant_id AND m.segment_id = s.segment_id) AS size
FROM segment s WHERE s.tenant_id = %(tenant_id)s AND s.key = %(key)s

-- name: by_id
SELECT s.segment_id, s.key, s.name, s.version, s.rule, s.event_types, s.schedule, s.zone, s.due_at, s.refreshed_at, s.archived_at,
       s.created_at, s.saved_by, coalesce(s.saved_at, s.updated_at) AS saved_at,
       (SELECT count(*) FROM segment_member m WHERE m.tenant_id = s.tenant_id AND m.segment_id = s.segment_id) AS size
FROM segment s WHERE s.tenant_id = %(tenant_id)s AND s.segment_id = %(segment_id)s

-- name: page
SELECT s.segment_id, s.key, s.name, s.version, s.rule, s.event_types, s.schedule, s.zone, s.due_at, s.refreshed_at, s.archived_at,
       s.created_at, s.saved_by, coalesce(s.saved_at, s.updated_at) AS saved_at,
       (SELECT count(*) FROM segment_member m WHERE m.tenant_id = s.tenant_id AND m.segment_id = s.segment_id) AS size
FROM segment s WHERE s.tenant_id = %(tenant_id)s AND s.segment_id > %(after)s AND s.archived_at IS NULL
ORDER BY s.segment_id LIMIT %(limit)s

-- name: rules_of
-- The rules of the segments with these keys, and of those that they refer to in turn.
SELECT key, rule FROM segment WHERE key = ANY (%(keys)s) AND archived_at IS NULL

-- name: versions
SELECT version, rule, created_at FROM segment_version
WHERE tenant_id = %(tenant_id)s AND segment_id = %(segment_id)s ORDER BY version DESC

-- name: archive
-- Nobody is a member any more; the past is in the versions, the changes and the snapshots.
WITH gone AS (
    DELETE FROM segment_member WHERE tenant_id = %(tenant_id)s AND segment_id = %(segment_id)s
)
UPDATE segment SET archived_at = %(now)s, due_at = NULL
WHERE tenant_id = %(tenant_id)s AND segment_id = %(segment_id)s AND archived_at IS NULL

-- name: used_by
SELECT key FROM campaign
WHERE tenant_id = %(tenant_id)s AND status IN ('active', 'paused')
  AND (segment_id = %(segment_id)s OR trigger_segment_id = %(segment_id)s)
ORDER BY key LIMIT 1

-- name: lock
-- One refresh at a time.
SELECT s.key, s.rule, s.version, s.schedule, s.zone, s.refreshed_at, s.archived_at
FROM segment s WHERE s.tenant_id = %(tenant_id)s AND s.segment_id = %(segment_id)s FOR NO KEY UPDATE

-- name: took
UPDATE segment_refresh SET took_ms = %(took_ms)s WHERE tenant_id = %(tenant_id)s AND refresh_id = %(refresh_id)s

-- name: start_runs
-- For each active campaign that such a change starts, a run of those who joined or left, in batches of at most 500.
WITH moved AS MATERIALIZED (
    SELECT c.campaign_id, ch.profile_id,
           (row_number() OVER (PARTITION BY c.campaign_id ORDER BY ch.profile_id) - 1) / 500 AS part
    FROM segment_refresh r
    JOIN campaign c ON c.tenant_id = r.tenant_id AND c.trigger_segment_id = r.segment_id AND c.status = 'active'
    JOIN segment_change ch ON ch.tenant_id = r.tenant_id AND ch.refresh_id = r.refresh_id
     AND ch.joined = (c.trigger_change = 'joined')
    WHERE r.tenant_id = %(tenant_id)s AND r.refresh_id = ANY (%(refresh_ids)s)
), laned AS (
    SELECT campaign_id, CASE WHEN count(*) <= %(realtime_most)s THEN 'realtime' ELSE 'bulk' END AS lane FROM moved GROUP BY campaign_id
), runs AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane)
    SELECT %(tenant_id)s, campaign_id, 'membership', lane FROM laned ORDER BY campaign_id
    RETURNING run_id, campaign_id, lane
)
INSERT INTO run_batch (tenant_id, run_id, lane, profile_ids)
SELECT %(tenant_id)s, runs.run_id, runs.lane, array_agg(moved.profile_id ORDER BY moved.profile_id)
FROM runs JOIN moved USING (campaign_id) GROUP BY runs.run_id, runs.lane, moved.part ORDER BY runs.run_id, moved.part
RETURNING batch_id, lane

-- name: claim_rechecks
SELECT profile_id, event_types FROM recheck WHERE due_at <= %(now)s ORDER BY due_at, profile_id LIMIT %(most)s
FOR UPDATE SKIP LOCKED

-- name: listening
-- The segments that these types of events can change (or all of them). What they ask is given only for those that no refresh
-- is working on, and a refresh that begins now waits until we are done, a matter of milliseconds. Even one that was never
-- refreshed may be in its first refresh now.
WITH heard AS MATERIALIZED (
    SELECT segment_id, event_types FROM segment
    WHERE archived_at IS NULL AND (%(all)s OR '*' = ANY (event_types) OR event_types && %(event_types)s::text[])
), free AS MATERIALIZED (
    SELECT segment_id, key, version, rule, refreshed_at FROM segment WHERE segment_id IN (SELECT segment_id FROM heard)
    ORDER BY segment_id FOR SHARE SKIP LOCKED
)
SELECT heard.segment_id, heard.event_types, free.key, free.version, free.rule, free.refreshed_at, free.key IS NULL AS is_busy
FROM heard LEFT JOIN free USING (segment_id) ORDER BY heard.segment_id

-- name: end_rechecks
-- Those who are done; the others come again when the refresh that was in the way may have ended.
WITH later AS (
    UPDATE recheck SET due_at = %(later)s WHERE profile_id = ANY (%(postponed)s)
)
DELETE FROM recheck WHERE profile_id = ANY (%(done)s)

-- name: write_changes
-- What rechecks found: members who joined and who left, and one refresh for each segment that changed.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(changes)s) AS given (segment_id bigint, version int, profile_id bigint, joined boolean)
), came AS (
    INSERT INTO segment_member (tenant_id, segment_id, profile_id, joined_at)
    SELECT %(tenant_id)s, segment_id, profile_id, %(now)s FROM given WHERE joined ORDER BY segment_id, profile_id
    ON CONFLICT ON CONSTRAINT segment_member_pkey DO NOTHING
    RETURNING segment_id, profile_id
), went AS (
    DELETE FROM segment_member m USING given g
    WHERE m.tenant_id = %(tenant_id)s AND m.segment_id = g.segment_id AND m.profile_id = g.profile_id AND NOT g.joined
    RETURNING m.segment_id, m.profile_id
), moved AS MATERIALIZED (
    SELECT segment_id, profile_id, true AS joined FROM came UNION ALL SELECT segment_id, profile_id, false FROM went
), refreshes AS (
    INSERT INTO segment_refresh (tenant_id, segment_id, version, cause, at, joined, "left")
    SELECT %(tenant_id)s, m.segment_id, g.version, 'event', %(now)s,
           count(*) FILTER (WHERE m.joined), count(*) FILTER (WHERE NOT m.joined)
    FROM moved m JOIN given g USING (segment_id, profile_id) GROUP BY m.segment_id, g.version
    RETURNING refresh_id, segment_id
), changes AS (
    INSERT INTO segment_change (tenant_id, refresh_id, profile_id, joined)
    SELECT %(tenant_id)s, refreshes.refresh_id, moved.profile_id, moved.joined FROM moved JOIN refreshes USING (segment_id)
), heard AS MATERIALIZED (
    SELECT DISTINCT unnest(event_types) AS type FROM segment WHERE archived_at IS NULL
), rechecks AS (
    -- Joining or leaving may change a segment that refers to this one.
    INSERT INTO recheck (tenant_id, profile_id, event_types)
    SELECT %(tenant_id)s, m.profile_id, array_agg(DISTINCT 'segment:' || s.key)
    FROM moved m JOIN segment s USING (segment_id) WHERE 'segment:' || s.key IN (SELECT type FROM heard)
    GROUP BY m.profile_id ORDER BY m.profile_id
    ON CONFLICT ON CONSTRAINT recheck_pkey DO UPDATE
    SET event_types = CASE WHEN recheck.event_types = '{}' THEN '{}'
                           ELSE ARRAY(SELECT DISTINCT unnest(recheck.event_types || excluded.event_types)) END
)
SELECT refresh_id, segment_id FROM refreshes

-- name: people
-- What rules look at for a few people, except what they did. Attributes as text, so that their numbers are read without loss.
SELECT p.profile_id, p.ext_id, p.status, p.source, p.name, p.locale, p.zone, p.created_at, p.attributes::text AS attributes,
       self.ids,
       (SELECT jsonb_agg(jsonb_build_array(c.channel, c.purpose, c.granted, c.at)) FROM consent c
        WHERE c.profile_id = ANY (self.ids)) AS consents,
       (SELECT array_agg(DISTINCT a.channel) FROM profile_address a WHERE a.profile_id = ANY (self.ids) AND a.valid) AS channels,
       (SELECT array_agg(s.key) FROM segment_member m JOIN segment s ON s.tenant_id = m.tenant_id AND s.segment_id = m.segment_id
        WHERE m.profile_id = p.profile_id AND s.archived_at IS NULL) AS segments
FROM cdp_profiles p
CROSS JOIN LATERAL (SELECT ARRAY(
    SELECT p.profile_id UNION ALL SELECT q.profile_id FROM cdp_profiles q WHERE q.merged_into = p.profile_id) AS ids) self
WHERE p.profile_id = ANY (%(profile_ids)s)

-- name: events_of
-- The newest events of each profile, at most a given number, of the types that rules ask about. One profile after the other;
-- otherwise the planner reads everybody's events of a type: 9 ms for one person among a million instead of 0.5.
SELECT who.person AS profile_id, e.type, e.occurred_at, e.attributes::text AS attributes
FROM unnest(%(ids)s::bigint[], %(people)s::bigint[]) AS who (profile_id, person)
CROSS JOIN LATERAL (
    SELECT one.type, one.occurred_at, one.attributes FROM marketing_event one
    WHERE one.profile_id = who.profile_id AND one.type = ANY (%(types)s) AND one.occurred_at <= %(now)s
      AND one.occurred_at > coalesce(%(since)s::timestamptz, '-infinity')
    ORDER BY one.occurred_at DESC LIMIT %(most)s) e

-- name: results_of
SELECT who.person AS profile_id, o.type, o.occurred_at, c.key AS campaign, d.channel
FROM unnest(%(ids)s::bigint[], %(people)s::bigint[]) AS who (profile_id, person)
CROSS JOIN LATERAL (
    SELECT one.* FROM outcome one
    WHERE one.profile_id = who.profile_id AND one.type = ANY (%(types)s) AND one.occurred_at <= %(now)s
    ORDER BY one.occurred_at DESC LIMIT %(most)s) o
LEFT JOIN campaign c ON c.tenant_id = o.tenant_id AND c.campaign_id = o.campaign_id
LEFT JOIN all_delivery d ON d.tenant_id = o.tenant_id AND d.delivery_id = o.delivery_id

-- name: membership
SELECT m.joined_at,
       (SELECT r.at FROM segment_change ch JOIN segment_refresh r ON r.tenant_id = ch.tenant_id AND r.refresh_id = ch.refresh_id
        WHERE ch.profile_id = %(profile_id)s AND r.segment_id = %(segment_id)s ORDER BY r.at DESC, r.refresh_id DESC LIMIT 1) AS changed_at
FROM (SELECT 1) one
LEFT JOIN segment_member m ON m.tenant_id = %(tenant_id)s AND m.segment_id = %(segment_id)s AND m.profile_id = %(profile_id)s

-- name: changes
-- Each refresh that changed anything gives at least one row, so as many refreshes as rows are enough, plus the one that was
-- read to its end before.
SELECT ch.refresh_id, ch.profile_id, p.ext_id, ch.joined, r.at, r.cause, r.version
FROM (
    SELECT * FROM segment_refresh
    WHERE tenant_id = %(tenant_id)s AND segment_id = %(segment_id)s AND (joined > 0 OR "left" > 0)
      AND refresh_id <= coalesce(%(before)s::bigint, 9223372036854775807)
    ORDER BY refresh_id DESC LIMIT %(limit)s + 1) r
CROSS JOIN LATERAL (
    SELECT one.profile_id, one.refresh_id, one.joined FROM segment_change one
    WHERE one.tenant_id = r.tenant_id AND one.refresh_id = r.refresh_id
      AND (r.refresh_id IS DISTINCT FROM %(before)s OR one.profile_id > %(after)s)
    ORDER BY one.profile_id LIMIT %(limit)s) ch
LEFT JOIN cdp_profiles p ON p.tenant_id = r.tenant_id AND p.profile_id = ch.profile_id
ORDER BY ch.refresh_id DESC, ch.profile_id LIMIT %(limit)s

-- name: members
SELECT p.profile_id, p.ext_id, m.joined_at FROM segment_member m
JOIN cdp_profiles p ON p.tenant_id = m.tenant_id AND p.profile_id = m.profile_id
WHERE m.tenant_id = %(tenant_id)s AND m.segment_id = %(segment_id)s AND m.profile_id > %(after)s
ORDER BY m.profile_id LIMIT %(limit)s

-- name: id_of
SELECT coalesce(merged_into, profile_id) AS profile_id FROM cdp_profiles WHERE tenant_id = %(tenant_id)s AND ext_id = %(ext_id)s

-- name: due
-- The segment that has been due the longest and is not being refreshed.
SELECT segment_id, key FROM segment WHERE due_at <= %(now)s AND archived_at IS NULL
ORDER BY due_at, segment_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED

-- name: put_off
UPDATE segment SET due_at = %(due_at)s WHERE tenant_id = %(tenant_id)s AND segment_id = %(segment_id)s

-- name: vocabulary
-- What rules can name: attributes of the newest people, {path, kind, values} with the values that several of them share; types of
-- events with the names in the newest of each; purposes of consents. Types are found by steps along their index, without counting.
WITH RECURSIVE people AS (
    SELECT profile_id, attributes FROM cdp_profiles WHERE tenant_id = %(tenant_id)s AND status = 'active'
    ORDER BY profile_id DESC LIMIT %(people)s
), one (path, value) AS (
    SELECT ARRAY[inside.key], inside.value FROM people, jsonb_each(people.attributes) inside
    UNION ALL
    SELECT one.path || inside.key, inside.value FROM one,
        jsonb_each(CASE jsonb_typeof(one.value) WHEN 'object' THEN one.value ELSE '{}' END) inside
    WHERE cardinality(one.path) < %(deep)s AND jsonb_typeof(one.value) = 'object'
), known AS (
    SELECT path, mode() WITHIN GROUP (ORDER BY CASE jsonb_typeof(value)
        WHEN 'string' THEN CASE WHEN value #>> '{}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN 'date' ELSE 'text' END
        WHEN 'boolean' THEN 'flag' WHEN 'array' THEN 'list' ELSE jsonb_typeof(value) END) AS kind
    FROM one WHERE jsonb_typeof(value) NOT IN ('object', 'null')
    GROUP BY path ORDER BY count(*) DESC, path LIMIT %(names)s
), said AS (
    SELECT path, part #>> '{}' AS text, row_number() OVER (PARTITION BY path ORDER BY count(*) DESC, part) AS place
    FROM one, jsonb_array_elements(CASE jsonb_typeof(one.value) WHEN 'array' THEN one.value ELSE jsonb_build_array(one.value) END) part
    WHERE jsonb_typeof(one.value) IN ('string', 'array') AND jsonb_typeof(part) = 'string' AND length(part #>> '{}') BETWEEN 1 AND %(letters)s
    GROUP BY path, part HAVING count(*) > 1
), shared AS (
    SELECT path, array_agg(text ORDER BY place) AS "values" FROM said WHERE place <= %(values)s GROUP BY path
), type (name, place) AS (
    (SELECT type, 1 FROM marketing_event WHERE tenant_id = %(tenant_id)s ORDER BY type LIMIT 1)
    UNION ALL
    SELECT (SELECT e.type FROM marketing_event e WHERE e.tenant_id = %(tenant_id)s AND e.type > type.name ORDER BY e.type LIMIT 1),
        type.place + 1
    FROM type WHERE type.name IS NOT NULL AND type.place < %(types)s
), event AS (
    SELECT type.name, ARRAY(
        SELECT DISTINCT key FROM (
            SELECT attributes FROM marketing_event e WHERE e.tenant_id = %(tenant_id)s AND e.type = type.name
            ORDER BY e.occurred_at DESC LIMIT %(events)s) newest, jsonb_object_keys(newest.attributes) key
        ORDER BY key LIMIT %(names)s) AS attributes
    FROM type WHERE type.name IS NOT NULL
)
SELECT
    (SELECT coalesce(jsonb_agg(jsonb_build_object('path', path, 'kind', kind, 'values', coalesce("values", '{}')) ORDER BY path), '[]')
        FROM known LEFT JOIN shared USING (path)) AS attributes,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('type', name, 'attributes', attributes) ORDER BY name), '[]') FROM event) AS events,
    ARRAY(SELECT DISTINCT c.purpose FROM people JOIN consent c ON c.tenant_id = %(tenant_id)s AND c.profile_id = people.profile_id
        ORDER BY c.purpose LIMIT %(names)s) AS purposes
