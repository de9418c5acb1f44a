-- What `leo doctor` asks of a PostgreSQL server; any login may ask it.

-- name: server_facts
-- One row, one JSON document: version, login, extensions, roles with their settings, LEAKPROOF marks, schema.
SELECT json_build_object(
    'version', current_setting('server_version'),
    'version_num', current_setting('server_version_num')::int,
    'database', current_database(),
    'encoding', (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()),
    'login', session_user,
    'is_superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = session_user),
    'available', (SELECT json_object_agg(name, default_version) FROM pg_available_extensions
                  WHERE name IN ('age', 'vector', 'pgcrypto')),
    'installed', (SELECT json_object_agg(extname, extversion) FROM pg_extension
                  WHERE extname IN ('age', 'vector', 'pgcrypto')),
    'roles', (SELECT json_object_agg(rolname, json_build_object(
                  'login', rolcanlogin, 'superuser', rolsuper, 'bypassrls', rolbypassrls, 'settings', rolconfig))
              FROM pg_roles WHERE rolname IN ('leo_owner', 'leo_app', 'leo_router')),
    'database_settings', (SELECT json_agg(setting) FROM pg_db_role_setting s, unnest(s.setconfig) AS setting
                          WHERE s.setrole = 0
                            AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))),
    'login_settings', (SELECT to_json(rolconfig) FROM pg_roles WHERE rolname = session_user),
    -- A preloaded AGE shows its settings in a session that has not called it; the library lists themselves are not visible.
    'is_age_loaded', EXISTS (SELECT FROM pg_settings WHERE name LIKE 'age.%'),
    'leakproof', (SELECT json_object_agg(oid::regprocedure::text, proleakproof) FROM pg_proc
                  WHERE oid IN ('pg_catalog.jsonb_contains(jsonb,jsonb)'::regprocedure,
                                'pg_catalog.jsonb_exists(jsonb,text)'::regprocedure,
                                'pg_catalog.ts_match_vq(tsvector,tsquery)'::regprocedure)),
    'has_schema', to_regclass('public.schema_migration') IS NOT NULL
) AS facts;

-- name: schema_version
-- The newest version of schema.sql that was applied here.
SELECT max(version) AS version FROM schema_migration;
