-- The inboxes of a tenant's web site: their messages, for whom they are, and whether they were seen.

-- name: enter
-- Finds whose inbox it is before a tenant is known, and puts the transaction inside that tenant's border.
SELECT tenant_id, channel_id, set_config('leo.tenant', tenant_id::text, true)
FROM leo_route_webhook(%(key)s) WHERE kind = 'chat'

-- name: turn
-- One writer per address at a time: ids then grow in the order of commits, so that whoever has seen one has missed none
-- before it.
SELECT pg_advisory_xact_lock(hashtextextended('inbox ' || leo_tenant()::text || ' ' || %(channel_id)s || ' ' || %(address)s, 0))

-- name: put
-- Store a message, once; nothing for a person who was erased after it was written.
WITH sent AS (
    SELECT d.profile_id, p.status FROM delivery_log d
    JOIN cdp_profiles p ON p.tenant_id = d.tenant_id AND p.profile_id = d.profile_id
    WHERE d.tenant_id = leo_tenant() AND d.event_id = %(event_id)s LIMIT 1
), new AS (
    INSERT INTO chat_message (tenant_id, channel_id, profile_id, address, event_id, subject, body, link, buttons, created_at)
    SELECT leo_tenant(), %(channel_id)s, (SELECT profile_id FROM sent), %(address)s, %(event_id)s, %(subject)s, %(body)s,
           %(link)s, %(buttons)s, %(now)s
    WHERE NOT EXISTS (SELECT FROM sent WHERE status = 'deleted')
    ON CONFLICT ON CONSTRAINT chat_message_event_unique DO NOTHING
    RETURNING message_id
)
SELECT message_id, false AS duplicate FROM new
UNION ALL
SELECT message_id, true FROM chat_message
WHERE tenant_id = leo_tenant() AND event_id = %(event_id)s AND channel_id = %(channel_id)s

-- name: visitor
-- The inbox of a channel and the newest address there of an active person.
SELECT c.webhook_key, (
    SELECT a.value FROM cdp_profiles p
    JOIN profile_address a ON a.tenant_id = p.tenant_id AND a.profile_id = p.profile_id AND a.channel = 'chat' AND a.valid
    WHERE p.tenant_id = c.tenant_id AND p.ext_id = %(ext_id)s AND p.status = 'active'
    ORDER BY a.address_id DESC LIMIT 1
) AS address
FROM channel c WHERE c.tenant_id = leo_tenant() AND c.channel_id = %(channel_id)s AND c.kind = 'chat'

-- name: after
-- What a visitor has not seen, or everything beyond the last message that a resumed stream gave.
SELECT message_id, subject, body AS text, link, buttons, created_at FROM chat_message
WHERE tenant_id = leo_tenant() AND channel_id = %(channel_id)s AND address = %(address)s AND message_id > %(after)s
  AND (%(resumed)s OR read_at IS NULL)
ORDER BY message_id LIMIT 100

-- name: read
-- Mark everything in an inbox up to a message as seen, the oldest 500 at a time.
WITH due AS (
    SELECT message_id FROM chat_message
    WHERE tenant_id = leo_tenant() AND channel_id = %(channel_id)s AND address = %(address)s AND message_id <= %(up_to)s
      AND read_at IS NULL
    ORDER BY message_id LIMIT 500 FOR NO KEY UPDATE
)
UPDATE chat_message m SET read_at = %(now)s FROM due
WHERE m.tenant_id = leo_tenant() AND m.message_id = due.message_id
RETURNING encode(m.event_id, 'hex') AS event_id

-- name: forget
DELETE FROM chat_message WHERE tenant_id = leo_tenant() AND created_at < %(before)s
