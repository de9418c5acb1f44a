-- What a source's pages become. A page is a few statements, each with its columns as arrays; a row of another table names its
-- person by place, and `ids` holds the persons' ids by place, NULL where a person is as before; it goes from statement to
-- statement as PostgreSQL wrote it, for nobody has to make numbers of it. The tenant is left to row
-- security, as in decide.sql.

-- name: known
-- What was taken of these people before, and the segments they are in.
SELECT ext_id, source_rev, source_root, status, attributes -> %(segments)s AS segments
FROM cdp_profiles WHERE ext_id = ANY (%(keys)s) AND source = %(source)s

-- name: write_people
-- In the order of keys, so that two writers of the same people queue instead of deadlocking. A merge is undone by
-- engine.identity alone; attributes that the map does not name stay.
WITH given AS MATERIALIZED (
    SELECT p, k, n, l, z, s, v, r, t::timestamptz AS t, a
    FROM unnest(%(ext_ids)s::text[], %(names)s::text[], %(locales)s::text[], %(zones)s::text[], %(statuses)s::text[],
                %(revs)s::text[], %(roots)s::text[], %(times)s::text[], %(attributes)s::jsonb[])
        WITH ORDINALITY AS given (k, n, l, z, s, v, r, t, a, p)
), written AS (
    INSERT INTO cdp_profiles (tenant_id, ext_id, status, name, locale, zone, attributes,
                              source, source_rev, source_root, source_updated_at)
    SELECT %(tenant_id)s, k, s, n, l, z, a, %(source)s, v, r, t FROM given ORDER BY k
    ON CONFLICT ON CONSTRAINT cdp_profiles_ext_id_unique DO UPDATE
    SET status = CASE cdp_profiles.status WHEN 'merged' THEN 'merged' ELSE excluded.status END,
        name = excluded.name, locale = excluded.locale, zone = coalesce(excluded.zone, cdp_profiles.zone),
        attributes = (cdp_profiles.attributes - %(owned)s::text[]) || excluded.attributes,
        source = excluded.source, source_rev = excluded.source_rev, source_root = excluded.source_root,
        source_updated_at = excluded.source_updated_at
    WHERE %(again)s
          OR (cdp_profiles.source, cdp_profiles.source_rev) IS DISTINCT FROM (excluded.source, excluded.source_rev)
    RETURNING ext_id, profile_id, xmax = 0 AS is_new
)
SELECT array_agg(written.profile_id ORDER BY given.p)::text AS ids,
       coalesce(array_agg(written.profile_id) FILTER (WHERE NOT written.is_new), '{}')::text AS known_ids,
       count(*) FILTER (WHERE written.is_new) AS new, count(*) FILTER (WHERE NOT written.is_new) AS changed
FROM given LEFT JOIN written ON written.ext_id = given.k

-- name: add_addresses
-- Of the people whom this very transaction made: nobody else can know them, so that nothing is looked up and no conflict is
-- looked for. Each row is there once, and people are in the order of their keys, so that these are in the order of their ids.
INSERT INTO profile_address (tenant_id, profile_id, channel, value, valid, reason, source)
SELECT %(tenant_id)s, (%(ids)s::bigint[])[p], c, v, r IS NULL, r, %(source)s
FROM unnest(%(places)s::int[], %(channels)s::text[], %(values)s::text[], %(reasons)s::text[]) AS given (p, c, v, r)
WHERE (%(ids)s::bigint[])[p] IS NOT NULL AND (%(ids)s::bigint[])[p] <> ALL (%(known_ids)s::bigint[])

-- name: write_addresses
-- Of people who were there. The list of a person is all that this source knows: what is gone from it goes, unless another
-- source gave it. One that is there keeps what is known of it. NOT IN, because it is hashed whatever the planner believes
-- (see profiles.sql).
WITH given AS MATERIALIZED (
    SELECT (%(ids)s::bigint[])[p] AS profile_id, c AS channel, v AS value, r AS reason
    FROM unnest(%(places)s::int[], %(channels)s::text[], %(values)s::text[], %(reasons)s::text[]) AS given (p, c, v, r)
    WHERE (%(ids)s::bigint[])[p] = ANY (%(known_ids)s::bigint[])
), gone AS (
    DELETE FROM profile_address
    WHERE profile_id = ANY (%(known_ids)s::bigint[]) AND source = %(source)s
      AND (profile_id, channel, value) NOT IN (SELECT profile_id, channel, value FROM given)
)
INSERT INTO profile_address (tenant_id, profile_id, channel, value, valid, reason, source)
SELECT %(tenant_id)s, profile_id, channel, value, reason IS NULL, reason, %(source)s
FROM given
WHERE (profile_id, channel, value) NOT IN (
    SELECT profile_id, channel, value FROM profile_address WHERE profile_id = ANY (%(known_ids)s::bigint[]))
