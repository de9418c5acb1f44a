-- A campaign as a funnel of people, compared with its control group.

-- name: funnel
-- Where the people of a campaign are now, as one row. A person who was decided for again, because a wait was over or a
-- message had failed, is counted once, by the new decision. Of messages, `delivered` includes everybody who reacted in any
-- way, `opened` everybody who clicked or replied; a delivered message counts as sent, whatever its row says, and `unsent` are
-- those on which somebody is still working.
WITH runs AS MATERIALIZED (
    SELECT r.tenant_id, r.run_id, r.parent_id, r.kind, r.status FROM campaign_run r
    WHERE r.tenant_id = leo_tenant() AND r.campaign_id = %(campaign_id)s
), aimed AS (
    SELECT coalesce(sum(cardinality(b.profile_ids)) FILTER (WHERE runs.kind NOT IN ('wake_up', 'fallback')), 0)::bigint AS audience,
           count(*) FILTER (WHERE b.status = 'pending' AND b.due_at <= now()) AS batches_due,
           count(*) FILTER (WHERE b.status = 'pending') AS batches_pending
    FROM runs JOIN run_batch b ON b.tenant_id = runs.tenant_id AND b.run_id = runs.run_id
), again AS MATERIALIZED (
    -- Joined as a set: each event is a run, and looking through all of them for each decision would grow with the square.
    SELECT DISTINCT runs.parent_id, later.profile_id
    FROM runs JOIN all_decision later ON later.tenant_id = runs.tenant_id AND later.run_id = runs.run_id
    WHERE runs.kind IN ('wake_up', 'fallback')
), standing AS (
    SELECT d.action, d.reason, count(*) AS n
    FROM all_decision d LEFT JOIN again ON again.parent_id = d.run_id AND again.profile_id = d.profile_id
    WHERE d.tenant_id = leo_tenant() AND d.campaign_id = %(campaign_id)s AND again.parent_id IS NULL
    GROUP BY d.action, d.reason
), decided AS (
    SELECT coalesce(sum(n), 0)::bigint AS decided,
           coalesce(sum(n) FILTER (WHERE action = 'send' OR reason = 'chosen'), 0)::bigint AS eligible,
           coalesce(sum(n) FILTER (WHERE action = 'send'), 0)::bigint AS sends,
           coalesce(jsonb_agg(jsonb_build_object('gate', reason, 'action', action, 'people', n) ORDER BY n DESC, reason)
                    FILTER (WHERE action <> 'send'), '[]') AS held
    FROM standing
), answers AS (
    SELECT o.delivery_id, bool_or(o.type IN ('read', 'clicked', 'replied')) AS opened,
           bool_or(o.type IN ('read', 'clicked', 'replied', 'visited', 'bought'))
           OR bool_or(o.type = 'delivered') AND NOT bool_or(o.type = 'bounced') AS delivered,
           bool_or(o.type IN ('clicked', 'visited')) AS clicked, bool_or(o.type = 'bought') AS bought,
           bool_or(o.type = 'unsubscribed') AS unsubscribed, bool_or(o.type = 'bounced') AS bounced,
           bool_or(o.type = 'complained') AS complained, sum(o.value) FILTER (WHERE o.type = 'bought') AS value
    FROM outcome o
    WHERE o.tenant_id = leo_tenant() AND o.campaign_id = %(campaign_id)s AND o.delivery_id IS NOT NULL
    GROUP BY o.delivery_id
), messages AS MATERIALIZED (
    -- Counted from the same rows, so that no more are delivered than sent: an answer may be reported before the result is
    -- written.
    SELECT CASE WHEN a.delivered THEN 'sent' ELSE l.status END AS shown, count(*) AS n,
           count(*) FILTER (WHERE l.status IN ('queued', 'sending')) AS unsent,
           count(*) FILTER (WHERE a.delivered) AS delivered, count(*) FILTER (WHERE a.opened) AS opened,
           count(*) FILTER (WHERE a.clicked) AS clicked, count(*) FILTER (WHERE a.bought) AS bought,
           count(*) FILTER (WHERE a.unsubscribed) AS unsubscribed, count(*) FILTER (WHERE a.bounced) AS bounced,
           count(*) FILTER (WHERE a.complained) AS complained, sum(a.value) AS value
    FROM all_delivery l JOIN runs ON l.tenant_id = runs.tenant_id AND l.run_id = runs.run_id
    LEFT JOIN answers a ON a.delivery_id = l.delivery_id
    GROUP BY 1
), came AS (
    SELECT coalesce(jsonb_object_agg(shown, n), '{}') AS deliveries, coalesce(sum(unsent), 0)::bigint AS unsent,
           coalesce(sum(delivered), 0)::bigint AS delivered, coalesce(sum(opened), 0)::bigint AS opened,
           coalesce(sum(clicked), 0)::bigint AS clicked, coalesce(sum(bought), 0)::bigint AS bought,
           coalesce(sum(unsubscribed), 0)::bigint AS unsubscribed, coalesce(sum(bounced), 0)::bigint AS bounced,
           coalesce(sum(complained), 0)::bigint AS complained, coalesce(sum(value), 0) AS value
    FROM messages
)
SELECT c.campaign_id, c.status, aimed.*, decided.*, came.*
FROM campaign c, aimed, decided, came
WHERE c.tenant_id = leo_tenant() AND c.campaign_id = %(campaign_id)s

-- name: groups
-- What the people that a campaign wrote to did after their first decision, and what its control group did, by the same
-- measure: any outcome at all, however it arose, because the control group has no message.
WITH one AS (
    SELECT d.profile_id, d.action = 'send' AS is_treated, min(d.decided_at) AS since
    FROM all_decision d
    WHERE d.tenant_id = leo_tenant() AND d.campaign_id = %(campaign_id)s AND (d.action = 'send' OR d.reason = 'control_group')
    GROUP BY d.profile_id, d.action = 'send'
), did AS MATERIALIZED (
    SELECT o.profile_id, o.type, max(o.occurred_at) AS last_at FROM outcome o
    WHERE o.tenant_id = leo_tenant() AND o.type IN ('visited', 'bought') GROUP BY o.profile_id, o.type
)
SELECT one.is_treated, count(DISTINCT one.profile_id) AS people,
       count(*) FILTER (WHERE did.type = 'visited') AS visited, count(*) FILTER (WHERE did.type = 'bought') AS bought
FROM one LEFT JOIN did ON did.profile_id = one.profile_id AND did.last_at >= one.since
GROUP BY one.is_treated
