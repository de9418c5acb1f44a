-- What /metrics is read from. No tenant is named, and none is needed.

-- name: limit
SELECT set_config('statement_timeout', %(limit_ms)s, true)

-- name: fold
-- Sums up a tenant's counts if there are many of them and nobody else is doing it.
WITH gone AS (
    DELETE FROM tally WHERE tenant_id = leo_tenant()
      AND (SELECT count(*) FROM (SELECT FROM tally WHERE tenant_id = leo_tenant() LIMIT %(many)s) AS one) = %(many)s
      AND (SELECT pg_try_advisory_xact_lock(hashtextextended('tally ' || leo_tenant()::text, 0)))
    RETURNING metric, labels, n
)
INSERT INTO tally (tenant_id, metric, labels, n) SELECT leo_tenant(), metric, labels, sum(n) FROM gone GROUP BY metric, labels

-- name: keep_check
-- What comparing the graph with the tables found.
INSERT INTO graph_check (tenant_id, differences, checked_at) VALUES (leo_tenant(), %(differences)s, %(now)s)
ON CONFLICT ON CONSTRAINT graph_check_pkey DO UPDATE SET differences = EXCLUDED.differences, checked_at = EXCLUDED.checked_at

-- name: state
-- The state of all work: metric, labels, value.
SELECT metric, labels, value FROM leo_route_metrics(%(most)s)
