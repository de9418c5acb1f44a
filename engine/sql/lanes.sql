-- name: due
-- Tenants with something to do in a lane.
SELECT tenant_id, batches, deliveries, leases FROM leo_route_due(%(lane)s, %(now)s)
