-- Consents that were begun at a provider (engine/consents.py).

-- name: sweep
-- Expired consents are removed, and of the rest all but the newest.
DELETE FROM channel_consent
WHERE tenant_id = leo_tenant() AND (expires_at <= %(now)s OR consent_id IN (
    SELECT consent_id FROM channel_consent WHERE tenant_id = leo_tenant() ORDER BY created_at DESC, consent_id DESC OFFSET %(most)s))

-- name: number
-- The row is sealed for its own id, so the id is drawn first.
SELECT nextval('leo_id') AS consent_id

-- name: begin
INSERT INTO channel_consent (tenant_id, consent_id, kind, name, begun_by, ciphertext, expires_at)
VALUES (leo_tenant(), %(consent_id)s, %(kind)s, %(name)s, %(by)s, convert_to(%(ciphertext)s, 'UTF8'), %(expires_at)s)

-- name: kind_of_name
SELECT kind FROM channel WHERE tenant_id = leo_tenant() AND name = %(name)s

-- name: earlier
-- A channel that gets new credentials; one that went to the sandbox had none.
SELECT channel_id, settings FROM channel
WHERE tenant_id = leo_tenant() AND name = %(name)s AND kind = %(kind)s AND settings ->> 'provider' IS DISTINCT FROM 'sandbox'

-- name: take
-- Once, by whoever began it, before it expires: a second request finds nothing.
DELETE FROM channel_consent
WHERE tenant_id = leo_tenant() AND consent_id = %(consent_id)s AND begun_by = %(by)s AND expires_at > %(now)s
RETURNING kind, name, ciphertext
