-- Profiles that are one person: found by what they share, merged, unmerged. The tenant is left to row security, as in
-- decide.sql.

-- name: find
-- What some active people share with anybody: addresses of theirs and of those merged into them, looked up by the index of
-- addresses. A pair is proposed once and stays while it holds; in a group each is paired with the smallest id that nobody has
-- refused, so that pairs grow with people and not with their square. Addresses are stored clean; the second form finds an
-- e-mail address that is older than that rule. LIMIT and OFFSET keep look-ups what they are (see outcomes.sql).
WITH asked AS MATERIALIZED (
    SELECT p.profile_id, coalesce(p.merged_into, p.profile_id) AS owner_id
    FROM cdp_profiles p WHERE p.profile_id = ANY (%(profile_ids)s) AND p.status = 'active'
    UNION
    SELECT p.profile_id, p.merged_into FROM cdp_profiles p WHERE p.merged_into = ANY (%(profile_ids)s)
), wanted AS MATERIALIZED (
    SELECT DISTINCT a.channel, form.value
    FROM asked CROSS JOIN LATERAL (
        SELECT one.channel, one.value FROM profile_address one
        WHERE one.profile_id = asked.profile_id AND one.valid AND one.channel = ANY (%(channels)s) OFFSET 0) AS a
    CROSS JOIN LATERAL (VALUES (a.value), (CASE a.channel WHEN 'email' THEN lower(a.value) ELSE a.value END)) AS form (value)
), held AS MATERIALIZED (
    SELECT DISTINCT wanted.channel, CASE wanted.channel WHEN 'email' THEN lower(wanted.value) ELSE wanted.value END AS value,
           one.owner_id
    FROM wanted CROSS JOIN LATERAL (
        SELECT coalesce(p.merged_into, p.profile_id) AS owner_id
        FROM profile_address a
        JOIN cdp_profiles p ON p.tenant_id = a.tenant_id AND p.profile_id = a.profile_id AND p.status <> 'deleted'
        WHERE a.channel = wanted.channel AND a.value = wanted.value AND a.valid
        LIMIT %(countable)s) AS one
), groups AS MATERIALIZED (
    SELECT held.channel, held.value, count(*) AS people, array_agg(held.owner_id ORDER BY held.owner_id) AS owner_ids
    FROM held CROSS JOIN LATERAL (
        SELECT FROM cdp_profiles p WHERE p.profile_id = held.owner_id AND p.status = 'active' LIMIT 1) AS owner
    GROUP BY held.channel, held.value HAVING count(*) > 1
), family AS MATERIALIZED (
    SELECT DISTINCT owner.id AS profile_id, owner.id AS owner_id
    FROM groups, unnest(groups.owner_ids) AS owner (id) WHERE groups.people <= %(most)s
), everybody AS MATERIALIZED (
    SELECT profile_id, owner_id FROM family
    UNION ALL
    SELECT p.profile_id, p.merged_into FROM cdp_profiles p WHERE p.merged_into = ANY (ARRAY(SELECT owner_id FROM family))
), refused AS MATERIALIZED (
    SELECT DISTINCT least(a.owner_id, b.owner_id) AS profile_id, greatest(a.owner_id, b.owner_id) AS other_id
    FROM duplicate d
    JOIN everybody a ON a.profile_id = d.profile_id
    JOIN everybody b ON b.profile_id = d.other_id
    WHERE d.status = 'refused' AND d.profile_id = ANY (ARRAY(SELECT profile_id FROM everybody))
), pairs AS MATERIALIZED (
    SELECT DISTINCT first.id AS profile_id, other.id AS other_id, groups.channel
    FROM groups CROSS JOIN LATERAL unnest(groups.owner_ids) AS other (id)
    CROSS JOIN LATERAL (
        SELECT earlier.id FROM unnest(groups.owner_ids) AS earlier (id)
        WHERE earlier.id < other.id
          AND (earlier.id, other.id) NOT IN (SELECT refused.profile_id, refused.other_id FROM refused)
        ORDER BY earlier.id LIMIT 1) AS first
    WHERE groups.people <= %(most)s
), withdrawn AS (
    DELETE FROM duplicate d
    WHERE d.status = 'proposed' AND (d.profile_id = ANY (%(profile_ids)s) OR d.other_id = ANY (%(profile_ids)s))
      AND (d.profile_id, d.other_id, d.channel) NOT IN (SELECT profile_id, other_id, channel FROM pairs)
    RETURNING 1
), made AS (
    INSERT INTO duplicate (tenant_id, profile_id, other_id, channel)
    SELECT %(tenant_id)s, profile_id, other_id, channel FROM pairs ORDER BY profile_id, other_id, channel
    ON CONFLICT ON CONSTRAINT duplicate_pair_unique DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM made) AS new, (SELECT count(*) FROM withdrawn) AS withdrawn,
       (SELECT jsonb_agg(jsonb_build_array(channel, value, people)) FROM groups WHERE people > %(most)s) AS crowds

