"""Where the server offers pgcrypto it is created and hashes as PostgreSQL itself does; nothing depends on it."""

import psycopg
import pytest


def test_pgcrypto_is_there_where_the_server_offers_it(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        offered = connection.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pgcrypto'").fetchone()
        if offered == (0,):
            pytest.skip("this PostgreSQL carries no pgcrypto: sha256() and gen_random_uuid() do what the schema needs")
        same = connection.execute("SELECT digest('LEO', 'sha256') = sha256('LEO')").fetchone()
    assert same == (True,)


def test_no_function_or_default_of_the_schema_uses_pgcrypto(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        users = connection.execute(
            """
            SELECT d.classid::regclass, d.objid
            FROM pg_depend d
            JOIN pg_depend member
              ON member.classid = d.refclassid AND member.objid = d.refobjid AND member.deptype = 'e'
            JOIN pg_extension e ON e.oid = member.refobjid AND e.extname = 'pgcrypto'
            WHERE d.deptype = 'n'
            """
        ).fetchall()
    assert users == []
