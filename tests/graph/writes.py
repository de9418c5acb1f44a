"""The writes of writes.sql, and those whose table is chosen at run time, each a function of two numbers from 0 to 5.

A write may be refused; what it may not do is leave the graph behind.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from engine.queries import parse

Connection = psycopg.Connection[Any]
Write = Callable[[Connection, UUID, int, int], None]

# What an agtype string could stumble over.
NAMES = ("Bảo 'quoted'", 'Chi "double"', "back\\slash", "{brace: $1}", "", "dấu\nxuống 🙂")
STATUSES = ("active", "deleted")
WEIGHTS = (0.0, -0.0, 1.0, 0.0, 1e-300, 1e300)
MOMENTS = (
    "2026-01-01 00:00+07",
    "1999-12-31 23:59:59.999999Z",
    "infinity",
    "-infinity",
    "0044-03-15 BC",
    "9999-01-01Z",
)
TRUNCATED = ("cdp_profiles", "marketing_event", "marketing_event_07", "segment_member", "profile_relation", "outcome")
EMPTIED = ("outcome", "delivery_log", "decision", "campaign_run", "channel", "message_template", "agent_task")
QUERIES = parse(Path(__file__).with_name("writes.sql").read_text(encoding="utf-8"), file="writes.sql")


def _query(name: str, connection: Connection, tenant_id: UUID, a: int, b: int) -> None:
    chosen = {"name": NAMES[b], "status": STATUSES[a % 2], "weight": WEIGHTS[a], "at": MOMENTS[a]}
    connection.execute(QUERIES[name], {"t": tenant_id, "a": a, "b": b, **chosen})


def _on_table(connection: Connection, statement: str, table: str, *values: Any) -> None:
    connection.execute(sql.SQL(statement).format(sql.Identifier(table)), values)


def copy_profiles(connection: Connection, tenant_id: UUID, a: int, b: int) -> None:
    with connection.cursor().copy("COPY cdp_profiles (tenant_id, ext_id, name) FROM STDIN") as copy:
        for number in range(a, a + b):
            copy.write_row((tenant_id, f"c{number}", NAMES[number % len(NAMES)]))


def insert_event_into_its_partition(connection: Connection, tenant_id: UUID, a: int, b: int) -> None:
    event_id = 10_000_000 + 100 * a + b
    row = connection.execute(
        "SELECT i FROM generate_series(0, 15) i"
        " WHERE satisfies_hash_partition('marketing_event'::regclass, 16, i, %s::uuid, %s::bigint)",
        (tenant_id, event_id),
    ).fetchone()
    assert row is not None
    statement = "INSERT INTO {} (tenant_id, event_id, type) VALUES (%s, %s, 'straight')"
    _on_table(connection, statement, f"marketing_event_{row[0]:02}", tenant_id, event_id)


def update_events_in_a_partition(connection: Connection, tenant_id: UUID, a: int, b: int) -> None:
    statement = "UPDATE {} SET type = %s, profile_id = NULL WHERE tenant_id = %s"
    _on_table(connection, statement, f"marketing_event_{(a * 6 + b) % 16:02}", f"t{b}", tenant_id)


def delete_events_in_a_partition(connection: Connection, tenant_id: UUID, a: int, b: int) -> None:
    _on_table(connection, "DELETE FROM {} WHERE tenant_id = %s", f"marketing_event_{(a * 6 + b) % 16:02}", tenant_id)


def delete_in_the_middle(connection: Connection, tenant_id: UUID, a: int, b: int) -> None:
    _on_table(connection, "DELETE FROM {} WHERE tenant_id = %s", EMPTIED[(a + b) % len(EMPTIED)], tenant_id)


def truncate(connection: Connection, tenant_id: UUID, a: int, b: int) -> None:
    del tenant_id
    _on_table(connection, "TRUNCATE {} CASCADE" if b % 2 else "TRUNCATE {}", TRUNCATED[a])


WRITES: dict[str, Write] = {name: partial(_query, name) for name in QUERIES}
WRITES |= {
    write.__name__: write
    for write in (
        copy_profiles,
        insert_event_into_its_partition,
        update_events_in_a_partition,
        delete_events_in_a_partition,
        delete_in_the_middle,
        truncate,
    )
}
