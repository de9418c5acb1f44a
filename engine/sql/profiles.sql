-- name: upsert
-- A field that a person's document does not name keeps its value, so a row contains everything that a conflict needs. Rows
-- are locked and written in the order of their keys: two callers with the same people queue instead of deadlocking.
WITH given AS MATERIALIZED (
    SELECT d ->> 'ext_id' AS ext_id, d FROM jsonb_array_elements(%(profiles)s) AS d
), held AS MATERIALIZED (
    SELECT p.* FROM cdp_profiles p
    WHERE p.tenant_id = %(tenant_id)s AND p.ext_id = ANY (ARRAY(SELECT ext_id FROM given))
    ORDER BY p.ext_id FOR NO KEY UPDATE
), written AS (
    INSERT INTO cdp_profiles (tenant_id, profile_id, ext_id, name, locale, zone, attributes, source)
    SELECT %(tenant_id)s, coalesce(held.profile_id, nextval('leo_id')), given.ext_id,
           CASE WHEN d ? 'name' THEN d ->> 'name' ELSE held.name END,
           CASE WHEN d ? 'locale' THEN d ->> 'locale' ELSE held.locale END,
           CASE WHEN d ? 'zone' THEN d ->> 'zone' ELSE held.zone END,
           CASE WHEN d ? 'attributes' THEN d -> 'attributes' ELSE coalesce(held.attributes, '{}') END,
           coalesce(held.source, %(source)s)
    FROM given LEFT JOIN held USING (ext_id) ORDER BY given.ext_id
    ON CONFLICT ON CONSTRAINT cdp_profiles_ext_id_unique DO UPDATE
    SET name = excluded.name, locale = excluded.locale, zone = excluded.zone, attributes = excluded.attributes
    WHERE (cdp_profiles.name, cdp_profiles.locale, cdp_profiles.zone, cdp_profiles.attributes)
          IS DISTINCT FROM (excluded.name, excluded.locale, excluded.zone, excluded.attributes)
    RETURNING ext_id, profile_id
)
SELECT given.ext_id, coalesce(written.profile_id, held.profile_id) AS profile_id,
       held.profile_id IS NULL AS is_new, written.profile_id IS NOT NULL AS is_written
FROM given LEFT JOIN held USING (ext_id) LEFT JOIN written USING (ext_id)

-- name: write_addresses
-- A list of addresses is the whole list. A known address keeps what is known about it (that a bounce has made it invalid)
-- unless the caller says something about its validity. NOT IN, because it is hashed whatever the planner expects: with
-- statistics that have not seen this tenant yet, an anti-join becomes a loop in a loop.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(addresses)s)
        AS given (profile_id bigint, channel text, value text, valid boolean, reason text, is_stated boolean)
), held AS MATERIALIZED (
    SELECT a.profile_id, a.channel, a.value FROM profile_address a
    WHERE a.tenant_id = %(tenant_id)s AND a.profile_id = ANY (%(profile_ids)s)
), gone AS (
    DELETE FROM profile_address a
    WHERE a.tenant_id = %(tenant_id)s AND a.profile_id = ANY (%(profile_ids)s)
      AND (a.profile_id, a.channel, a.value) NOT IN (SELECT profile_id, channel, value FROM given)
    RETURNING profile_id
), written AS (
    INSERT INTO profile_address (tenant_id, profile_id, channel, value, valid, reason, source)
    SELECT %(tenant_id)s, profile_id, channel, value, valid, reason, %(source)s
    FROM given
    WHERE is_stated OR (profile_id, channel, value) NOT IN (SELECT profile_id, channel, value FROM held)
    ORDER BY profile_id, channel, value
    ON CONFLICT ON CONSTRAINT profile_address_unique DO UPDATE SET valid = excluded.valid, reason = excluded.reason
    WHERE (profile_address.valid, profile_address.reason) IS DISTINCT FROM (excluded.valid, excluded.reason)
    RETURNING profile_id
)
SELECT profile_id FROM gone UNION SELECT profile_id FROM written

-- name: add_consents
-- What was agreed or withdrawn at an instant is a record: it is added once and stays.
INSERT INTO consent (tenant_id, profile_id, channel, purpose, granted, at, source)
SELECT %(tenant_id)s, profile_id, channel, purpose, granted, at, %(source)s
FROM jsonb_to_recordset(%(consents)s) AS given (profile_id bigint, channel text, purpose text, granted boolean, at timestamptz)
ORDER BY profile_id, channel, purpose, at
ON CONFLICT ON CONSTRAINT consent_unique DO NOTHING
RETURNING profile_id

