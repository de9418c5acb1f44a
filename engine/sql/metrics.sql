-- What /metrics is read from. No tenant is named, and none is needed.

-- name: limit
SELECT set_config('statement_timeout', %(limit_ms)s, true)

-- name: state
-- How all work stands: metric, labels, value.
SELECT metric, labels, value FROM leo_route_metrics(%(most)s)
