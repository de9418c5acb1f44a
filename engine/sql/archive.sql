-- The archive of old decisions and deliveries (schema.sql, leo_archive).

-- name: retention
-- How many days the tenant keeps live, and how many it has to; `days` is NULL if nothing is archived.
SELECT (t.settings ->> 'archive_after_days')::int AS days, ceil(extract(epoch FROM leo_archive_least()) / 86400)::int AS least
FROM tenant t WHERE t.tenant_id = leo_tenant()

-- name: keep
UPDATE tenant
SET settings = settings - 'archive_after_days'
    || CASE WHEN %(days)s::int IS NULL THEN '{}' ELSE jsonb_build_object('archive_after_days', %(days)s::int) END
WHERE tenant_id = leo_tenant()

-- name: move
-- The next old decisions with their deliveries, by the server's clock, which the function's own check also uses.
SELECT last_id, decisions, deliveries
FROM leo_archive(now() - make_interval(days => %(days)s), %(after_id)s, %(most)s)

-- name: standing
-- What is live and what is archived, and since when.
SELECT (SELECT count(*) FROM decision WHERE tenant_id = leo_tenant()) AS live_decisions,
       (SELECT count(*) FROM delivery_log WHERE tenant_id = leo_tenant()) AS live_deliveries,
       a.decisions AS archived_decisions, a.oldest, a.newest,
       (SELECT count(*) FROM archive_delivery WHERE tenant_id = leo_tenant()) AS archived_deliveries
FROM (SELECT count(*) AS decisions, min(decided_at) AS oldest, max(decided_at) AS newest
      FROM archive_decision WHERE tenant_id = leo_tenant()) a