-- name: page
-- The ids of the next active people.
SELECT coalesce(array_agg(profile_id), '{}') AS profile_ids FROM (
    SELECT profile_id FROM cdp_profiles WHERE status = 'active' AND profile_id > %(after)s ORDER BY profile_id LIMIT %(size)s) one

-- name: graph
SELECT graph_name AS graph FROM tenant WHERE tenant_id = %(tenant_id)s

-- name: members
-- What distinguishes people, and what speaks for keeping one: consent in force, history, since when.
SELECT p.profile_id, p.ext_id, p.name, p.created_at,
       coalesce((SELECT c.granted FROM consent c WHERE c.profile_id = p.profile_id AND c.purpose = 'marketing'
                 ORDER BY c.at DESC, c.granted LIMIT 1), false) AS is_consenting,
       (SELECT count(*) FROM marketing_event e WHERE e.profile_id = p.profile_id)
       + (SELECT count(*) FROM all_delivery d WHERE d.profile_id = p.profile_id)
       + (SELECT count(*) FROM outcome o WHERE o.profile_id = p.profile_id) AS history
FROM cdp_profiles p WHERE p.profile_id = ANY (%(profile_ids)s)

-- name: pairs
-- The rows behind links between some people, refused ones among them.
SELECT d.duplicate_id, d.channel, d.status, coalesce(a.merged_into, a.profile_id) AS profile_id,
       coalesce(b.merged_into, b.profile_id) AS other_id
FROM duplicate d
JOIN cdp_profiles a ON a.profile_id = d.profile_id
JOIN cdp_profiles b ON b.profile_id = d.other_id
WHERE d.status <> 'merged'
  AND d.profile_id = ANY (ARRAY(SELECT p.profile_id FROM cdp_profiles p
                                WHERE p.profile_id = ANY (%(profile_ids)s) OR p.merged_into = ANY (%(profile_ids)s)))
ORDER BY d.duplicate_id

-- name: refuse
-- A pair is refused whatever it shares; a refused one stays so. No row: there is no such pair, or it is merged.
WITH asked AS (
    SELECT profile_id, other_id FROM duplicate
    WHERE tenant_id = %(tenant_id)s AND duplicate_id = %(duplicate_id)s AND status <> 'merged'
), done AS (
    UPDATE duplicate d SET status = 'refused', decided_at = now(), decided_by = %(by)s
    FROM asked
    WHERE d.tenant_id = %(tenant_id)s AND d.profile_id = asked.profile_id AND d.other_id = asked.other_id
      AND d.status = 'proposed'
)
SELECT profile_id, other_id FROM asked

-- name: people
-- People by their own keys, in no order.
SELECT profile_id, ext_id, status, merged_into FROM cdp_profiles
WHERE tenant_id = %(tenant_id)s AND ext_id = ANY (%(ext_ids)s)

-- name: queue
-- Merges of a tenant are made one after the other: two at once could point two profiles at each other.
SELECT pg_advisory_xact_lock(hashtextextended('identity ' || leo_tenant(), 0))

-- name: lock
-- People and those merged into them, locked in the order of ids, as deciding locks them.
SELECT profile_id, ext_id, status, merged_into FROM cdp_profiles
WHERE profile_id = ANY (ARRAY(SELECT p.profile_id FROM cdp_profiles p
                              WHERE p.profile_id = ANY (%(profile_ids)s) OR p.merged_into = ANY (%(profile_ids)s)))
ORDER BY profile_id FOR NO KEY UPDATE

-- name: record
-- Merges as requested; where each profile ends up is settled afterwards.
INSERT INTO profile_merge (tenant_id, loser_id, winner_id, reason, evidence, merged_by)
SELECT %(tenant_id)s, pair.loser_id, pair.winner_id, %(reason)s,
       (SELECT coalesce(jsonb_agg(DISTINCT d.channel), '[]') FROM duplicate d
        WHERE d.profile_id = least(pair.loser_id, pair.winner_id) AND d.other_id = greatest(pair.loser_id, pair.winner_id)),
       %(by)s
FROM jsonb_to_recordset(%(pairs)s) AS pair (loser_id bigint, winner_id bigint)
ORDER BY pair.loser_id

-- name: undo
UPDATE profile_merge SET undone_at = now(), undone_by = %(by)s
WHERE tenant_id = %(tenant_id)s AND loser_id = %(profile_id)s AND undone_at IS NULL