ORDER BY profile_id, channel, value
ON CONFLICT ON CONSTRAINT profile_address_unique DO NOTHING

-- name: add_consents
-- Of the people whom this transaction made: the first that is said of them.
INSERT INTO consent (tenant_id, profile_id, channel, purpose, granted, at, source)
SELECT %(tenant_id)s, (%(ids)s::bigint[])[p], c, u, g,
       CASE WHEN t IS NOT NULL THEN least(t::timestamptz, now()) WHEN g THEN 'epoch' ELSE now() END, %(source)s
FROM unnest(%(places)s::int[], %(channels)s::text[], %(purposes)s::text[], %(granted)s::boolean[], %(times)s::text[])
    AS given (p, c, u, g, t)
WHERE g IS NOT NULL AND (%(ids)s::bigint[])[p] IS NOT NULL AND (%(ids)s::bigint[])[p] <> ALL (%(known_ids)s::bigint[])

-- name: write_consents
-- Of people who were there, only what differs from what this source said last. A source repeats its value with every change of anything, so what
-- it agrees to for the first time is older than a withdrawal that is recorded here; without a time it is as old as can
-- be, and a withdrawal is of now. Nothing said where agreement was said before is a withdrawal.
WITH given AS MATERIALIZED (
    SELECT (%(ids)s::bigint[])[p] AS profile_id, c AS channel, u AS purpose, g AS granted,
           CASE WHEN t IS NOT NULL THEN least(t::timestamptz, now()) END AS at
    FROM unnest(%(places)s::int[], %(channels)s::text[], %(purposes)s::text[], %(granted)s::boolean[], %(times)s::text[])
        AS given (p, c, u, g, t)
    WHERE (%(ids)s::bigint[])[p] = ANY (%(known_ids)s::bigint[])
), held AS MATERIALIZED (
    SELECT profile_id, channel, purpose, granted, at, source = %(source)s AS is_own
    FROM consent WHERE profile_id = ANY (%(known_ids)s::bigint[])
), own AS MATERIALIZED (
    SELECT DISTINCT ON (profile_id, channel, purpose) profile_id, channel, purpose, granted, at
    FROM held WHERE is_own ORDER BY profile_id, channel, purpose, at DESC
), withdrawn AS MATERIALIZED (
    SELECT profile_id, channel, purpose, max(at) AS at FROM held WHERE NOT is_own AND NOT granted
    GROUP BY profile_id, channel, purpose
)
INSERT INTO consent (tenant_id, profile_id, channel, purpose, granted, at, source)
SELECT %(tenant_id)s, given.profile_id, given.channel, given.purpose, coalesce(given.granted, false),
       CASE WHEN own.at IS NOT NULL THEN greatest(coalesce(given.at, now()), own.at + interval '1 microsecond')
            WHEN NOT given.granted THEN coalesce(given.at, now())
            ELSE least(coalesce(given.at, 'epoch'), (
                SELECT min(withdrawn.at) - interval '1 microsecond' FROM withdrawn
                WHERE withdrawn.profile_id = given.profile_id AND withdrawn.purpose = given.purpose
                  AND (withdrawn.channel IS NULL OR withdrawn.channel IS NOT DISTINCT FROM given.channel))) END,
       %(source)s
FROM given LEFT JOIN own ON own.profile_id = given.profile_id AND own.purpose = given.purpose
                        AND own.channel IS NOT DISTINCT FROM given.channel
WHERE CASE WHEN given.granted IS NULL THEN own.granted ELSE given.granted IS DISTINCT FROM own.granted END
ORDER BY given.profile_id, given.channel, given.purpose
ON CONFLICT ON CONSTRAINT consent_unique DO NOTHING

-- name: write_targets
-- Gives their ids by place; NULL where another transaction is just making the target.
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(names)s::text[]) WITH ORDINALITY AS given (k, t, n, p)
), held AS MATERIALIZED (
    SELECT target_id, kind, key, name FROM relation_target WHERE key = ANY (ARRAY(SELECT t FROM given))
), written AS (
    INSERT INTO relation_target (tenant_id, kind, key, name)
    SELECT %(tenant_id)s, given.k, given.t, coalesce(given.n, given.t)
    FROM given LEFT JOIN held ON held.kind = given.k AND held.key = given.t
    WHERE held.target_id IS NULL OR (given.n IS NOT NULL AND held.name <> given.n)
    ORDER BY given.k, given.t
    ON CONFLICT ON CONSTRAINT relation_target_key_unique DO UPDATE SET name = excluded.name
    WHERE relation_target.name <> excluded.name AND excluded.name <> excluded.key
    RETURNING target_id, kind, key
)
SELECT array_agg(coalesce(written.target_id, held.target_id) ORDER BY given.p)::text AS ids
FROM given LEFT JOIN held ON held.kind = given.k AND held.key = given.t
           LEFT JOIN written ON written.kind = given.k AND written.key = given.t

