-- What the console shows about one person: who is meant, what happened, what is allowed, what a message said.

-- name: search
-- People by key (whole or prefix), by id, by address (likewise), or by prefixes of words in their name. One more than
-- %(limit)s, which says that there are more.
WITH found AS (
    (SELECT 1 AS rank, p.profile_id, 'key' AS matched FROM cdp_profiles p
     WHERE p.tenant_id = leo_tenant() AND p.ext_id = %(text)s)
    UNION ALL
    (SELECT 1, p.profile_id, 'id' FROM cdp_profiles p WHERE p.tenant_id = leo_tenant() AND p.profile_id = %(id)s)
    UNION ALL
    (SELECT 2, a.profile_id, 'address' FROM profile_address a
     WHERE a.tenant_id = leo_tenant() AND a.channel = ANY (%(channels)s) AND a.value = ANY (%(addresses)s) LIMIT %(limit)s + 1)
    UNION ALL
    -- The last code point there is: everything that begins with the text sorts before it.
    (SELECT 3, p.profile_id, 'key' FROM cdp_profiles p
     WHERE p.tenant_id = leo_tenant() AND p.ext_id >= %(text)s AND p.ext_id < %(text)s || U&'\+10FFFF'
       AND starts_with(p.ext_id, %(text)s) ORDER BY p.ext_id LIMIT %(limit)s + 1)
    UNION ALL
    (SELECT 4, a.profile_id, 'address' FROM unnest(%(channels)s::text[]) AS channel (name) CROSS JOIN LATERAL (
         SELECT one.profile_id FROM profile_address one
         WHERE one.tenant_id = leo_tenant() AND one.channel = channel.name AND one.value >= lower(%(text)s)
           AND one.value < lower(%(text)s) || U&'\+10FFFF' AND starts_with(one.value, lower(%(text)s))
         ORDER BY one.value LIMIT %(limit)s + 1) a)
    UNION ALL
    (SELECT 5, p.profile_id, 'name' FROM cdp_profiles p
     WHERE p.tenant_id = leo_tenant() AND p.words @@ leo_words_like(leo_tenant(), %(text)s) LIMIT %(limit)s + 1)
), people AS (
    SELECT DISTINCT ON (profile_id) rank, profile_id, matched FROM found ORDER BY profile_id, rank
)
SELECT p.profile_id, p.ext_id, p.name, p.status, w.ext_id AS merged_into, people.matched
FROM people
JOIN cdp_profiles p ON p.tenant_id = leo_tenant() AND p.profile_id = people.profile_id
LEFT JOIN cdp_profiles w ON w.tenant_id = p.tenant_id AND w.profile_id = p.merged_into
ORDER BY people.rank, p.ext_id LIMIT %(limit)s + 1

-- name: person
-- The person that a key means: the one it was merged into, with every profile that became part of them (100 at most).
SELECT w.profile_id, w.ext_id, w.name,
       ARRAY(SELECT w.profile_id UNION
             (SELECT m.profile_id FROM cdp_profiles m
              WHERE m.tenant_id = w.tenant_id AND m.merged_into = w.profile_id ORDER BY m.profile_id LIMIT 100)) AS profile_ids
FROM cdp_profiles p
JOIN cdp_profiles w ON w.tenant_id = p.tenant_id AND w.profile_id = coalesce(p.merged_into, p.profile_id)
WHERE p.tenant_id = leo_tenant() AND p.ext_id = %(ext_id)s

