-- The Cypher explorer: its reader's login, who asked what, saved queries, and what a tenant's graph contains.

-- name: credential
SELECT ciphertext FROM reader_credential WHERE tenant_id = leo_tenant()

-- name: lock_credential
-- One process at a time gives the reader a login; the others then find what it stored.
SELECT pg_advisory_xact_lock(481, hashtext(leo_tenant()::text))

-- name: store_credential
INSERT INTO reader_credential (tenant_id, ciphertext, key_name)
VALUES (leo_tenant(), convert_to(%(ciphertext)s, 'UTF8'), %(key_name)s)
ON CONFLICT ON CONSTRAINT reader_credential_pkey
DO UPDATE SET ciphertext = excluded.ciphertext, key_name = excluded.key_name

-- name: reader
SELECT tenant_id, leo_reader(leo_tenant()) AS role, graph_name AS graph FROM tenant WHERE tenant_id = leo_tenant()

-- name: login
SELECT leo_reader_login(%(verifier)s) AS role

-- name: stop
SELECT leo_reader_stop(%(query_id)s, %(ending)s) AS stopped

-- name: call
-- The name under which a session is known and can be stopped.
SELECT pg_catalog.set_config('application_name', %(name)s, false)

-- name: make_room
-- Idle sessions, of whichever process, make room for whoever asks.
SELECT leo_reader_make_room() AS ended

-- name: begin
-- Written before anything is asked; sessions that nobody waits for any more are ended first.
INSERT INTO query_history (tenant_id, ticket, kind, text, parameters, asked_by, status, error, finished_at)
SELECT leo_tenant(), %(ticket)s, %(kind)s, %(text)s, %(parameters)s, %(asked_by)s, %(status)s, %(error)s,
       CASE WHEN %(status)s <> 'running' THEN now() END
FROM (SELECT leo_reader_sweep(make_interval(secs => %(longest_s)s))) AS swept
RETURNING query_id

-- name: end
UPDATE query_history
SET status = CASE WHEN %(status)s <> 'done' AND stop_asked THEN 'stopped' ELSE %(status)s END,
    row_count = %(row_count)s, took_ms = %(took_ms)s, error = %(error)s, finished_at = now()
WHERE tenant_id = leo_tenant() AND query_id = %(query_id)s
RETURNING status

-- name: ask_to_stop
-- A query of the asker's own, or anybody's for those who may see all.
UPDATE query_history SET stop_asked = true
WHERE tenant_id = leo_tenant() AND ticket = %(ticket)s AND (%(sees_all)s OR asked_by = %(asked_by)s)
RETURNING query_id, status

-- name: history
-- The newest first. A query whose process died is lost, because nobody writes its end.
SELECT query_id, ticket, kind, text, parameters, asked_by,
       CASE WHEN status = 'running' AND created_at < now() - make_interval(secs => %(longest_s)s) THEN 'lost' ELSE status END AS status,
       row_count, took_ms, error, created_at, finished_at
FROM query_history
WHERE tenant_id = leo_tenant() AND (%(sees_all)s OR asked_by = %(asked_by)s)
  AND (%(before)s::bigint IS NULL OR query_id < %(before)s)
ORDER BY query_id DESC LIMIT %(limit)s

-- name: prune
-- What is older than the retention time, and of the rest all but the newest; running queries stay.
DELETE FROM query_history
WHERE tenant_id = leo_tenant() AND (created_at < %(before)s OR (status <> 'running' AND query_id <= (
    SELECT query_id FROM query_history WHERE tenant_id = leo_tenant() ORDER BY query_id DESC OFFSET %(most)s LIMIT 1)))

-- name: save
INSERT INTO saved_query (tenant_id, name, note, text, parameters, saved_by)
VALUES (leo_tenant(), %(name)s, %(note)s, %(text)s, %(parameters)s, %(saved_by)s)
RETURNING saved_id, name, note, text, parameters, saved_by, created_at, updated_at

-- name: change_saved
UPDATE saved_query SET name = %(name)s, note = %(note)s, text = %(text)s, parameters = %(parameters)s, saved_by = %(saved_by)s
WHERE tenant_id = leo_tenant() AND saved_id = %(saved_id)s
RETURNING saved_id, name, note, text, parameters, saved_by, created_at, updated_at

-- name: saved
SELECT saved_id, name, note, text, parameters, saved_by, created_at, updated_at FROM saved_query
WHERE tenant_id = leo_tenant() AND saved_id = %(saved_id)s

-- name: all_saved
SELECT saved_id, name, note, text, parameters, saved_by, created_at, updated_at FROM saved_query
WHERE tenant_id = leo_tenant() AND saved_id > %(after)s ORDER BY saved_id LIMIT %(limit)s

-- name: forget_saved
DELETE FROM saved_query WHERE tenant_id = leo_tenant() AND saved_id = %(saved_id)s RETURNING saved_id

-- name: catalog
-- Every label and kind with the planner's estimate of its number, which costs nothing to read.
SELECT e.label, e.label_id, e.kind, e.start_label, e.end_label,
       CASE e.kind WHEN 'vertex' THEN e.id_column || e.properties ELSE e.properties END AS properties,
       greatest(coalesce(c.reltuples, 0), 0)::bigint AS about
FROM graph_element e
LEFT JOIN pg_class c ON c.oid = to_regclass(format('%%I.%%I', leo_graph(), e.label))
ORDER BY e.kind DESC, e.label_id

-- name: ways
-- Labels by number and kinds with their ends, without the planner's estimates.
SELECT label, label_id, kind, start_label, end_label FROM graph_element ORDER BY kind DESC, label_id
