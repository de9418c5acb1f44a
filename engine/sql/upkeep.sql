-- name: tenants
SELECT tenant_id FROM leo_route_tenants()

-- name: due
-- Tenants whose own data wants looking after.
SELECT tenant_id, rechecks, segments, sources FROM leo_route_upkeep(%(now)s)

-- name: turn
-- Whether nobody else is at this job of the tenant; until the transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended(%(job)s || ' ' || leo_tenant()::text, 0)) AS is_mine

-- name: now
SELECT now() AS now

-- name: changed
-- People who were written since, in the order of their ids.
SELECT profile_id FROM cdp_profiles WHERE updated_at >= %(since)s AND profile_id > %(after)s
ORDER BY profile_id LIMIT %(most)s
