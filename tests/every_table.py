"""A tenant with a row in every table, and what all of it comes to, so that any change of it is seen."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from engine.queries import parse
from tests.conftest import Tenant

ROWS = parse(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"), file="every_table.sql")
_PARTS = (
    "SELECT c.relname, array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') FROM pg_class c"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    " GROUP BY c.relname HAVING bool_or(a.attname = 'tenant_id') ORDER BY c.relname"
)
_WHOLE = (
    "SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')), count(*) FROM {} t WHERE tenant_id = %s"
)

# What nobody but its owner writes.
OWNED = {"tenant_removal", "archive_decision", "archive_delivery"}

Connection = psycopg.Connection[Any]


def fill(admin_url: str, tenant: Tenant) -> None:
    """Write every row of every_table.sql, as the application where it may, else as the owner."""
    with closing(psycopg.connect(admin_url)) as connection, connection:
        connection.execute("SET LOCAL search_path = public, ag_catalog")
        connection.execute("SELECT set_config('leo.tenant', %s, true)", (str(tenant.tenant_id),))
        for table, statement in ROWS.items():
            connection.execute("SET LOCAL ROLE leo_owner" if table in OWNED else "SET LOCAL ROLE leo_app")
            connection.execute(statement)


def columns(connection: Connection) -> dict[str, list[str]]:
    """Give each table and partition that has a tenant, with its columns that can be written."""
    return dict(connection.execute(_PARTS).fetchall())


def first_row(connection: Connection, table: str, tenant: Tenant) -> Mapping[str, Any]:
    """Give one row as JSON; the caller sees everything."""
    statement = sql.SQL("SELECT to_jsonb(t) FROM {} t WHERE tenant_id = %s LIMIT 1").format(sql.Identifier(table))
    row = connection.execute(statement, (tenant.tenant_id,)).fetchone()
    assert row is not None, f"{table} has no row: add one to tests/every_table.sql"
    found: Mapping[str, Any] = row[0]
    return found


def whole(admin_url: str, tenant: Tenant) -> dict[str, tuple[str, int]]:
    """Give for each table a hash over the tenant's rows and their number, seen as a superuser."""
    with closing(psycopg.connect(admin_url)) as connection, connection:
        # The text of a value depends on these.
        connection.execute("SET LOCAL timezone = 'UTC'")
        connection.execute("SET LOCAL search_path = public, ag_catalog")
        found: dict[str, tuple[str, int]] = {}
        for table in columns(connection):
            statement = sql.SQL(_WHOLE).format(sql.Identifier(table))
            row = connection.execute(statement, (tenant.tenant_id,)).fetchone()
            assert row is not None
            found[table] = (row[0], row[1])
        return found
