-- name: upkeep
-- Tenants whose own data wants looking after.
SELECT tenant_id, rechecks, segments, sources FROM leo_route_upkeep(%(now)s)

-- name: tenants
SELECT tenant_id FROM leo_route_tenants()

-- name: due
-- Tenants with something to do in a lane.
SELECT tenant_id, batches, deliveries, leases FROM leo_route_due(%(lane)s, %(now)s)
