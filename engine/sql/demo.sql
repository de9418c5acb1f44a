-- name: progress
-- How far the runs of this tenant have come: people still to decide for, messages on their way. Wake-ups are not waited for.
SELECT (SELECT coalesce(sum(cardinality(profile_ids)), 0) FROM run_batch
        WHERE tenant_id = leo_tenant() AND status = 'pending' AND due_at <= now()) AS undecided,
       (SELECT count(*) FROM decision WHERE tenant_id = leo_tenant()) AS decided,
       (SELECT count(*) FROM delivery_log WHERE tenant_id = leo_tenant()) AS deliveries,
       (SELECT count(*) FROM delivery_log WHERE tenant_id = leo_tenant() AND status IN ('queued', 'sending')
           AND due_at <= now() + interval '1 minute') AS unsent,
       (SELECT count(*) FROM outcome WHERE tenant_id = leo_tenant()) AS outcomes

-- name: totals
-- The overall result, as one row of counts.
SELECT (SELECT count(*) FROM cdp_profiles WHERE tenant_id = leo_tenant()) AS profiles,
       (SELECT count(*) FROM decision WHERE tenant_id = leo_tenant()) AS decisions,
       (SELECT count(*) FROM decision WHERE tenant_id = leo_tenant() AND action <> 'send') AS no_action,
       (SELECT coalesce(jsonb_object_agg(status, n), '{}') FROM
           (SELECT status, count(*) AS n FROM delivery_log WHERE tenant_id = leo_tenant() GROUP BY status) s) AS deliveries,
       (SELECT coalesce(jsonb_object_agg(type, n), '{}') FROM
           (SELECT type, count(*) AS n FROM outcome WHERE tenant_id = leo_tenant() GROUP BY type) o) AS outcomes,
       (SELECT coalesce(jsonb_object_agg(reason, n), '{}') FROM
           (SELECT reason, count(*) AS n FROM decision WHERE tenant_id = leo_tenant() AND action <> 'send' GROUP BY reason) g) AS gates

-- name: campaigns
-- Per campaign: decided, sent, and what people did; the control group has outcomes without deliveries.
SELECT c.name, d.decided, d.sends, d.held, o.visited, o.bought, o.value
FROM campaign c
LEFT JOIN LATERAL (
    SELECT count(*) AS decided, count(*) FILTER (WHERE action = 'send') AS sends, count(*) FILTER (WHERE action <> 'send') AS held
    FROM decision d WHERE d.tenant_id = leo_tenant() AND d.campaign_id = c.campaign_id) d ON true
LEFT JOIN LATERAL (
    SELECT count(DISTINCT profile_id) FILTER (WHERE type = 'visited') AS visited,
           count(DISTINCT profile_id) FILTER (WHERE type = 'bought') AS bought,
           coalesce(sum(value) FILTER (WHERE type = 'bought'), 0) AS value
    FROM outcome o WHERE o.tenant_id = leo_tenant() AND o.campaign_id = c.campaign_id) o ON true
WHERE c.tenant_id = leo_tenant()
ORDER BY c.campaign_id

-- name: tell
-- One delivery worth showing: the one whose outcomes went furthest, preferably a triggered one.
SELECT d.delivery_id
FROM delivery_log d JOIN decision k USING (tenant_id, decision_id)
LEFT JOIN LATERAL (SELECT count(*) AS n FROM outcome o WHERE o.tenant_id = d.tenant_id AND o.delivery_id = d.delivery_id) o ON true
WHERE d.tenant_id = leo_tenant()
ORDER BY (k.event_id IS NOT NULL AND o.n > 0) DESC, o.n DESC, d.delivery_id
LIMIT 1

-- name: control_outcomes
-- What the control group did without a message: outcomes of people, not of deliveries.
INSERT INTO outcome (tenant_id, profile_id, campaign_id, type, dedup_key, value, occurred_at, raw)
SELECT leo_tenant(), p.profile_id, %(campaign_id)s, w.type, 'recorded', w.value, now(), '{"source": "recorded"}'
FROM jsonb_to_recordset(%(what)s) AS w (ext_id text, type text, value double precision)
JOIN cdp_profiles p ON p.tenant_id = leo_tenant() AND p.ext_id = w.ext_id
ON CONFLICT DO NOTHING

-- name: next_number
-- Each demo has a tenant of its own: the next takes the next number.
SELECT coalesce(max(substring(slug FROM '^demo_([0-9]+)$')::int), 0) + 1 AS number FROM leo_route_tenants()
