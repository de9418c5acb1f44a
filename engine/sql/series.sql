-- What happened over time: counted in intervals of equal length, at most a hundred or so of them.

-- name: campaign
-- What a campaign did, interval by interval: decisions, messages sent, and the first time each message was delivered, opened
-- and clicked and its person bought, by the same measure as the funnel. The interval is the shortest of the steps, each a
-- multiple of the one before, that gives at most %(most)s; a day begins in the tenant's zone.
WITH step AS (
    SELECT make_interval(secs => s) AS width, s AS seconds FROM unnest(%(steps)s::int[]) AS s
), whole AS (
    SELECT min(d.decided_at) AS first_at, max(d.decided_at) AS last_at FROM all_decision d
    WHERE d.tenant_id = leo_tenant() AND d.campaign_id = %(campaign_id)s
), fine AS (
    SELECT date_trunc('day', whole.first_at AT TIME ZONE t.zone) AT TIME ZONE t.zone AS origin,
           coalesce((SELECT min(width) FROM step WHERE whole.first_at + width * %(most)s >= whole.last_at), max(step.width)) AS width
    FROM whole, step, tenant t WHERE t.tenant_id = leo_tenant() AND whole.first_at IS NOT NULL
    GROUP BY whole.first_at, whole.last_at, t.zone
), runs AS MATERIALIZED (
    SELECT r.tenant_id, r.run_id FROM campaign_run r WHERE r.tenant_id = leo_tenant() AND r.campaign_id = %(campaign_id)s
), answers AS (
    SELECT CASE WHEN bool_or(o.type IN ('read', 'clicked', 'replied', 'visited', 'bought')) OR NOT bool_or(o.type = 'bounced')
                THEN min(o.occurred_at) FILTER (WHERE o.type IN ('delivered', 'read', 'clicked', 'replied', 'visited', 'bought')) END AS delivered,
           min(o.occurred_at) FILTER (WHERE o.type IN ('read', 'clicked', 'replied')) AS opened,
           min(o.occurred_at) FILTER (WHERE o.type IN ('clicked', 'visited')) AS clicked,
           min(o.occurred_at) FILTER (WHERE o.type = 'bought') AS bought
    FROM outcome o
    WHERE o.tenant_id = leo_tenant() AND o.campaign_id = %(campaign_id)s AND o.delivery_id IS NOT NULL
    GROUP BY o.delivery_id
), counted AS MATERIALIZED (
    SELECT 'decided' AS what, date_bin(fine.width, d.decided_at, fine.origin) AS at, count(*) AS n
    FROM fine, all_decision d WHERE d.tenant_id = leo_tenant() AND d.campaign_id = %(campaign_id)s GROUP BY 2
    UNION ALL
    SELECT 'sent', date_bin(fine.width, l.sent_at, fine.origin), count(*)
    FROM fine, runs JOIN all_delivery l ON l.tenant_id = runs.tenant_id AND l.run_id = runs.run_id
    WHERE l.sent_at IS NOT NULL GROUP BY 2
    UNION ALL
    SELECT one.what, date_bin(fine.width, one.at, fine.origin), count(*)
    FROM fine, answers CROSS JOIN LATERAL (VALUES
        ('delivered', answers.delivered), ('opened', answers.opened), ('clicked', answers.clicked), ('bought', answers.bought)
    ) AS one (what, at)
    WHERE one.at IS NOT NULL GROUP BY 1, 2
), span AS (
    -- A campaign that is still running is counted up to now.
    SELECT min(counted.at) AS since, greatest(max(counted.at), CASE c.status WHEN 'active' THEN now() END) AS until
    FROM counted, campaign c WHERE c.tenant_id = leo_tenant() AND c.campaign_id = %(campaign_id)s GROUP BY c.status
), wide AS (
    SELECT coalesce((SELECT min(seconds) FROM step WHERE span.since + width * %(most)s >= span.until), max(step.seconds)) AS seconds
    FROM span, step GROUP BY span.since, span.until
), place AS (
    SELECT generate_series(date_bin(make_interval(secs => wide.seconds), span.since, fine.origin), span.until,
                           make_interval(secs => wide.seconds)) AS at
    FROM wide, span, fine
), told AS (
    SELECT date_bin(make_interval(secs => wide.seconds), counted.at, fine.origin) AS at, counted.what, sum(counted.n)::bigint AS n
    FROM counted, wide, fine GROUP BY 1, 2
)
SELECT wide.seconds, place.at,
       coalesce(sum(told.n) FILTER (WHERE told.what = 'decided'), 0)::bigint AS decided,
       coalesce(sum(told.n) FILTER (WHERE told.what = 'sent'), 0)::bigint AS sent,
       coalesce(sum(told.n) FILTER (WHERE told.what = 'delivered'), 0)::bigint AS delivered,
       coalesce(sum(told.n) FILTER (WHERE told.what = 'opened'), 0)::bigint AS opened,
       coalesce(sum(told.n) FILTER (WHERE told.what = 'clicked'), 0)::bigint AS clicked,
       coalesce(sum(told.n) FILTER (WHERE told.what = 'bought'), 0)::bigint AS bought