-- name: timeline
-- What happened with a person, the newest first, from before an entry (its instant and id; ids come from one sequence).
WITH happened AS (
    (SELECT 'event' AS kind, e.occurred_at AS at, e.event_id AS record_id, e.type AS what,
            jsonb_build_object('ext_id', e.ext_id, 'source', e.source, 'attributes', e.attributes) AS detail, NULL::jsonb AS candidates
     FROM marketing_event e
     WHERE e.tenant_id = leo_tenant() AND e.profile_id = ANY (%(profile_ids)s)
       AND (e.occurred_at, e.event_id) < (%(before_at)s, %(before_id)s)
     ORDER BY e.occurred_at DESC, e.event_id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT 'decision', d.decided_at, d.decision_id, d.action,
            jsonb_build_object('reason', d.reason, 'channel', d.channel, 'campaign_id', d.campaign_id, 'campaign', c.key,
                'campaign_name', c.name, 'arbiter', d.arbiter, 'template', t.key, 'template_version', t.version,
                'event_id', d.event_id, 'task_id', d.task_id, 'run_id', d.run_id, 'wait_until', leo_iso(d.wait_until),
                'archived_at', leo_iso(d.archived_at)),
            d.candidates
     FROM all_decision d
     JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id
     LEFT JOIN message_template t ON t.tenant_id = d.tenant_id AND t.template_id = d.template_id
     WHERE d.tenant_id = leo_tenant() AND d.profile_id = ANY (%(profile_ids)s)
       AND (d.decided_at, d.decision_id) < (%(before_at)s, %(before_id)s)
     ORDER BY d.decided_at DESC, d.decision_id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT 'delivery', l.queued_at, l.delivery_id, l.status,
            jsonb_build_object('channel', l.channel, 'address', l.address, 'decision_id', l.decision_id,
                'campaign_id', l.campaign_id, 'campaign', c.key, 'campaign_name', c.name, 'template', t.key,
                'template_version', t.version, 'attempts', l.attempts, 'code', l.code, 'class', l.class,
                'due_at', leo_iso(l.due_at), 'sent_at', leo_iso(l.sent_at),
                'archived_at', leo_iso(l.archived_at)), NULL
     FROM all_delivery l
     JOIN campaign c ON c.tenant_id = l.tenant_id AND c.campaign_id = l.campaign_id
     JOIN message_template t ON t.tenant_id = l.tenant_id AND t.template_id = l.template_id
     WHERE l.tenant_id = leo_tenant() AND l.profile_id = ANY (%(profile_ids)s)
       AND (l.queued_at, l.delivery_id) < (%(before_at)s, %(before_id)s)
     ORDER BY l.queued_at DESC, l.delivery_id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT 'outcome', o.occurred_at, o.outcome_id, o.type,
            jsonb_build_object('delivery_id', o.delivery_id, 'campaign_id', o.campaign_id, 'campaign', c.key,
                'campaign_name', c.name, 'channel', l.channel, 'value', o.value), NULL
     FROM outcome o
     LEFT JOIN campaign c ON c.tenant_id = o.tenant_id AND c.campaign_id = o.campaign_id
     LEFT JOIN all_delivery l ON l.tenant_id = o.tenant_id AND l.delivery_id = o.delivery_id
     WHERE o.tenant_id = leo_tenant() AND o.profile_id = ANY (%(profile_ids)s)
       AND (o.occurred_at, o.outcome_id) < (%(before_at)s, %(before_id)s)
     ORDER BY o.occurred_at DESC, o.outcome_id DESC LIMIT %(limit)s)
)
SELECT kind, at, record_id, what, detail, candidates FROM happened ORDER BY at DESC, record_id DESC LIMIT %(limit)s

-- name: grounds
-- What holds for writing to anybody of the tenant, whatever the campaign: the default policy and the connected channels.
SELECT t.zone, t.locale, p.version AS policy_version, p.document AS policy,
       ARRAY(SELECT DISTINCT ch.kind FROM channel ch WHERE ch.tenant_id = t.tenant_id AND ch.status = 'connected') AS channels
FROM tenant t
LEFT JOIN LATERAL (
    SELECT one.version, one.document FROM policy one
    WHERE one.tenant_id = t.tenant_id AND one.key = 'default' AND NOT one.draft ORDER BY one.version DESC LIMIT 1) p ON true
WHERE t.tenant_id = leo_tenant()

-- name: message
-- A message with its template's version, and what that may read about the person, the campaign and the triggering event.
SELECT l.delivery_id, l.channel, l.status, l.address, l.sent_at, l.archived_at, l.template_id, m.key, m.version, m.subject, m.body_text, m.body_html,
       m.data, m.translations, m.locale, p.ext_id, p.name, coalesce(p.locale, t.locale) AS reader_locale, p.attributes, p.updated_at > coalesce(l.sent_at, l.queued_at) AS has_changed,
       c.key AS campaign_key, c.name AS campaign_name, c.purpose,
       (SELECT jsonb_build_object('type', e.type, 'ext_id', e.ext_id, 'occurred_at', e.occurred_at, 'attributes', e.attributes)
        FROM all_decision of JOIN marketing_event e ON e.tenant_id = of.tenant_id AND e.event_id = of.event_id
        WHERE of.tenant_id = l.tenant_id AND of.decision_id = l.decision_id) AS event
FROM all_delivery l
JOIN tenant t ON t.tenant_id = l.tenant_id
JOIN message_template m ON m.tenant_id = l.tenant_id AND m.template_id = l.template_id
JOIN cdp_profiles p ON p.tenant_id = l.tenant_id AND p.profile_id = l.profile_id
JOIN campaign c ON c.tenant_id = l.tenant_id AND c.campaign_id = l.campaign_id
WHERE l.tenant_id = leo_tenant() AND l.delivery_id = %(delivery_id)s
