-- name: stale
-- People without an embedding, those embedded by another model, those who changed after it, and those who are gone but still
-- have one; the newest changes first. A change is stamped when its transaction begins and may be committed after an embedding
-- that is stamped later, so people who changed shortly before are looked at once more when such a transaction must have
-- ended.
SELECT p.profile_id, p.attributes, e.text_hash, p.status = 'active' AS is_active, e.model = %(model)s AS is_current
FROM cdp_profiles p LEFT JOIN profile_embedding e ON e.tenant_id = p.tenant_id AND e.profile_id = p.profile_id
WHERE CASE WHEN p.status <> 'active' THEN e.profile_id IS NOT NULL
           ELSE e.profile_id IS NULL OR e.model <> %(model)s OR e.updated_at < p.updated_at
                OR (e.updated_at < p.updated_at + %(longest)s AND p.updated_at + %(longest)s <= now()) END
ORDER BY p.updated_at DESC, p.profile_id DESC LIMIT %(most)s

-- name: write
-- A row without an embedding means that the text is unchanged: only the time of looking changes, and no index.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(people)s) AS given (profile_id bigint, embedding text, text_hash text)
), gone AS (
    DELETE FROM profile_embedding WHERE profile_id = ANY (%(gone)s)
), looked_at AS (
    UPDATE profile_embedding e SET model = e.model FROM given
    WHERE given.embedding IS NULL AND e.profile_id = given.profile_id
)
INSERT INTO profile_embedding (tenant_id, profile_id, model, embedding, text_hash)
SELECT %(tenant_id)s, profile_id, %(model)s, embedding::vector, decode(text_hash, 'hex') FROM given
WHERE embedding IS NOT NULL ORDER BY profile_id
ON CONFLICT ON CONSTRAINT profile_embedding_pkey
DO UPDATE SET model = excluded.model, embedding = excluded.embedding, text_hash = excluded.text_hash

-- name: centre
-- The mean of the members' embeddings; NULL while none of them has one.
UPDATE segment s SET centre = (
    SELECT avg(e.embedding) FROM segment_member m JOIN profile_embedding e ON e.tenant_id = m.tenant_id AND e.profile_id = m.profile_id
    WHERE m.segment_id = s.segment_id AND e.model = %(model)s)
WHERE s.tenant_id = %(tenant_id)s AND s.segment_id = %(segment_id)s
RETURNING s.centre IS NOT NULL AS has_centre

-- name: of_profile
SELECT p.profile_id, e.embedding::text AS embedding
FROM cdp_profiles p LEFT JOIN profile_embedding e
  ON e.tenant_id = p.tenant_id AND e.profile_id = coalesce(p.merged_into, p.profile_id) AND e.model = %(model)s
WHERE p.tenant_id = %(tenant_id)s AND p.ext_id = %(ext_id)s

-- name: of_segment
-- The stored centre, or the present one if none is stored yet.
SELECT s.segment_id, coalesce(s.centre, (
    SELECT avg(e.embedding) FROM segment_member m JOIN profile_embedding e ON e.tenant_id = m.tenant_id AND e.profile_id = m.profile_id
    WHERE m.segment_id = s.segment_id AND e.model = %(model)s))::text AS embedding
FROM segment s WHERE s.tenant_id = %(tenant_id)s AND s.key = %(key)s AND s.archived_at IS NULL

-- name: compared_with
-- Segments whose centre a rule asks for.
SELECT s.segment_id FROM segment s
WHERE s.tenant_id = %(tenant_id)s AND s.archived_at IS NULL AND s.key IN (
    SELECT jsonb_path_query(r.rule, '$.**.like.segment') #>> '{}' FROM segment r
    WHERE r.tenant_id = %(tenant_id)s AND r.archived_at IS NULL)
ORDER BY s.segment_id

-- name: nearest
-- Every person of the tenant is compared (80 ms for 100,000), and `+ 0` keeps the planner from using the HNSW index: that one
-- contains the people of all tenants, and gets lost among the many whose attributes, and so embeddings, are the same.
SELECT e.profile_id, e.embedding <=> %(embedding)s::vector AS distance
FROM profile_embedding e JOIN cdp_profiles p ON p.tenant_id = e.tenant_id AND p.profile_id = e.profile_id
WHERE p.status = 'active' AND e.model = %(model)s
ORDER BY (e.embedding <=> %(embedding)s::vector) + 0, e.profile_id LIMIT %(most)s
