"""Acting on a database of the tests as any role, with or without a tenant."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from engine.queries import parse

Connection = psycopg.Connection[Any]

CATALOG = parse(Path(__file__).with_name("catalog.sql").read_text(encoding="utf-8"), file="catalog.sql")
# A session that replicates fires only what is enabled ALWAYS.
ROLES = ("leo_app", "leo_owner", "superuser", "replica")


@contextmanager
def acting(admin_url: str, role: str, tenant_id: UUID | None = None) -> Iterator[Connection]:
    """One transaction as `role`, committed at its end."""
    # psycopg leaves a connection open whose commit fails, as it may where a check waits for it.
    with closing(psycopg.connect(admin_url)) as connection, connection:
        connection.execute("SELECT '0'::ag_catalog.agtype")
        connection.execute("SET LOCAL search_path = public, ag_catalog")
        if role == "replica":
            connection.execute("SET LOCAL session_replication_role = replica")
        if tenant_id is not None:
            connection.execute("SELECT set_config('leo.tenant', %s, true)", (str(tenant_id),))
        if role.startswith("leo_"):
            connection.execute(f"SET LOCAL ROLE {role}")
        yield connection


def values(connection: Connection, statement: str, *parameters: Any) -> list[Any]:
    """The first column of every row."""
    return [row[0] for row in connection.execute(statement, parameters).fetchall()]