-- name: settle
-- Brings people, and whoever was merged into them, to where the merges in force lead: a profile points at the end of its
-- chain, which has an end (see queue). A profile that was deleted since stays so, unless it is merged now. LIMIT, OFFSET and
-- the array keep look-ups what they are (see outcomes.sql).
WITH RECURSIVE below AS (
    SELECT unnest(%(profile_ids)s::bigint[]) AS profile_id
    UNION
    SELECT theirs.loser_id FROM below CROSS JOIN LATERAL (
        SELECT m.loser_id, m.undone_at FROM profile_merge m WHERE m.winner_id = below.profile_id OFFSET 0) AS theirs
    WHERE theirs.undone_at IS NULL
), above AS (
    SELECT profile_id, profile_id AS at, 0 AS depth FROM below
    UNION ALL
    SELECT above.profile_id, own.winner_id, above.depth + 1 FROM above CROSS JOIN LATERAL (
        SELECT m.winner_id FROM profile_merge m WHERE m.loser_id = above.at AND m.undone_at IS NULL LIMIT 1) AS own
), ends AS MATERIALIZED (
    SELECT DISTINCT ON (profile_id) profile_id, nullif(at, profile_id) AS end_id FROM above ORDER BY profile_id, depth DESC
), moved AS (
    UPDATE cdp_profiles p
    SET merged_into = ends.end_id,
        status = CASE WHEN ends.end_id IS NOT NULL THEN 'merged'
                      -- The source still names a survivor, but one that does not exist here yet.
                      WHEN %(is_source)s AND p.source_root IS NOT NULL THEN 'deleted'
                      ELSE 'active' END
    FROM ends
    WHERE p.profile_id = ends.profile_id AND p.profile_id = ANY (ARRAY(SELECT profile_id FROM ends))
      AND p.merged_into IS DISTINCT FROM ends.end_id
      AND (p.status <> 'deleted' OR p.profile_id = ANY (%(profile_ids)s))
    RETURNING p.tenant_id, p.profile_id, p.merged_into
), looked_at AS (
    -- Becoming one person or two may change which segments they belong to.
    INSERT INTO recheck (tenant_id, profile_id)
    SELECT tenant_id, profile_id FROM moved UNION SELECT tenant_id, merged_into FROM moved WHERE merged_into IS NOT NULL
    ORDER BY profile_id
    ON CONFLICT ON CONSTRAINT recheck_pkey DO UPDATE SET event_types = '{}', due_at = least(recheck.due_at, excluded.due_at)
)
SELECT profile_id, merged_into FROM moved

-- name: settle_duplicates
-- A pair whose two are now one person becomes merged; one whose two no longer are is proposed again.
WITH touched AS MATERIALIZED (
    SELECT d.duplicate_id, d.status,
           CASE WHEN coalesce(a.merged_into, a.profile_id) = coalesce(b.merged_into, b.profile_id)
                THEN 'merged' ELSE 'proposed' END AS becomes
    FROM duplicate d
    CROSS JOIN LATERAL (SELECT p.* FROM cdp_profiles p WHERE p.profile_id = d.profile_id LIMIT 1) AS a
    CROSS JOIN LATERAL (SELECT p.* FROM cdp_profiles p WHERE p.profile_id = d.other_id LIMIT 1) AS b
    WHERE d.status <> 'refused' AND (d.profile_id = ANY (%(profile_ids)s) OR d.other_id = ANY (%(profile_ids)s))
)
UPDATE duplicate d
SET status = touched.becomes, decided_at = CASE touched.becomes WHEN 'merged' THEN now() END,
    decided_by = CASE touched.becomes WHEN 'merged' THEN %(by)s END
FROM touched WHERE d.duplicate_id = touched.duplicate_id AND touched.status <> touched.becomes

-- name: cancel_queued
-- Messages queued for a profile that was merged: the person may get them through the remaining one.
UPDATE delivery_log SET status = 'cancelled', code = 'merged'
WHERE profile_id = ANY (%(profile_ids)s) AND status = 'queued'

-- name: undo_roots
-- Merges that the source no longer names.
WITH merged AS MATERIALIZED (
    SELECT p.profile_id, p.source_root FROM cdp_profiles p WHERE %(ext_ids)s::text[] IS NULL AND p.merged_into IS NOT NULL
    UNION ALL
    SELECT p.profile_id, p.source_root FROM cdp_profiles p WHERE p.ext_id = ANY (%(ext_ids)s::text[])
), stale AS (
    SELECT own.merge_id
    FROM merged
    CROSS JOIN LATERAL (
        SELECT m.merge_id, m.winner_id, m.merged_by FROM profile_merge m
        WHERE m.loser_id = merged.profile_id AND m.undone_at IS NULL LIMIT 1) AS own
    CROSS JOIN LATERAL (SELECT p.ext_id FROM cdp_profiles p WHERE p.profile_id = own.winner_id LIMIT 1) AS w
    WHERE own.merged_by = %(by)s AND merged.source_root IS DISTINCT FROM w.ext_id
)
UPDATE profile_merge SET undone_at = now(), undone_by = %(by)s WHERE merge_id = ANY (ARRAY(SELECT merge_id FROM stale))
RETURNING loser_id

