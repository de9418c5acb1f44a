-- Lets PgBouncer ask how LEO's roles log in. Run it as a superuser in LEO's database, after `leo db bootstrap`; then give
-- the role its password, which is the one in userlist.txt: ALTER ROLE leo_pooler LOGIN PASSWORD '...';

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'leo_pooler') THEN
        CREATE ROLE leo_pooler NOLOGIN;
    END IF;
END $$;
ALTER ROLE leo_pooler NOSUPERUSER NOBYPASSRLS NOINHERIT;

CREATE SCHEMA IF NOT EXISTS leo_pooler;
REVOKE ALL ON SCHEMA leo_pooler FROM PUBLIC;
GRANT USAGE ON SCHEMA leo_pooler TO leo_pooler;

-- A SCRAM verifier, never a password, and of no role but ours.
CREATE OR REPLACE FUNCTION leo_pooler.login(asked text, OUT name text, OUT verifier text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT rolname::text, rolpassword FROM pg_authid
    WHERE rolname = asked AND (rolname = 'leo_app' OR rolname ~ '^leo_reader_[0-9a-f]{32}$') AND rolcanlogin AND NOT rolsuper
$$;
REVOKE ALL ON FUNCTION leo_pooler.login(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leo_pooler.login(text) TO leo_pooler;
