-- What `leo load` asks when k6 has ended.

-- name: came
-- The result: people decided for in bulk, messages by status, outcomes, callbacks that nobody understood, and differences
-- between tables and graph.
SELECT (SELECT count(*) FROM decision d JOIN campaign_run r ON r.tenant_id = d.tenant_id AND r.run_id = d.run_id
        WHERE d.tenant_id = leo_tenant() AND r.kind = 'snapshot') AS activated,
       (SELECT count(*) FROM decision WHERE tenant_id = leo_tenant()) AS decisions,
       (SELECT coalesce(jsonb_object_agg(status, n), '{}') FROM
           (SELECT status, count(*) AS n FROM delivery_log WHERE tenant_id = leo_tenant() GROUP BY status) s) AS messages,
       (SELECT coalesce(jsonb_object_agg(why, n), '{}') FROM
           (SELECT channel || ' ' || coalesce(class, '') || ' ' || coalesce(code, '') AS why, count(*) AS n FROM delivery_log
            WHERE tenant_id = leo_tenant() AND status IN ('failed', 'dead', 'uncertain') GROUP BY why) f) AS failures,
       (SELECT count(*) FROM outcome WHERE tenant_id = leo_tenant()) AS outcomes,
       (SELECT count(*) FROM marketing_event WHERE tenant_id = leo_tenant()) AS events,
       (SELECT coalesce(sum(missing + extra + different), 0)::bigint FROM leo_graph_differences()) AS graph_differences
