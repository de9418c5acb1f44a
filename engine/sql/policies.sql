-- Policies: versions that never change. A draft is tried out; in force is the newest version that is not a draft.

-- name: save
-- The next version, unless the newest of its sort already says the same; among versions that are not drafts, that is the one
-- in force. The tenant's row is the queue.
WITH newest AS (
    SELECT version, document FROM policy
    WHERE tenant_id = %(tenant_id)s AND key = %(key)s AND draft = %(draft)s ORDER BY version DESC LIMIT 1
), made AS (
    INSERT INTO policy (tenant_id, key, version, document, draft, from_version, note)
    SELECT %(tenant_id)s, %(key)s,
           coalesce((SELECT max(version) FROM policy WHERE tenant_id = %(tenant_id)s AND key = %(key)s), 0) + 1,
           %(document)s, %(draft)s, %(from_version)s, %(note)s
    WHERE NOT EXISTS (SELECT FROM newest WHERE document = %(document)s)
    RETURNING version
)
SELECT version FROM made
UNION ALL
SELECT version FROM newest WHERE NOT EXISTS (SELECT FROM made)

-- name: version
SELECT policy_id, key, version, document, draft, from_version, note, created_at
FROM policy WHERE tenant_id = %(tenant_id)s AND key = %(key)s AND version = %(version)s

-- name: in_force
SELECT policy_id, key, version, document, draft, from_version, note, created_at
FROM policy WHERE tenant_id = %(tenant_id)s AND key = %(key)s AND NOT draft
ORDER BY version DESC LIMIT 1

-- name: versions
SELECT policy_id, key, version, document, draft, from_version, note, created_at
FROM policy WHERE tenant_id = %(tenant_id)s AND key = %(key)s AND (%(before)s::int IS NULL OR version < %(before)s)
ORDER BY version DESC LIMIT %(limit)s

-- name: keys
-- Each key with the version in force and the newest of all.
SELECT key, max(version) FILTER (WHERE NOT draft) AS version, max(version) AS newest
FROM policy WHERE tenant_id = %(tenant_id)s AND key > %(after)s GROUP BY key ORDER BY key LIMIT %(limit)s
