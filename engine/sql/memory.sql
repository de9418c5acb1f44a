-- name: stale_templates
-- Approved templates that are not embedded, were embedded by another model, or have changed since.
SELECT template_id, subject, body_text, body_html, topics, encode(hash_now, 'hex') AS text_hash
FROM (SELECT *, sha256(convert_to(jsonb_build_array(subject, body_text, body_html, topics)::text, 'UTF8')) AS hash_now
      FROM message_template WHERE tenant_id = %(tenant_id)s AND status = 'approved') m
WHERE embedding IS NULL OR embedding_model IS DISTINCT FROM %(model)s OR text_hash IS DISTINCT FROM hash_now
ORDER BY template_id LIMIT %(most)s

-- name: write_templates
-- The hash is that of the embedded text: if that changed meanwhile, the next look finds it again.
UPDATE message_template m
SET embedding = given.embedding::vector, embedding_model = %(model)s, text_hash = decode(given.text_hash, 'hex')
FROM jsonb_to_recordset(%(given)s) AS given (id bigint, embedding text, text_hash text)
WHERE m.tenant_id = %(tenant_id)s AND m.template_id = given.id

-- name: stale_tasks
-- Tasks that succeeded and are not embedded, or by another model; their request and result never change again.
SELECT task_id, request ->> 'text' AS asked, summary FROM agent_task
WHERE tenant_id = %(tenant_id)s AND status = 'succeeded' AND (embedding IS NULL OR embedding_model IS DISTINCT FROM %(model)s)
  AND (request ->> 'text' IS NOT NULL OR summary IS NOT NULL)
ORDER BY task_id DESC LIMIT %(most)s

-- name: write_tasks
UPDATE agent_task t SET embedding = given.embedding::vector, embedding_model = %(model)s
FROM jsonb_to_recordset(%(given)s) AS given (id bigint, embedding text)
WHERE t.tenant_id = %(tenant_id)s AND t.task_id = given.id

-- name: interests
-- What is embedded of a person, and the person that a merge put in their place.
SELECT p.attributes FROM cdp_profiles named
JOIN cdp_profiles p ON p.tenant_id = named.tenant_id AND p.profile_id = coalesce(named.merged_into, named.profile_id)
WHERE named.tenant_id = %(tenant_id)s AND named.ext_id = %(ext_id)s AND p.status = 'active'

-- name: nearest_templates
-- The newest approved version of each template, the nearest first. A tenant has some hundreds: all are compared, and `+ 0`
-- keeps the planner from using the index, which contains the templates of all tenants and all models.
SELECT template_id, key, version, channel, locale, subject, topics, distance
FROM (SELECT DISTINCT ON (key, channel) *, embedding <=> %(embedding)s::vector AS distance
      FROM message_template
      WHERE tenant_id = %(tenant_id)s AND status = 'approved' AND (%(channel)s::text IS NULL OR channel = %(channel)s)
      ORDER BY key, channel, version DESC) m
WHERE embedding_model = %(model)s ORDER BY distance + 0, key, channel LIMIT %(most)s

-- name: nearest_tasks
SELECT task_id, request ->> 'text' AS asked, summary, coalesce(result -> 'calls', '[]') AS calls, created_at, embedding <=> %(embedding)s::vector AS distance
FROM agent_task
WHERE tenant_id = %(tenant_id)s AND status = 'succeeded' AND embedding_model = %(model)s
ORDER BY (embedding <=> %(embedding)s::vector) + 0, task_id DESC LIMIT %(most)s
