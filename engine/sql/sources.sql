-- Sources: where people are taken from, how far, and what each run did.

-- name: save
-- A source that is there takes the settings given, and goes on where it stands.
INSERT INTO source (tenant_id, key, kind, settings, field_map, every_s, due_at)
VALUES (%(tenant_id)s, %(key)s, %(kind)s, %(settings)s, %(field_map)s, %(every_s)s, now())
ON CONFLICT ON CONSTRAINT source_key_unique DO UPDATE
SET settings = excluded.settings
        || CASE WHEN source.settings ? 'map_print' THEN jsonb_build_object('map_print', source.settings -> 'map_print') ELSE '{}' END,
    field_map = excluded.field_map, every_s = excluded.every_s, due_at = now()
RETURNING source_id

-- name: seal
INSERT INTO source_credential (tenant_id, source_id, name, ciphertext, key_name)
VALUES (%(tenant_id)s, %(source_id)s, %(name)s, %(ciphertext)s, %(key_name)s)
ON CONFLICT ON CONSTRAINT source_credential_pkey
DO UPDATE SET ciphertext = excluded.ciphertext, key_name = excluded.key_name

-- name: credential
SELECT ciphertext FROM source_credential WHERE source_id = %(source_id)s AND name = %(name)s

-- name: by_key
SELECT tenant_id, source_id, key, kind, settings, field_map, status, every_s, due_at
FROM source WHERE tenant_id = %(tenant_id)s AND key = %(key)s

-- name: page
-- Each with its last run.
SELECT s.tenant_id, s.source_id, s.key, s.kind, s.settings, s.field_map, s.status, s.every_s, s.due_at,
       last.mode AS last_mode, last.status AS last_status, last.error AS last_error, last.started_at AS last_started_at
FROM source s LEFT JOIN LATERAL (
    SELECT mode, status, error, started_at FROM sync_run r
    WHERE r.tenant_id = s.tenant_id AND r.source_id = s.source_id ORDER BY started_at DESC LIMIT 1) last ON true
WHERE s.tenant_id = %(tenant_id)s ORDER BY s.key

-- name: set_status
UPDATE source SET status = %(status)s, due_at = now() WHERE tenant_id = %(tenant_id)s AND key = %(key)s RETURNING source_id

-- name: remove
DELETE FROM source WHERE tenant_id = %(tenant_id)s AND key = %(key)s RETURNING source_id

-- name: take_due
-- The sources whose time has come, put off until their next one: two workers share them.
UPDATE source SET due_at = %(now)s + make_interval(secs => every_s)
WHERE tenant_id = %(tenant_id)s AND source_id IN (
    SELECT source_id FROM source WHERE tenant_id = %(tenant_id)s AND status = 'connected' AND due_at <= %(now)s
    ORDER BY due_at FOR UPDATE SKIP LOCKED)
RETURNING key

-- name: zone
SELECT zone FROM tenant WHERE tenant_id = %(tenant_id)s

-- name: last_full
-- When a full run that was not cut off last began.
SELECT max(started_at) AS started_at FROM sync_run
WHERE tenant_id = %(tenant_id)s AND source_id = %(source_id)s AND mode = 'full' AND status = 'finished'

-- name: begin_run
-- A run that has not said anything for so long was cut off.
WITH lost AS (
    UPDATE sync_run SET status = 'failed', finished_at = now(), error = 'It was cut off.'
    WHERE tenant_id = %(tenant_id)s AND source_id = %(source_id)s AND status = 'running'
      AND updated_at < now() - make_interval(secs => %(silent_s)s)
)
INSERT INTO sync_run (tenant_id, source_id, mode) VALUES (%(tenant_id)s, %(source_id)s, %(mode)s) RETURNING sync_run_id

-- name: tell_run
UPDATE sync_run SET counts = %(counts)s WHERE tenant_id = %(tenant_id)s AND sync_run_id = %(sync_run_id)s

-- name: end_run
UPDATE sync_run SET status = %(status)s, counts = %(counts)s, error = %(error)s, finished_at = now()
WHERE tenant_id = %(tenant_id)s AND sync_run_id = %(sync_run_id)s

-- name: begin_again
-- Another map, or another place: what was read is read once more, from the beginning.
WITH named AS (
    UPDATE source SET settings = settings || jsonb_build_object('map_print', %(print)s::text)
    WHERE tenant_id = %(tenant_id)s AND source_id = %(source_id)s
)
UPDATE sync_position SET at = '', key = '' WHERE tenant_id = %(tenant_id)s AND source_id = %(source_id)s

-- name: keep_print
UPDATE source SET settings = settings || jsonb_build_object('map_print', %(print)s::text)
WHERE tenant_id = %(tenant_id)s AND source_id = %(source_id)s

-- name: map_print
SELECT settings ->> 'map_print' AS print FROM source WHERE tenant_id = %(tenant_id)s AND source_id = %(source_id)s
