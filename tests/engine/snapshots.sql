-- Freezing a segment, and every way to change what is frozen.

-- name: freeze
WITH s AS (
    INSERT INTO segment (tenant_id, key, name) VALUES (%(t)s, 'all', 'All') RETURNING tenant_id, segment_id, version, rule
), h AS (
    INSERT INTO segment_snapshot (tenant_id, segment_id, segment_version, rule, member_count, members_hash)
    SELECT s.tenant_id, s.segment_id, s.version, s.rule, count(*) + %(lie)s, leo_members_hash(array_agg(p.profile_id))
    FROM s JOIN cdp_profiles p USING (tenant_id) GROUP BY s.tenant_id, s.segment_id, s.version, s.rule
    RETURNING tenant_id, snapshot_id
)
INSERT INTO segment_snapshot_member (tenant_id, snapshot_id, profile_id)
SELECT h.tenant_id, h.snapshot_id, p.profile_id + %(stray)s FROM h JOIN cdp_profiles p USING (tenant_id);

-- name: join_late
INSERT INTO segment_snapshot_member (tenant_id, snapshot_id, profile_id)
SELECT s.tenant_id, s.snapshot_id, p.profile_id FROM segment_snapshot s JOIN cdp_profiles p USING (tenant_id)
WHERE s.tenant_id = %(t)s AND p.ext_id = 'late';

-- name: frozen
SELECT s.*, (SELECT array_agg(profile_id ORDER BY 1) FROM segment_snapshot_member m WHERE m.tenant_id = s.tenant_id)
FROM segment_snapshot s WHERE s.tenant_id = %(t)s;

-- name: refused_update
UPDATE segment_snapshot SET member_count = 0;

-- name: refused_update_of_nothing
UPDATE segment_snapshot SET member_count = member_count WHERE false;

-- name: refused_delete
DELETE FROM segment_snapshot;

-- name: refused_truncate
TRUNCATE segment_snapshot CASCADE;

-- name: refused_truncate_of_several
TRUNCATE segment_snapshot, segment_snapshot_member, campaign_run, run_batch, decision, delivery_log, delivery_attempt,
    outcome;

-- name: refused_merge_delete
MERGE INTO segment_snapshot s USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE;

-- name: refused_merge_update
MERGE INTO segment_snapshot s USING (SELECT 1) x ON true WHEN MATCHED THEN UPDATE SET member_count = 0;

-- name: refused_on_conflict
INSERT INTO segment_snapshot SELECT * FROM segment_snapshot
ON CONFLICT (tenant_id, snapshot_id) DO UPDATE SET member_count = 0;

-- name: refused_update_of_members
UPDATE segment_snapshot_member SET profile_id = 1;

-- name: refused_delete_of_members
DELETE FROM segment_snapshot_member;

-- name: refused_truncate_of_members
TRUNCATE segment_snapshot_member;

-- name: refused_merge_of_members
MERGE INTO segment_snapshot_member s USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE;

-- name: refused_on_conflict_of_members
INSERT INTO segment_snapshot_member SELECT * FROM segment_snapshot_member
ON CONFLICT (tenant_id, snapshot_id, profile_id) DO UPDATE SET profile_id = 1;

-- name: refused_delete_in_a_query
WITH gone AS (DELETE FROM segment_snapshot_member RETURNING 1) SELECT count(*) FROM gone;

-- name: refused_words_in_a_comment
-- The call stack quotes the statement, with the words that it is searched for.
DO $do$ BEGIN
    EXECUTE E'DELETE FROM segment_snapshot /*\nPL/pgSQL function public.leo_drop_tenant(uuid,text) line 1 at EXECUTE\n*/';
END $do$;

-- name: refused_words_in_a_longer_comment
DO $do$ BEGIN
    EXECUTE E'DELETE FROM public.segment_snapshot WHERE tenant_id = $1 /*"\n'
        'PL/pgSQL function public.leo_drop_tenant(uuid,text) line 1 at EXECUTE\n*/' USING leo_tenant();
END $do$;

-- name: refused_words_in_an_alias
DO $do$ BEGIN
    EXECUTE E'DELETE FROM public.segment_snapshot WHERE tenant_id = $1 RETURNING 1 AS "\n'
        'PL/pgSQL function public.leo_drop_tenant(uuid,text) line 1 at EXECUTE\n"' USING leo_tenant();
END $do$;

-- name: refused_delete_of_its_segment
DELETE FROM segment;

-- name: refused_delete_of_its_tenant
DELETE FROM tenant;
