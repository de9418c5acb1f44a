-- name: enter
-- Finds whose webhook it is before a tenant is known, and puts the transaction inside that tenant's border.
SELECT tenant_id, channel_id, set_config('leo.tenant', tenant_id::text, true) FROM leo_route_webhook(%(key)s)
