-- What `leo bench decide` writes: a campaign with four templates on each of six channels, and people with all that a
-- decision looks at.

-- name: campaign
-- The campaign under its policy, its templates approved and its channels connected, an earlier one and one that goes first;
-- what the graph's edges lead to.
WITH policy AS (
    INSERT INTO policy (tenant_id, document) VALUES (leo_tenant(), %(policy)s) RETURNING policy_id
), campaign AS (
    INSERT INTO campaign (tenant_id, key, name, status, policy_id, trigger_type, starts_at, ends_at, priority, control_share, budget)
    SELECT leo_tenant(), 'spring', 'Spring', 'active', policy_id, 'cart_abandoned', now() - interval '7 days',
           now() + interval '30 days', 5, 0.05, '{"messages": 100000000, "amount": 100000000}' FROM policy
    RETURNING campaign_id
), others AS (
    INSERT INTO campaign (tenant_id, key, name, status, policy_id, priority)
    SELECT leo_tenant(), key, key, 'active', policy_id, priority
    FROM policy, (VALUES ('winter', 1), ('safety', 9)) AS other (key, priority)
), channels AS (
    INSERT INTO channel (tenant_id, kind, name) SELECT leo_tenant(), kind, kind FROM unnest(%(channels)s::text[]) AS kind
), templates AS (
    INSERT INTO message_template (tenant_id, key, channel, status, subject, body_text, topics)
    SELECT leo_tenant(), 'offer-' || n, kind, 'approved', 'Offer for {{ profile.name }}', '{{ profile.city }}: {{ profile.age }}', ARRAY['topic-' || n, 'topic-' || n + 4]
    FROM unnest(%(channels)s::text[]) AS kind, generate_series(1, 4) AS n
    RETURNING template_id
), offered AS (
    INSERT INTO campaign_template (tenant_id, campaign_id, template_id, position)
    SELECT leo_tenant(), campaign_id, template_id, row_number() OVER (ORDER BY template_id) FROM campaign, templates
), targets AS (
    INSERT INTO relation_target (tenant_id, kind, key, name)
    SELECT leo_tenant(), kind, lower(kind) || '-' || n, kind || ' ' || n
    FROM unnest(ARRAY['Topic', 'Touchpoint', 'Product']) AS kind, generate_series(0, 199) AS n
)
SELECT campaign_id FROM campaign;

-- name: people
-- People who agreed, with an address on each channel, an earlier word from them, and five edges in the graph.
WITH made AS (
    INSERT INTO cdp_profiles (tenant_id, ext_id, name, zone, attributes)
    SELECT leo_tenant(), 'customer-' || n, 'Customer ' || n, (ARRAY['Asia/Ho_Chi_Minh', 'Asia/Bangkok'])[1 + n %% 2],
           jsonb_build_object('city', (ARRAY['Huế', 'Hà Nội', 'Đà Nẵng'])[1 + n %% 3], 'orders', n %% 20, 'age', 18 + n %% 60)
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
    RETURNING profile_id, ext_id
), addresses AS (
    INSERT INTO profile_address (tenant_id, profile_id, channel, value)
    SELECT leo_tenant(), profile_id, kind, ext_id || '@' || kind || '.example' FROM made, unnest(%(channels)s::text[]) AS kind
), consents AS (
    INSERT INTO consent (tenant_id, profile_id, granted, at) SELECT leo_tenant(), profile_id, true, now() - interval '30 days' FROM made
), heard AS (
    INSERT INTO marketing_event (tenant_id, type, profile_id, occurred_at)
    SELECT leo_tenant(), 'zalo_oa.message', profile_id, now() - interval '2 days' FROM made
)
INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id, target_profile_id, weight, occurred_at)
SELECT leo_tenant(), one.profile_id, edge.kind, target.target_id, CASE edge.kind WHEN 'KNOWS' THEN one.friend_id END, 1 + edge.n, now()
FROM (SELECT profile_id, coalesce(lag(profile_id) OVER by_id, lead(profile_id) OVER by_id) AS friend_id, row_number() OVER by_id AS n
      FROM made WINDOW by_id AS (ORDER BY profile_id)) AS one
CROSS JOIN (VALUES (0, 'INTERESTED_IN', 'Topic'), (1, 'INTERESTED_IN', 'Topic'), (2, 'ENGAGED', 'Touchpoint'),
                   (3, 'BOUGHT', 'Product'), (4, 'KNOWS', NULL)) AS edge (n, kind, of)
LEFT JOIN relation_target target ON target.kind = edge.of AND target.key = lower(edge.of) || '-' || (one.n * 7 + edge.n * 11) %% 200;

-- name: history
-- What came before for some people: an earlier campaign's message, delivered and now and then clicked.
WITH run AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, status, finished_at)
    SELECT leo_tenant(), campaign_id, 'request', 'bulk', 'finished', now() FROM campaign WHERE key = 'winter'
    RETURNING run_id, campaign_id
), template AS (
    SELECT m.template_id, c.channel_id FROM message_template m JOIN channel c ON c.kind = m.channel
    WHERE m.channel = 'zalo_oa' ORDER BY m.template_id LIMIT 1
), decided AS (
    INSERT INTO decision (tenant_id, run_id, campaign_id, profile_id, trigger_key, template_id, action, channel, reason,
        candidates, inputs, inputs_hash, policy_version, arbiter, latency_us, decided_at)
    SELECT leo_tenant(), run.run_id, run.campaign_id, one.id, 'request:' || run.run_id, template.template_id, 'send', 'zalo_oa', 'chosen',
        '[]', '{}', sha256('benchmark'), 1, 'score', 120, now() - interval '5 days'
    FROM run, template, unnest(%(profile_ids)s::bigint[]) AS one (id)
    RETURNING decision_id, run_id, campaign_id, profile_id, template_id
), delivered AS (
    INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, template_id,
        address, lane, status, attempts, queued_at, sent_at)
    SELECT leo_tenant(), d.decision_id, d.campaign_id, d.run_id, d.profile_id, sha256(int8send(d.decision_id)), 'zalo_oa',
        template.channel_id, d.template_id, d.profile_id || '@zalo_oa.example', 'bulk', 'sent', 1,
        now() - interval '5 days', now() - interval '5 days'
    FROM decided d, template
    RETURNING delivery_id, profile_id, campaign_id
)
INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at)
SELECT leo_tenant(), d.delivery_id, d.profile_id, d.campaign_id, o.type, o.type, now() - interval '4 days'
FROM delivered d JOIN (VALUES ('delivered', 1), ('clicked', 4)) AS o (type, share) ON mod(d.delivery_id, o.share) = 0;

-- name: undecided
-- People without any decision, in the order of their ids, as a run takes them.
SELECT p.profile_id, p.ext_id FROM cdp_profiles p
WHERE p.profile_id > %(after)s ORDER BY p.profile_id LIMIT %(count)s
