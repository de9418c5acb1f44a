-- name: campaign
-- What one campaign came to so far, as one row; no row where there is no such campaign.
SELECT decided.total AS decided, decided.sends, decided.held, sent.deliveries, came.outcomes
FROM campaign c
CROSS JOIN LATERAL (
    SELECT coalesce(sum(n), 0)::bigint AS total, coalesce(sum(n) FILTER (WHERE action = 'send'), 0)::bigint AS sends,
           coalesce(jsonb_object_agg(reason, n) FILTER (WHERE action <> 'send'), '{}') AS held
    -- Waiting and doing nothing are both held back, so that a reason is counted once.
    FROM (SELECT CASE WHEN d.action = 'send' THEN 'send' ELSE 'held' END AS action, d.reason, count(*) AS n
          FROM all_decision d WHERE d.tenant_id = c.tenant_id AND d.campaign_id = c.campaign_id GROUP BY 1, 2) one) decided
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(status, n), '{}') AS deliveries
    FROM (SELECT l.status, count(*) AS n FROM all_delivery l
          WHERE l.tenant_id = c.tenant_id AND l.campaign_id = c.campaign_id GROUP BY l.status) one) sent
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(type, n), '{}') AS outcomes
    FROM (SELECT o.type, count(*) AS n FROM outcome o
          WHERE o.tenant_id = c.tenant_id AND o.campaign_id = c.campaign_id GROUP BY o.type) one) came
WHERE c.tenant_id = %(tenant_id)s AND c.campaign_id = %(campaign_id)s