FROM wide, place LEFT JOIN told ON told.at = place.at
GROUP BY wide.seconds, place.at ORDER BY place.at

-- name: channels
-- Of each channel over the last hours: how many messages were waiting at the end of each interval, how many calls of its
-- provider ended in it and how many of those did not get a message through. What was waiting is counted back from what is
-- waiting now.
WITH asked AS (
    SELECT make_interval(secs => %(seconds)s) AS width,
           date_bin(make_interval(secs => %(seconds)s), now() - make_interval(hours => %(hours)s), '2000-01-01Z') AS since
), moved AS MATERIALIZED (
    SELECT l.through_id AS channel_id, l.queued_at AS came_at, NULL::timestamptz AS left_at
    FROM delivery_log l WHERE l.tenant_id = leo_tenant() AND l.status = 'queued'
    UNION ALL
    SELECT l.through_id, l.queued_at, NULL FROM delivery_log l WHERE l.tenant_id = leo_tenant() AND l.status = 'sending'
    UNION ALL
    -- Settling a message changes it later than it left.
    SELECT l.through_id, l.queued_at, CASE
               WHEN l.sent_at IS NOT NULL THEN l.sent_at
               WHEN l.settled IS NULL THEN l.updated_at
               ELSE coalesce((SELECT max(a.at) FROM delivery_attempt a WHERE a.tenant_id = l.tenant_id AND a.delivery_id = l.delivery_id),
                             l.updated_at) END
    FROM delivery_log l
    WHERE l.tenant_id = leo_tenant() AND l.updated_at >= (SELECT since FROM asked) AND l.status NOT IN ('queued', 'sending')
), waiting AS (
    SELECT channel_id, count(*) AS n FROM moved WHERE left_at IS NULL GROUP BY channel_id
), change AS (
    SELECT moved.channel_id, date_bin(asked.width, one.at, asked.since) AS at, sum(one.n) AS n
    FROM asked, moved CROSS JOIN LATERAL (VALUES (moved.came_at, 1), (moved.left_at, -1)) AS one (at, n)
    WHERE one.at >= asked.since GROUP BY 1, 2
), call AS (
    -- The start of an attempt has the channel, its end the result; one that was given back was not a call.
    SELECT a.delivery_id, a.number, max(a.channel_id) AS channel_id, max(a.at) AS at,
           bool_or(a.phase = 'ended' AND a.status <> 'accepted') AS failed
    FROM delivery_attempt a WHERE a.tenant_id = leo_tenant() AND a.at >= (SELECT since FROM asked)
    GROUP BY a.delivery_id, a.number HAVING bool_or(a.phase = 'ended' AND a.status <> 'released')
), called AS (
    SELECT call.channel_id, date_bin(asked.width, call.at, asked.since) AS at, count(*) AS tried, count(*) FILTER (WHERE failed) AS failed
    FROM asked, call WHERE call.channel_id IS NOT NULL GROUP BY 1, 2
), told AS (
    SELECT ch.channel_id, ch.kind, ch.name, place.at,
           coalesce(waiting.n, 0) - coalesce(sum(change.n) OVER (
               PARTITION BY ch.channel_id ORDER BY place.at DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS waiting,
           coalesce(called.tried, 0) AS tried, coalesce(called.failed, 0) AS failed
    FROM channel ch
    CROSS JOIN asked
    CROSS JOIN LATERAL generate_series(asked.since, now(), asked.width) AS place (at)
    LEFT JOIN waiting ON waiting.channel_id = ch.channel_id
    LEFT JOIN change ON change.channel_id = ch.channel_id AND change.at = place.at
    LEFT JOIN called ON called.channel_id = ch.channel_id AND called.at = place.at
    WHERE ch.tenant_id = leo_tenant()
)
SELECT channel_id, kind, name, array_agg(at ORDER BY at) AS at, array_agg(greatest(waiting, 0)::bigint ORDER BY at) AS waiting,
       array_agg(tried ORDER BY at) AS tried, array_agg(failed ORDER BY at) AS failed
FROM told GROUP BY channel_id, kind, name ORDER BY channel_id
