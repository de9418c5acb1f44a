-- name: channel
SELECT channel_id, kind, name, status, settings, webhook_key, updated_at FROM channel
WHERE tenant_id = leo_tenant() AND channel_id = %(channel_id)s