-- name: record_roots
-- Merges that the source names and whose survivor exists: at the end of the chain is a profile that is not deleted. Merged
-- profiles need no look: whoever leads to them finds the end of the chain by `merged_into`. Chains that go round, now or with
-- what people have merged, are left alone, and so is a merge that a person undid. LIMIT and OFFSET keep look-ups what they
-- are, and the condition of a partial index stands outside them, because otherwise it would be read whole.
WITH RECURSIVE concerned AS (
    SELECT given.profile_id, given.ext_id, given.source_root FROM (
        SELECT p.* FROM cdp_profiles p WHERE %(ext_ids)s::text[] IS NULL AND p.source_root IS NOT NULL
        UNION ALL
        SELECT p.* FROM cdp_profiles p WHERE p.ext_id = ANY (%(ext_ids)s::text[])
        UNION ALL
        SELECT p.* FROM cdp_profiles p WHERE p.source_root = ANY (%(ext_ids)s::text[])
        OFFSET 0) AS given
    WHERE given.source_root IS NOT NULL AND given.status <> 'merged'
    UNION
    SELECT near.profile_id, near.ext_id, near.source_root
    FROM concerned CROSS JOIN LATERAL (
        SELECT p.profile_id, p.ext_id, p.source_root, p.status FROM cdp_profiles p WHERE p.source_root = concerned.ext_id
        UNION ALL
        (SELECT p.profile_id, p.ext_id, p.source_root, p.status FROM cdp_profiles p
         WHERE p.ext_id = concerned.source_root LIMIT 1)
        OFFSET 0) AS near
    WHERE near.source_root IS NOT NULL AND near.status <> 'merged'
), candidates AS MATERIALIZED (
    SELECT concerned.profile_id AS loser_id, w.profile_id AS winner_id
    FROM concerned
    CROSS JOIN LATERAL (SELECT p.profile_id FROM cdp_profiles p WHERE p.ext_id = concerned.source_root LIMIT 1) AS w
    WHERE w.profile_id <> concerned.profile_id
), named AS MATERIALIZED (
    SELECT loser_id, winner_id FROM candidates
    EXCEPT
    SELECT c.loser_id, c.winner_id FROM candidates c CROSS JOIN LATERAL (
        SELECT m.merge_id FROM profile_merge m WHERE m.loser_id = c.loser_id AND m.undone_at IS NULL LIMIT 1) AS held
    EXCEPT
    SELECT c.loser_id, c.winner_id FROM candidates c CROSS JOIN LATERAL (
        SELECT m.merge_id FROM profile_merge m
        WHERE m.winner_id = c.winner_id AND m.loser_id = c.loser_id AND m.merged_by = %(by)s AND m.undone_by <> %(by)s
        LIMIT 1) AS undone
), walk AS (
    SELECT loser_id, winner_id AS at FROM named
    UNION
    SELECT walk.loser_id, coalesce(named.winner_id, there.merged_into)
    FROM walk CROSS JOIN LATERAL (
        SELECT p.merged_into FROM cdp_profiles p WHERE p.profile_id = walk.at LIMIT 1) AS there
    LEFT JOIN named ON named.loser_id = walk.at
    WHERE coalesce(named.winner_id, there.merged_into) IS NOT NULL
), straight AS MATERIALIZED (
    SELECT loser_id FROM named EXCEPT SELECT loser_id FROM walk WHERE at = loser_id
), ended AS (
    SELECT DISTINCT walk.loser_id
    FROM walk LEFT JOIN straight ON straight.loser_id = walk.at
    CROSS JOIN LATERAL (
        SELECT p.status FROM cdp_profiles p WHERE p.profile_id = walk.at AND p.merged_into IS NULL LIMIT 1) AS there
    WHERE straight.loser_id IS NULL AND there.status <> 'deleted'
)
INSERT INTO profile_merge (tenant_id, loser_id, winner_id, reason, merged_by)
SELECT leo_tenant(), straight.loser_id, named.winner_id, 'the source merged them', %(by)s
FROM straight JOIN named USING (loser_id) JOIN ended USING (loser_id)
ORDER BY straight.loser_id
RETURNING loser_id
