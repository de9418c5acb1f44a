-- name: enter
-- Whose webhook it is, found before a tenant is known, and the transaction put inside that tenant's border.
SELECT tenant_id, channel_id, set_config('leo.tenant', tenant_id::text, true) FROM leo_route_webhook(%(key)s)