-- name: add_relations
INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id)
SELECT %(tenant_id)s, (%(ids)s::bigint[])[p], k, (%(target_ids)s::bigint[])[t]
FROM unnest(%(places)s::int[], %(kinds)s::text[], %(targets)s::int[]) AS given (p, k, t)
WHERE (%(ids)s::bigint[])[p] IS NOT NULL AND (%(ids)s::bigint[])[p] <> ALL (%(known_ids)s::bigint[])
  AND (%(target_ids)s::bigint[])[t] IS NOT NULL

-- name: write_relations
-- Added, never taken away: a relation does not say which source it is from.
INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id)
SELECT %(tenant_id)s, (%(ids)s::bigint[])[p] AS profile_id, k, (%(target_ids)s::bigint[])[t] AS target_id
FROM unnest(%(places)s::int[], %(kinds)s::text[], %(targets)s::int[]) AS given (p, k, t)
WHERE (%(ids)s::bigint[])[p] = ANY (%(known_ids)s::bigint[]) AND (%(target_ids)s::bigint[])[t] IS NOT NULL
ORDER BY profile_id, k, target_id
ON CONFLICT ON CONSTRAINT profile_relation_unique DO NOTHING

-- name: begin_position
INSERT INTO sync_position (tenant_id, source_id, stream) VALUES (%(tenant_id)s, %(source_id)s, %(stream)s)
ON CONFLICT ON CONSTRAINT sync_position_pkey DO NOTHING

-- name: position
-- How far a stream was taken. `version` changes whenever a page of it is written, though it may stand where it stood.
SELECT at, key, xmin::text AS version FROM sync_position WHERE source_id = %(source_id)s AND stream = %(stream)s

-- name: claim_position
-- For this transaction: a GIN index takes in what waits for it in portions of so many kB: after a small page 256, for the 4 MB
-- at once that are the default held one page of 100 in 72 up by 60 ms; after a large one 16 MB, for
-- by then another session has taken it in. And a commit does not wait for the disk: what a crash of the server takes away is a whole
-- page with its position, so it is read again.
WITH set_up AS MATERIALIZED (
    SELECT set_config('gin_pending_list_limit', %(pending)s, true), set_config('synchronous_commit', %(commit)s, true)
)
SELECT at, key, sync_position.xmin::text AS version FROM sync_position, set_up
WHERE source_id = %(source_id)s AND stream = %(stream)s FOR UPDATE OF sync_position

-- name: set_up_page
-- The same for a page that claims its position at its end.
SELECT set_config('gin_pending_list_limit', %(pending)s, true), set_config('synchronous_commit', %(commit)s, true)

-- name: move_position
UPDATE sync_position SET at = coalesce(%(at)s, at), key = coalesce(%(key)s, key)
WHERE source_id = %(source_id)s AND stream = %(stream)s RETURNING xmin::text AS version

-- name: recheck
-- People whom a page changed, for the segments that are not the source's own: those it marks itself.
INSERT INTO recheck (tenant_id, profile_id)
SELECT DISTINCT tenant_id, coalesce(merged_into, profile_id) FROM cdp_profiles
WHERE profile_id = ANY (%(ids)s::bigint[])
  AND EXISTS (SELECT FROM segment WHERE archived_at IS NULL AND NOT starts_with(key, %(prefix)s))
ORDER BY 2
ON CONFLICT ON CONSTRAINT recheck_pkey DO UPDATE SET event_types = '{}', due_at = least(recheck.due_at, excluded.due_at)

-- name: analyze
-- From 3,000 rows of a table, not 30,000: enough to tell a full table from an empty one until autovacuum looks closer, and a
-- ninth of what it took (of 20,000 people taken it was a quarter of all that PostgreSQL did).
SELECT leo_analyze_people() FROM set_config('default_statistics_target', '10', true)

-- name: take_in
SELECT leo_take_in()

-- name: mark_gone
-- Who is no longer at the source. Without its revision, so that one who comes back as it was is taken again.
UPDATE cdp_profiles SET status = 'deleted', source_rev = NULL
WHERE ext_id = ANY (%(keys)s) AND source = %(source)s AND status = 'active'
RETURNING profile_id

-- name: delete_unmerged
-- A merge that was undone leaves a profile active; the source may say that it is not.
UPDATE cdp_profiles SET status = 'deleted' WHERE ext_id = ANY (%(keys)s) AND status = 'active'

-- name: mark_segments
UPDATE segment SET due_at = now()
WHERE key = ANY (%(keys)s) AND archived_at IS NULL AND (due_at IS NULL OR due_at > now())

