-- name: traceparent
-- The span that made a batch's run.
SELECT r.traceparent FROM run_batch b JOIN campaign_run r ON r.tenant_id = b.tenant_id AND r.run_id = b.run_id
WHERE b.tenant_id = leo_tenant() AND b.batch_id = %(batch_id)s

-- name: due
-- Tenants with something to do in a lane.
SELECT tenant_id, batches, deliveries, leases FROM leo_route_due(%(lane)s, %(now)s)
