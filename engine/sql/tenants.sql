-- name: create
-- The trigger of `tenant` makes its graph in the same transaction.
INSERT INTO tenant (tenant_id, slug, name, zone, locale)
VALUES (%(tenant_id)s, %(slug)s, %(name)s, %(zone)s, %(locale)s)
RETURNING tenant_id, slug, name, zone, locale, status, created_at

-- name: get
SELECT tenant_id, slug, name, zone, locale, status, created_at FROM tenant WHERE tenant_id = %(tenant_id)s

-- name: enter
-- From here on this transaction is inside the border of another tenant.
SELECT set_config('leo.tenant', %(tenant_id)s, true)

-- name: by_slug
SELECT leo_route_slug(%(slug)s) AS tenant_id

-- name: every
SELECT tenant_id, slug FROM leo_route_tenants()

-- name: create_key
INSERT INTO api_key (tenant_id, name, prefix, key_hash, scopes, expires_at)
VALUES (%(tenant_id)s, %(name)s, %(prefix)s, %(key_hash)s, %(scopes)s, %(expires_at)s)
RETURNING api_key_id

-- name: revoke_key
UPDATE api_key SET revoked_at = coalesce(revoked_at, now())
WHERE tenant_id = %(tenant_id)s AND api_key_id = %(api_key_id)s
RETURNING api_key_id

-- name: keys
-- The newest first; all of them, or one.
SELECT api_key_id, name, prefix, scopes, created_at, expires_at, revoked_at
FROM api_key
WHERE tenant_id = %(tenant_id)s AND (%(api_key_id)s::bigint IS NULL OR api_key_id = %(api_key_id)s)
ORDER BY api_key_id DESC

-- name: end_key
-- At this moment at the latest: a key that ends earlier keeps its end.
UPDATE api_key SET expires_at = least(expires_at, %(at)s)
WHERE tenant_id = %(tenant_id)s AND api_key_id = %(api_key_id)s

-- name: key_name
SELECT name FROM api_key WHERE tenant_id = leo_tenant() AND api_key_id = %(api_key_id)s

-- name: authenticate
-- Finds who holds the key before a tenant is known, and puts the transaction inside that tenant's border: one round trip.
SELECT k.tenant_id, k.slug, k.api_key_id, k.scopes, set_config('leo.tenant', k.tenant_id::text, true)
FROM leo_route_api_key(%(key_hash)s) AS k

-- name: drop
-- As an administrator; only leo_owner may execute leo_drop_tenant().
SELECT leo_drop_tenant(%(tenant_id)s, %(reason)s)
