-- What the worker asks while it looks after tenants' own data.

-- name: tenants
SELECT tenant_id FROM leo_route_tenants()

-- name: due
-- Tenants with people to check again, segments to refresh, sources to read from.
SELECT tenant_id, rechecks, segments, sources FROM leo_route_upkeep(%(now)s)

-- name: unchecked
-- Tenants whose graph was not compared with its tables for a while.
SELECT tenant_id FROM leo_route_unchecked(%(since)s, %(most)s)

-- name: turn
-- Whether nobody else is doing this job of the tenant; until the transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended(%(job)s || ' ' || leo_tenant()::text, 0)) AS is_mine

-- name: last_sync
-- When the newest completed run began; NULL before the first.
SELECT max(started_at) AS started_at FROM sync_run WHERE tenant_id = %(tenant_id)s AND status = 'finished'

-- name: written_since
-- In the order of their ids; everybody if `since` is NULL.
SELECT profile_id FROM cdp_profiles
WHERE (%(since)s::timestamptz IS NULL OR updated_at >= %(since)s) AND profile_id > %(after)s
ORDER BY profile_id LIMIT %(most)s