-- name: marked_segments
SELECT segment_id FROM segment
WHERE starts_with(key, %(prefix)s) AND archived_at IS NULL AND due_at <= now() ORDER BY segment_id

-- name: own_segments
SELECT segment_id, key, name, schedule, zone, archived_at FROM segment WHERE starts_with(key, %(prefix)s)

-- name: match_members
-- Which of these keys belong to a segment here already, as ids, and which do not, as keys. Whom people here have merged is
-- one more of them to the source.
SELECT coalesce(array_agg(held.profile_id) FILTER (WHERE held.profile_id IS NOT NULL), '{}') AS matched_ids,
       coalesce(array_agg(given.key) FILTER (WHERE held.profile_id IS NULL), '{}') AS unmatched
FROM unnest(%(keys)s::text[]) AS given (key)
LEFT JOIN (
    SELECT profile_id, ext_id FROM cdp_profiles
    WHERE ext_id = ANY (%(keys)s) AND source = %(source)s AND status <> 'deleted' AND attributes @> %(belongs)s
) held ON held.ext_id = given.key

-- name: member_ids
SELECT coalesce(array_agg(profile_id), '{}') AS ids FROM cdp_profiles
WHERE source = %(source)s AND status = 'active' AND attributes @> %(belongs)s

-- name: keys_of
SELECT coalesce(array_agg(ext_id ORDER BY ext_id), '{}') AS keys FROM cdp_profiles WHERE profile_id = ANY (%(ids)s)

-- name: compare_revisions
-- Which of these people are here as the source has them, as ids, and which are not, as keys.
SELECT coalesce(array_agg(held.profile_id) FILTER (WHERE held.source_rev = given.rev), '{}') AS matched_ids,
       coalesce(array_agg(given.key) FILTER (WHERE held.source_rev IS DISTINCT FROM given.rev), '{}') AS unmatched
FROM jsonb_to_recordset(%(revisions)s) AS given (key text, rev text)
LEFT JOIN (
    SELECT profile_id, ext_id, source_rev FROM cdp_profiles
    WHERE ext_id = ANY (ARRAY(SELECT r ->> 'key' FROM jsonb_array_elements(%(revisions)s) r)) AND source = %(source)s
) held ON held.ext_id = given.key

-- name: next_ids
-- Who is active here, in the order of ids.
SELECT coalesce(array_agg(profile_id), '{}') AS ids FROM (
    SELECT profile_id FROM cdp_profiles
    WHERE source = %(source)s AND status = 'active' AND profile_id > %(after)s ORDER BY profile_id LIMIT %(n)s) one

-- name: ids_of
SELECT coalesce(array_agg(profile_id), '{}') AS ids FROM cdp_profiles WHERE ext_id = ANY (%(keys)s) AND source = %(source)s

-- name: unknown_people
SELECT coalesce(array_agg(given.key), '{}') AS keys FROM unnest(%(keys)s::text[]) AS given (key)
WHERE given.key NOT IN (SELECT ext_id FROM cdp_profiles WHERE ext_id = ANY (%(keys)s))

-- name: write_events
-- History: stored once by its key, starting nothing. Segments that look at events of these types are refreshed when they
-- are looked after next.
WITH given AS MATERIALIZED (
    SELECT g.*, nextval('leo_id') AS event_id
    FROM jsonb_to_recordset(%(events)s)
        AS g (ext_id text, type text, profile text, occurred_at timestamptz, attributes jsonb)
), people AS MATERIALIZED (
    SELECT ext_id, coalesce(merged_into, profile_id) AS profile_id
    FROM cdp_profiles WHERE ext_id = ANY (ARRAY(SELECT profile FROM given))
), keyed AS (
    INSERT INTO event_key (tenant_id, ext_id, event_id)
    SELECT %(tenant_id)s, ext_id, event_id FROM given ORDER BY ext_id
    ON CONFLICT ON CONSTRAINT event_key_pkey DO NOTHING
    RETURNING event_id
), stored AS (
    INSERT INTO marketing_event (tenant_id, event_id, ext_id, type, profile_id, occurred_at, source, attributes)
    SELECT %(tenant_id)s, given.event_id, given.ext_id, given.type, people.profile_id, given.occurred_at, %(source)s, given.attributes
    FROM given JOIN keyed USING (event_id) LEFT JOIN people ON people.ext_id = given.profile
    RETURNING type
), marked AS (
    UPDATE segment SET due_at = now()
    WHERE (event_types && ARRAY(SELECT DISTINCT type FROM stored) OR '*' = ANY (event_types)) AND EXISTS (SELECT FROM stored)
      AND archived_at IS NULL AND (due_at IS NULL OR due_at > now())
)
SELECT count(*) AS stored FROM stored
