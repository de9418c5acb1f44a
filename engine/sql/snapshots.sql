-- name: create
-- Header and members from one list in one statement; the header is checked against its members again at commit. The order
-- comes from the index, so that nothing is sorted again.
WITH members AS MATERIALIZED (
    SELECT profile_id FROM segment_member
    WHERE tenant_id = %(tenant_id)s AND segment_id = %(segment_id)s ORDER BY profile_id
), header AS (
    INSERT INTO segment_snapshot (tenant_id, segment_id, segment_version, rule, key, rule_text, member_count, members_hash)
    SELECT s.tenant_id, s.segment_id, s.version, s.rule, %(key)s, %(rule_text)s, listed.members, listed.hash
    FROM segment s
    CROSS JOIN (SELECT count(*) AS members, leo_members_hash(coalesce(array_agg(profile_id), '{}')) AS hash FROM members) listed
    WHERE s.tenant_id = %(tenant_id)s AND s.segment_id = %(segment_id)s
    RETURNING snapshot_id, segment_id, segment_version, rule, key, rule_text, member_count, members_hash, created_at,
              (SELECT s.key FROM segment s WHERE s.tenant_id = %(tenant_id)s AND s.segment_id = %(segment_id)s) AS segment_key
), listed AS (
    INSERT INTO segment_snapshot_member (tenant_id, snapshot_id, profile_id)
    SELECT %(tenant_id)s, (SELECT snapshot_id FROM header), profile_id FROM members ORDER BY profile_id
)
SELECT * FROM header

-- name: lock_key
-- Until the transaction ends; two keys with the same hash merely wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended('snapshot ' || leo_tenant()::text || ' ' || %(key)s, 0))

-- name: rule
SELECT rule FROM segment WHERE tenant_id = %(tenant_id)s AND segment_id = %(segment_id)s

-- name: by_key
SELECT n.snapshot_id, n.segment_id, n.segment_version, n.rule, n.key, n.rule_text, n.member_count, n.members_hash, n.created_at,
       s.key AS segment_key
FROM segment_snapshot n JOIN segment s ON s.tenant_id = n.tenant_id AND s.segment_id = n.segment_id
WHERE n.tenant_id = %(tenant_id)s AND n.key = %(key)s

-- name: get
SELECT n.snapshot_id, n.segment_id, n.segment_version, n.rule, n.key, n.rule_text, n.member_count, n.members_hash, n.created_at,
       s.key AS segment_key
FROM segment_snapshot n JOIN segment s ON s.tenant_id = n.tenant_id AND s.segment_id = n.segment_id
WHERE n.tenant_id = %(tenant_id)s AND n.snapshot_id = %(snapshot_id)s

-- name: page
SELECT n.snapshot_id, n.segment_id, n.segment_version, n.rule, n.key, n.rule_text, n.member_count, n.members_hash, n.created_at,
       s.key AS segment_key
FROM segment_snapshot n JOIN segment s ON s.tenant_id = n.tenant_id AND s.segment_id = n.segment_id
WHERE n.tenant_id = %(tenant_id)s AND n.snapshot_id > %(after)s AND (%(segment_id)s::bigint IS NULL OR n.segment_id = %(segment_id)s)
ORDER BY n.snapshot_id LIMIT %(limit)s

-- name: members
SELECT m.profile_id, p.ext_id FROM segment_snapshot_member m
LEFT JOIN cdp_profiles p ON p.tenant_id = m.tenant_id AND p.profile_id = m.profile_id
WHERE m.tenant_id = %(tenant_id)s AND m.snapshot_id = %(snapshot_id)s AND m.profile_id > %(after)s
ORDER BY m.profile_id LIMIT %(limit)s

-- name: recount
SELECT count(*) AS members, leo_members_hash(coalesce(array_agg(profile_id), '{}')) AS hash
FROM segment_snapshot_member WHERE tenant_id = %(tenant_id)s AND snapshot_id = %(snapshot_id)s

-- name: compare
WITH before AS MATERIALIZED (
    SELECT profile_id FROM segment_snapshot_member WHERE tenant_id = %(tenant_id)s AND snapshot_id = %(first)s
), after AS MATERIALIZED (
    SELECT profile_id FROM segment_snapshot_member WHERE tenant_id = %(tenant_id)s AND snapshot_id = %(second)s
), fresh AS MATERIALIZED (
    SELECT profile_id FROM after EXCEPT SELECT profile_id FROM before
), gone AS MATERIALIZED (
    SELECT profile_id FROM before EXCEPT SELECT profile_id FROM after
)
SELECT (SELECT count(*) FROM fresh) AS joined, (SELECT count(*) FROM gone) AS parted,
       (SELECT count(*) FROM after) - (SELECT count(*) FROM fresh) AS stayed,
       ARRAY(SELECT coalesce(p.ext_id, f.profile_id::text)
             FROM (SELECT profile_id FROM fresh ORDER BY profile_id LIMIT %(most)s) f
             LEFT JOIN cdp_profiles p ON p.tenant_id = %(tenant_id)s AND p.profile_id = f.profile_id ORDER BY f.profile_id) AS joined_sample,
       ARRAY(SELECT coalesce(p.ext_id, g.profile_id::text)
             FROM (SELECT profile_id FROM gone ORDER BY profile_id LIMIT %(most)s) g
             LEFT JOIN cdp_profiles p ON p.tenant_id = %(tenant_id)s AND p.profile_id = g.profile_id ORDER BY g.profile_id) AS left_sample
