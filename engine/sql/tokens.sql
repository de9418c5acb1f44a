-- The tokens of channels: when to look at each, and the lock under which one worker renews it.

-- name: begin
-- A channel was connected: whatever was known of an earlier token is forgotten.
INSERT INTO channel_token (tenant_id, channel_id, due_at) VALUES (leo_tenant(), %(channel_id)s, %(due_at)s)
ON CONFLICT ON CONSTRAINT channel_token_pkey
DO UPDATE SET due_at = excluded.due_at, ends_at = NULL, renewed_at = NULL, begun_at = NULL, warning = NULL, fault = NULL

-- name: forget
-- The channel was connected with nothing that could be renewed or checked.
DELETE FROM channel_token WHERE tenant_id = leo_tenant() AND channel_id = %(channel_id)s

-- name: due
SELECT channel_id FROM channel_token
WHERE tenant_id = leo_tenant() AND due_at <= %(now)s ORDER BY due_at LIMIT %(most)s

-- name: tenants
-- Tenants with a token to look at.
SELECT tenant_id FROM leo_route_tokens(%(now)s)

-- name: ask
-- Look at a channel's token now, whenever it would be due.
UPDATE channel_token SET due_at = %(now)s WHERE tenant_id = leo_tenant() AND channel_id = %(channel_id)s
RETURNING channel_id

-- name: begun
-- Committed before the provider is asked: a renewal that is never ended was interrupted, and its answer is lost.
UPDATE channel_token SET begun_at = %(now)s
WHERE tenant_id = leo_tenant() AND channel_id = %(channel_id)s AND due_at <= %(now)s AND begun_at IS NULL

-- name: lock
-- The channel's token, and those of the same kinds and application that may share its grant, always in the same order.
SELECT t.channel_id, t.due_at, t.begun_at, t.ends_at, c.kind, c.name, c.settings, c.status, g.reason
FROM channel_token t
JOIN channel c ON c.tenant_id = t.tenant_id AND c.channel_id = t.channel_id
LEFT JOIN channel_gate g ON g.tenant_id = t.tenant_id AND g.channel_id = t.channel_id
WHERE t.tenant_id = leo_tenant() AND c.settings ->> 'app_id' = (
    SELECT o.settings ->> 'app_id' FROM channel o WHERE o.tenant_id = leo_tenant() AND o.channel_id = %(channel_id)s)
ORDER BY t.channel_id
FOR NO KEY UPDATE OF t

-- name: keep
-- What was learned, for every channel with the grant.
UPDATE channel_token
SET ends_at = %(ends_at)s, due_at = %(due_at)s, warning = %(warning)s, fault = %(fault)s, begun_at = NULL,
    renewed_at = CASE WHEN %(is_new)s THEN %(now)s ELSE renewed_at END
WHERE tenant_id = leo_tenant() AND channel_id = ANY (%(channel_ids)s)

-- name: put_off
-- Nothing was learned: looked at again later, or never (NULL) until somebody fixes it.
UPDATE channel_token SET due_at = %(due_at)s, warning = %(warning)s, fault = %(fault)s, begun_at = NULL
WHERE tenant_id = leo_tenant() AND channel_id = %(channel_id)s

-- name: say_why
-- A channel that is already paused gets the reason that says what to do.
UPDATE channel_gate g SET reason = left(%(reason)s, 500)
FROM channel c
WHERE c.tenant_id = g.tenant_id AND c.channel_id = g.channel_id AND c.status = 'paused'
  AND g.tenant_id = leo_tenant() AND g.channel_id = %(channel_id)s

-- name: listed
-- Every channel with what is known about its token, and the other channel of its kind that decisions use instead of it.
SELECT c.channel_id, c.kind, c.name, c.status, c.settings ->> 'provider' IS NOT DISTINCT FROM 'sandbox' AS sandbox,
       nullif(first_value(c.name) OVER (PARTITION BY c.kind ORDER BY c.status = 'disconnected', c.status, c.failover NULLS LAST, c.channel_id), c.name) AS behind,
       g.reason, t.ends_at, t.due_at, t.renewed_at, t.warning
FROM channel c
LEFT JOIN channel_gate g ON g.tenant_id = c.tenant_id AND g.channel_id = c.channel_id
LEFT JOIN channel_token t ON t.tenant_id = c.tenant_id AND t.channel_id = c.channel_id
WHERE c.tenant_id = leo_tenant() ORDER BY c.channel_id
