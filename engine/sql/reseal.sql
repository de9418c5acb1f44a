-- Sealing every credential of a tenant with the newest key; `key_name` says which key a row was sealed with.

-- name: sealed
-- What another key than the newest sealed, locked until the transaction ends; a place is identified by its table and keys.
SELECT 'channel' AS of, channel_id AS id, name, ciphertext FROM (
    SELECT channel_id, name, ciphertext FROM channel_credential
    WHERE tenant_id = leo_tenant() AND key_name <> %(key_name)s FOR NO KEY UPDATE) c
UNION ALL
SELECT 'source', source_id, name, ciphertext FROM (
    SELECT source_id, name, ciphertext FROM source_credential
    WHERE tenant_id = leo_tenant() AND key_name <> %(key_name)s FOR NO KEY UPDATE) s
UNION ALL
SELECT 'reader', NULL, NULL, ciphertext FROM (
    SELECT ciphertext FROM reader_credential
    WHERE tenant_id = leo_tenant() AND key_name <> %(key_name)s FOR NO KEY UPDATE) r

-- name: reseal
WITH given AS (
    SELECT of, id, name, convert_to(ciphertext, 'UTF8') AS ciphertext
    FROM jsonb_to_recordset(%(rows)s) AS given (of text, id bigint, name text, ciphertext text)
), channels AS (
    UPDATE channel_credential c SET ciphertext = given.ciphertext, key_name = %(key_name)s
    FROM given WHERE given.of = 'channel' AND c.channel_id = given.id AND c.name = given.name AND c.tenant_id = leo_tenant()
), sources AS (
    UPDATE source_credential s SET ciphertext = given.ciphertext, key_name = %(key_name)s
    FROM given WHERE given.of = 'source' AND s.source_id = given.id AND s.name = given.name AND s.tenant_id = leo_tenant()
)
UPDATE reader_credential r SET ciphertext = given.ciphertext, key_name = %(key_name)s
FROM given WHERE given.of = 'reader' AND r.tenant_id = leo_tenant()

-- name: counts
-- How many credentials each key sealed.
SELECT key_name, count(*) AS count FROM (
    SELECT key_name FROM channel_credential WHERE tenant_id = leo_tenant()
    UNION ALL SELECT key_name FROM source_credential WHERE tenant_id = leo_tenant()
    UNION ALL SELECT key_name FROM reader_credential WHERE tenant_id = leo_tenant()) sealed
GROUP BY key_name ORDER BY key_name
