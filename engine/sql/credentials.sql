-- name: replace
-- A channel's credentials as they are now: others are removed.
WITH given AS (
    SELECT name, convert_to(ciphertext, 'UTF8') AS ciphertext
    FROM jsonb_to_recordset(%(sealed)s) AS sealed (name text, ciphertext text)
), gone AS (
    DELETE FROM channel_credential c
    WHERE c.tenant_id = leo_tenant() AND c.channel_id = %(channel_id)s
      AND NOT EXISTS (SELECT FROM given WHERE given.name = c.name)
)
INSERT INTO channel_credential (tenant_id, channel_id, name, ciphertext, key_name)
SELECT leo_tenant(), %(channel_id)s, name, ciphertext, %(key_name)s FROM given
ON CONFLICT ON CONSTRAINT channel_credential_pkey
DO UPDATE SET ciphertext = excluded.ciphertext, key_name = excluded.key_name

-- name: put
-- Some of a channel's credentials anew; the others stay.
INSERT INTO channel_credential (tenant_id, channel_id, name, ciphertext, key_name)
SELECT leo_tenant(), %(channel_id)s, name, convert_to(ciphertext, 'UTF8'), %(key_name)s
FROM jsonb_to_recordset(%(sealed)s) AS sealed (name text, ciphertext text)
ON CONFLICT ON CONSTRAINT channel_credential_pkey
DO UPDATE SET ciphertext = excluded.ciphertext, key_name = excluded.key_name

-- name: of_channel
SELECT name, ciphertext FROM channel_credential
WHERE tenant_id = leo_tenant() AND channel_id = %(channel_id)s
