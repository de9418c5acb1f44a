-- name: create
-- Header and members from one list in one statement; the header's truth is checked again at commit.
WITH members AS MATERIALIZED (
    SELECT profile_id FROM segment_member WHERE tenant_id = %(tenant_id)s AND segment_id = %(segment_id)s
), header AS (
    INSERT INTO segment_snapshot (tenant_id, segment_id, segment_version, rule, member_count, members_hash)
    SELECT s.tenant_id, s.segment_id, s.version, s.rule, listed.members, listed.hash
    FROM segment s
    CROSS JOIN (SELECT count(*) AS members, leo_members_hash(coalesce(array_agg(profile_id), '{}')) AS hash FROM members) listed
    WHERE s.tenant_id = %(tenant_id)s AND s.segment_id = %(segment_id)s
    RETURNING snapshot_id, segment_id, segment_version, rule, member_count, members_hash, created_at
), listed AS (
    INSERT INTO segment_snapshot_member (tenant_id, snapshot_id, profile_id)
    SELECT %(tenant_id)s, header.snapshot_id, members.profile_id FROM header, members ORDER BY members.profile_id
)
SELECT * FROM header

-- name: get
SELECT snapshot_id, segment_id, segment_version, rule, member_count, members_hash, created_at
FROM segment_snapshot WHERE tenant_id = %(tenant_id)s AND snapshot_id = %(snapshot_id)s

-- name: recount
SELECT count(*) AS members, leo_members_hash(coalesce(array_agg(profile_id), '{}')) AS hash
FROM segment_snapshot_member WHERE tenant_id = %(tenant_id)s AND snapshot_id = %(snapshot_id)s
