-- Prepares a server and a database for LEO Activation: extensions, roles, preload per role, LEAKPROOF marks. A superuser
-- runs it in the database that will hold LEO (`leo db bootstrap`), or a DBA who prints it with `leo db bootstrap --print`.
-- It is idempotent. Passwords are not in it: leo_app is given one by `leo db bootstrap` or by ALTER ROLE.

DO $$
DECLARE
    missing text;
BEGIN
    IF current_setting('server_version_num')::int < 160000 THEN
        RAISE EXCEPTION 'PostgreSQL % is too old', current_setting('server_version')
            USING HINT = 'LEO Activation needs PostgreSQL 16 or later.';
    END IF;
    SELECT string_agg(wanted, ', ') INTO missing FROM unnest(ARRAY['age', 'vector']) AS wanted
    WHERE NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = wanted);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'the server has no extension %', missing
            USING HINT = 'Install Apache AGE 1.5 or later and pgvector 0.7 or later on the database server.';
    END IF;
END $$;

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS age;
CREATE EXTENSION IF NOT EXISTS vector;

DO $$
BEGIN
    -- Databases on one server share roles, so another database may have created them already.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'leo_owner') THEN
        CREATE ROLE leo_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'leo_router') THEN
        CREATE ROLE leo_router NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'leo_app') THEN
        CREATE ROLE leo_app NOLOGIN;
    END IF;
    ALTER ROLE leo_owner NOSUPERUSER NOBYPASSRLS CREATEROLE;
    ALTER ROLE leo_router NOSUPERUSER NOBYPASSRLS;
    ALTER ROLE leo_app NOSUPERUSER NOBYPASSRLS;
    -- The owner creates the router's functions as the router, but inherits none of what the router may see.
    GRANT leo_router TO leo_owner WITH INHERIT FALSE, SET TRUE;
END $$;

DO $$
BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO leo_owner', current_database());
    -- Temporary functions and tables could replace ours in a careless search path.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;
GRANT USAGE, CREATE ON SCHEMA public TO leo_owner WITH GRANT OPTION;
GRANT USAGE ON SCHEMA public TO leo_app, leo_router;
GRANT USAGE ON SCHEMA ag_catalog TO leo_owner, leo_app WITH GRANT OPTION;
GRANT SELECT ON ag_catalog.ag_graph, ag_catalog.ag_label TO leo_owner, leo_app;

-- How much a reader may write to disk while sorting is limited per role, by a setting that only a superuser can change.
GRANT SET ON PARAMETER temp_file_limit TO leo_owner;

-- Ordinary roles may not LOAD 'age'; a role's setting survives cloning the database, a database's setting does not.
ALTER ROLE leo_owner SET session_preload_libraries = 'age';
ALTER ROLE leo_app SET session_preload_libraries = 'age';
ALTER ROLE leo_owner SET search_path = public, ag_catalog;
ALTER ROLE leo_app SET search_path = public, ag_catalog;

-- Under row security an index serves only operators whose function is LEAKPROOF. jsonb containment and existence and the
-- match of a text search compare values and raise nothing that depends on them.
ALTER FUNCTION pg_catalog.jsonb_contains(jsonb, jsonb) LEAKPROOF;
ALTER FUNCTION pg_catalog.jsonb_exists(jsonb, text) LEAKPROOF;
ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;

-- The traversal functions read any graph by name, bypassing grants. Nothing of ours calls them.
DO $$
DECLARE
    traversal regprocedure;
BEGIN
    FOR traversal IN
        SELECT oid::regprocedure FROM pg_proc
        WHERE pronamespace = 'ag_catalog'::regnamespace AND (proname = 'age_vle' OR proname LIKE '%shortest_path%')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', traversal);
    END LOOP;
END $$;
