-- What the tools of agent tasks look up by key; everything else is left to the functions that the API calls too.

-- name: campaign
SELECT c.campaign_id, c.key, c.name, c.status, s.key AS segment, s.rule
FROM campaign c LEFT JOIN segment s ON s.tenant_id = c.tenant_id AND s.segment_id = c.segment_id
WHERE c.tenant_id = %(tenant_id)s AND c.key = %(key)s

-- name: segment
SELECT segment_id, name, rule FROM segment WHERE tenant_id = %(tenant_id)s AND key = %(key)s AND archived_at IS NULL

-- name: approved_templates
-- The newest approved version of each template and channel with one of these keys, in the order of the keys.
SELECT DISTINCT ON (wanted.place, m.channel) wanted.key, m.template_id
FROM unnest(%(keys)s::text[]) WITH ORDINALITY AS wanted (key, place)
JOIN message_template m ON m.tenant_id = %(tenant_id)s AND m.key = wanted.key AND m.status = 'approved'
ORDER BY wanted.place, m.channel, m.version DESC

-- name: find_templates
-- Approved templates, newest versions only, those that contain most of the words first.
WITH newest AS (
    SELECT DISTINCT ON (key, channel) key, channel, version, subject, body_text, body_html
    FROM message_template
    WHERE tenant_id = %(tenant_id)s AND status = 'approved' AND (%(channel)s::text IS NULL OR channel = %(channel)s)
    ORDER BY key, channel, version DESC
)
SELECT n.key, n.channel, n.version, n.subject, hits.count AS words_found
FROM newest n CROSS JOIN LATERAL (
    SELECT count(*) FROM unnest(%(words)s::text[]) word
    WHERE strpos(lower(concat_ws(' ', n.key, n.subject, n.body_text, n.body_html)), word) > 0) hits
WHERE hits.count > 0
ORDER BY hits.count DESC, n.key, n.channel
LIMIT %(limit)s

-- name: scopes
-- What an API key may do now; no row if it is gone, revoked or has expired.
SELECT scopes FROM api_key
WHERE tenant_id = %(tenant_id)s AND api_key_id = %(api_key_id)s AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > now())

-- name: limit
-- How many people a task may reach without a human, if the tenant says so.
SELECT settings #> '{approval,people}' AS people FROM tenant WHERE tenant_id = %(tenant_id)s

-- name: names
-- What a request may refer to: keys of segments, campaigns and templates, the newest first.
SELECT 'segments' AS kind, array(
    SELECT key FROM segment WHERE tenant_id = %(tenant_id)s AND archived_at IS NULL
    ORDER BY segment_id DESC LIMIT %(limit)s) AS keys
UNION ALL
SELECT 'campaigns', array(
    SELECT key || ' (' || status || ')' FROM campaign WHERE tenant_id = %(tenant_id)s AND status <> 'ended'
    ORDER BY campaign_id DESC LIMIT %(limit)s)
UNION ALL
SELECT 'templates', array(
    SELECT key FROM message_template WHERE tenant_id = %(tenant_id)s AND status = 'approved'
    GROUP BY key ORDER BY max(template_id) DESC LIMIT %(limit)s)