-- name: write_targets
INSERT INTO relation_target (tenant_id, kind, key, name)
SELECT %(tenant_id)s, kind, key, coalesce(max(name), key)
FROM jsonb_to_recordset(%(targets)s) AS given (kind text, key text, name text)
GROUP BY kind, key ORDER BY kind, key
ON CONFLICT ON CONSTRAINT relation_target_key_unique DO UPDATE SET name = excluded.name
WHERE relation_target.name <> excluded.name AND excluded.name <> excluded.key

-- name: write_relations
-- To targets by kind and key, to people by ext_id; an existing relation takes the weight and time given.
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(relations)s)
        AS given (profile_id bigint, kind text, target_kind text, key text, weight double precision, occurred_at timestamptz)
), found AS MATERIALIZED (
    SELECT given.*, t.target_id, p.profile_id AS target_profile_id
    FROM given
    LEFT JOIN relation_target t ON t.tenant_id = %(tenant_id)s AND t.kind = given.target_kind AND t.key = given.key
    LEFT JOIN cdp_profiles p ON given.kind = 'KNOWS' AND p.tenant_id = %(tenant_id)s AND p.ext_id = given.key
), written AS (
    INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id, target_profile_id, weight, occurred_at)
    SELECT %(tenant_id)s, profile_id, kind, target_id, target_profile_id, weight, occurred_at
    FROM found WHERE target_id IS NOT NULL OR target_profile_id IS NOT NULL
    ORDER BY profile_id, kind, target_id, target_profile_id
    ON CONFLICT ON CONSTRAINT profile_relation_unique DO UPDATE SET weight = excluded.weight, occurred_at = excluded.occurred_at
    WHERE (profile_relation.weight, profile_relation.occurred_at) IS DISTINCT FROM (excluded.weight, excluded.occurred_at)
    RETURNING profile_id
)
SELECT profile_id, NULL AS unknown FROM written
UNION ALL
SELECT NULL, key FROM found WHERE target_id IS NULL AND target_profile_id IS NULL

-- name: recheck
-- If there is any segment. For a merged profile, the one it was merged into is checked.
INSERT INTO recheck (tenant_id, profile_id)
SELECT DISTINCT p.tenant_id, coalesce(p.merged_into, p.profile_id) FROM cdp_profiles p
WHERE p.tenant_id = %(tenant_id)s AND p.profile_id = ANY (%(profile_ids)s)
  AND EXISTS (SELECT FROM segment s WHERE s.tenant_id = %(tenant_id)s AND s.archived_at IS NULL)
ORDER BY 2
ON CONFLICT ON CONSTRAINT recheck_pkey DO UPDATE SET event_types = '{}', due_at = least(recheck.due_at, excluded.due_at)

-- name: get
-- One person with addresses and the consent in force for each channel and purpose.
SELECT p.profile_id, p.ext_id, p.status, p.merged_into, p.name, p.locale, p.zone, p.attributes, p.created_at, p.updated_at,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('channel', channel, 'value', value, 'valid', valid, 'reason', reason)
                                  ORDER BY address_id), '[]')
        FROM profile_address a WHERE a.tenant_id = p.tenant_id AND a.profile_id = p.profile_id) AS addresses,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('channel', channel, 'purpose', purpose, 'granted', granted, 'at', at)
                                  ORDER BY channel NULLS FIRST, purpose), '[]')
        FROM (SELECT DISTINCT ON (channel, purpose) channel, purpose, granted, at FROM consent c
              WHERE c.tenant_id = p.tenant_id AND c.profile_id = p.profile_id
              ORDER BY channel, purpose, at DESC, granted) newest) AS consents
FROM cdp_profiles p WHERE p.tenant_id = %(tenant_id)s AND p.ext_id = %(ext_id)s

-- name: page
SELECT profile_id, ext_id, status, merged_into, name, locale, zone, attributes, created_at, updated_at
FROM cdp_profiles WHERE tenant_id = %(tenant_id)s AND profile_id > %(after)s
ORDER BY profile_id LIMIT %(limit)s

-- name: id_of
-- For a merged profile, the one it was merged into.
SELECT coalesce(merged_into, profile_id) AS profile_id FROM cdp_profiles WHERE tenant_id = %(tenant_id)s AND ext_id = %(ext_id)s
