-- name: claim
-- Whether this transaction has claimed the request, and the answer given before. The claim ends with the transaction, however
-- that ends: a crash leaves nothing behind.
SELECT turn.is_mine, k.request_hash, k.response_status, k.response,
       k.run_id IS NOT NULL AND k.created_at <= now() - interval '1 minute' AS is_left
FROM (SELECT pg_try_advisory_xact_lock(%(lock)s) AS is_mine) turn
LEFT JOIN idempotency_key k
    ON k.tenant_id = %(tenant_id)s AND k.operation = %(operation)s AND k.key = %(key)s AND k.expires_at > now()

-- name: remember
-- No row: another transaction with the same key has committed meanwhile.
INSERT INTO idempotency_key (tenant_id, key, operation, request_hash, response_status, response)
VALUES (%(tenant_id)s, %(key)s, %(operation)s, %(request_hash)s, %(status)s, %(response)s)
ON CONFLICT ON CONSTRAINT idempotency_key_pkey DO UPDATE
SET request_hash = excluded.request_hash, response_status = excluded.response_status, response = excluded.response,
    run_id = NULL, created_at = now(), expires_at = now() + interval '24 hours'
WHERE idempotency_key.expires_at <= now()
RETURNING 1

-- name: reserve
-- Work that has to commit in parts holds its key by a row without an answer, for a minute at most. The run that it has begun
-- is kept with the key for a day, and given to whoever repeats the request when nobody has worked on it for a minute.
INSERT INTO idempotency_key (tenant_id, key, operation, request_hash, expires_at)
VALUES (%(tenant_id)s, %(key)s, %(operation)s, %(request_hash)s, now() + interval '1 minute')
ON CONFLICT ON CONSTRAINT idempotency_key_pkey DO UPDATE
SET request_hash = excluded.request_hash, response_status = NULL, response = NULL, created_at = now(),
    run_id = CASE WHEN idempotency_key.expires_at > now() THEN idempotency_key.run_id END,
    expires_at = greatest(idempotency_key.expires_at, excluded.expires_at)
WHERE idempotency_key.expires_at <= now()
   OR idempotency_key.response_status IS NULL AND idempotency_key.run_id IS NOT NULL
      AND idempotency_key.request_hash = excluded.request_hash
      AND idempotency_key.created_at <= now() - interval '1 minute'
RETURNING run_id

-- name: begin
-- No row: after a minute another request may hold the key.
UPDATE idempotency_key SET run_id = %(run_id)s, expires_at = now() + interval '24 hours'
WHERE tenant_id = %(tenant_id)s AND operation = %(operation)s AND key = %(key)s AND request_hash = %(request_hash)s
  AND response_status IS NULL AND run_id IS NULL
RETURNING 1

-- name: complete
UPDATE idempotency_key SET response_status = %(status)s, response = %(response)s, expires_at = now() + interval '24 hours'
WHERE tenant_id = %(tenant_id)s AND operation = %(operation)s AND key = %(key)s AND request_hash = %(request_hash)s

-- name: release
-- Only its own reservation: after a minute another request may hold the key. What was begun is left to the next request.
WITH begun AS (
    UPDATE idempotency_key SET created_at = now() - interval '1 minute'
    WHERE tenant_id = %(tenant_id)s AND operation = %(operation)s AND key = %(key)s AND response_status IS NULL
      AND request_hash = %(request_hash)s AND run_id IS NOT NULL
)
DELETE FROM idempotency_key
WHERE tenant_id = %(tenant_id)s AND operation = %(operation)s AND key = %(key)s AND response_status IS NULL
  AND request_hash = %(request_hash)s AND run_id IS NULL

-- name: forget
-- Answers that nobody may ask for any more.
DELETE FROM idempotency_key WHERE tenant_id = %(tenant_id)s AND expires_at <= now()
