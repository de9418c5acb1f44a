-- Backing up and restoring the whole database. All of it runs as an administrator, who sees every tenant.

-- name: snapshot
-- The instant of the backup: pg_dump reads the same one, so counts and heads are those of the dump.
SELECT pg_export_snapshot() AS snapshot, now() AS taken_at, current_setting('server_version') AS server,
       current_setting('server_version_num')::int / 10000 AS major,
       (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS sees_all,
       (SELECT max(version) FROM schema_migration) AS schema_version

-- name: tables
SELECT c.relname AS name FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY c.relname

-- name: count
-- The rows of one of these tables, whose name came from the catalog.
SELECT count(*) AS rows FROM ONLY public.{table}

-- name: ledgers
-- Every tenant with the newest head of its ledger.
SELECT t.tenant_id, t.slug, last.batch_no, last.head
FROM tenant t LEFT JOIN LATERAL (
    SELECT b.batch_no, b.head FROM ledger_batch b WHERE b.tenant_id = t.tenant_id ORDER BY b.batch_no DESC LIMIT 1) last ON true
ORDER BY t.slug

-- name: keys
-- The keys that sealed what is in the backup: without them it cannot be opened.
SELECT DISTINCT key_name FROM (
    SELECT key_name FROM channel_credential UNION ALL SELECT key_name FROM source_credential
    UNION ALL SELECT key_name FROM reader_credential) sealed ORDER BY 1

-- name: target
-- The database that a backup would be restored into, and whether it already contains anything.
SELECT current_setting('server_version_num')::int / 10000 AS major,
       EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')) AS is_used

-- name: close
-- From here on only administrators may connect, and others are disconnected: a worker would begin to send what is not held
-- yet.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 0', current_database());
    PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_roles r ON r.rolname = a.usename
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND NOT r.rolsuper;
END $$

-- name: reopen
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT -1', current_database());
END $$

-- name: redraw
-- Draws the graph of one tenant; gives the number of vertices and edges.
SELECT set_config('leo.tenant', %(tenant_id)s, true), leo_graph_rebuild() AS elements

-- name: forget_readers
-- Their rights were on graphs that are gone; the explorer's next query gives them others with a new password.
DELETE FROM reader_credential

-- name: skip_ids
-- Ids drawn after the backup exist in links and at providers; none of them may come to mean something else.
SELECT setval('leo_id', last_value + %(skipped)s) FROM leo_id

-- name: hold
-- Nothing that may have happened after the backup happens again by itself. Messages that were queued or being sent may have
-- arrived; people whose batch waited may have been decided for; events may arrive again. The ledger's barrier is a number of
-- the lost server: here it would be waited for until as many transactions have run.
WITH messages AS (
    UPDATE delivery_log SET status = 'uncertain', lease_owner = NULL, lease_until = NULL, code = 'restored', class = 'unknown'
    WHERE status IN ('queued', 'sending') RETURNING tenant_id
), campaigns AS (
    UPDATE campaign SET status = 'paused' WHERE status = 'active' RETURNING tenant_id, key
), runs AS (
    UPDATE campaign_run SET status = 'paused' WHERE status IN ('pending', 'running') RETURNING tenant_id, run_id
), tasks AS (
    UPDATE agent_task SET status = 'cancelled', finished_at = now(), lease_owner = NULL, lease_until = NULL,
           summary = 'Cancelled by a restore: it may have been done after the backup. Ask for it again if it was not.'
    WHERE status IN ('queued', 'thinking', 'acting') RETURNING tenant_id
), horizons AS (
    UPDATE ledger_horizon SET barrier = NULL, noted_at = clock_timestamp()
)
SELECT t.tenant_id, t.slug,
       (SELECT count(*) FROM messages m WHERE m.tenant_id = t.tenant_id) AS messages,
       (SELECT coalesce(array_agg(c.key ORDER BY c.key), '{}') FROM campaigns c WHERE c.tenant_id = t.tenant_id) AS campaigns,
       (SELECT count(*) FROM runs r WHERE r.tenant_id = t.tenant_id) AS runs,
       (SELECT coalesce(sum(cardinality(b.profile_ids)), 0) FROM run_batch b
        WHERE b.tenant_id = t.tenant_id AND b.status = 'pending') AS people,
       (SELECT count(*) FROM tasks a WHERE a.tenant_id = t.tenant_id) AS tasks
FROM tenant t ORDER BY t.slug
