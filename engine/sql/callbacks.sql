-- name: keep
-- A callback as it was posted, stored once; a repeated one is counted, and locked like the first.
INSERT INTO callback (tenant_id, channel_id, body_hash, body, headers, received_at)
VALUES (leo_tenant(), %(channel_id)s, %(body_hash)s, %(body)s, %(headers)s, %(now)s)
ON CONFLICT ON CONSTRAINT callback_body_unique DO UPDATE SET told = callback.told + 1
RETURNING callback_id, channel_id, status, told, readings, new, duplicate

-- name: take
SELECT callback_id, channel_id, headers, body, readings FROM callback
WHERE tenant_id = leo_tenant() AND callback_id = %(callback_id)s FOR NO KEY UPDATE

-- name: take_due
SELECT callback_id, channel_id, headers, body, readings FROM callback
WHERE tenant_id = leo_tenant() AND due_at <= %(now)s ORDER BY due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED

-- name: settle
-- The result of a reading: new outcomes add up over the readings, the rest is as the last reading found it.
UPDATE callback
SET status = %(status)s, readings = readings + 1, new = new + %(new)s, duplicate = greatest(%(duplicate)s - new, 0),
    unknown = %(unknown)s, error = %(error)s, due_at = %(due_at)s
WHERE tenant_id = leo_tenant() AND callback_id = %(callback_id)s

-- name: page
SELECT callback_id, channel_id, status, told, readings, new, duplicate, unknown, error, received_at, due_at
FROM callback
WHERE tenant_id = leo_tenant() AND callback_id > %(after)s AND (%(status)s::text IS NULL OR status = %(status)s)
ORDER BY callback_id LIMIT %(limit)s

-- name: get
SELECT callback_id, channel_id, status, told, readings, new, duplicate, unknown, error, received_at, due_at, headers, body
FROM callback WHERE tenant_id = leo_tenant() AND callback_id = %(callback_id)s

-- name: forget
DELETE FROM callback WHERE tenant_id = leo_tenant() AND received_at < %(before)s

-- name: channel
SELECT channel_id FROM channel WHERE tenant_id = leo_tenant() AND name = %(name)s
