"""Tenant escape, table by table: whoever is inside one tenant, or in none, neither sees nor changes a row of another.

The tables come from PostgreSQL's catalogue and the victim has a row in each, so a table that is added is attacked too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from graph import cypher
from tests.conftest import Tenant
from tests.engine.acting import CATALOG, Connection, acting, values
from tests.every_table import ROWS, columns, fill, first_row, whole

# What no tenant owns: the schema's own description of itself.
SHARED = {"schema_migration", "graph_element", "graph_source", "reference_kept"}
# Of no tenant and about none: which process schedules, and what it has begun.
OF_WORKERS = {"scheduler", "clock_job"}
# All of one tenant is in one of each sixteen.
ARCHIVE_PARTS = {f"archive_{kind}_{n:02d}": f"archive_{kind}" for kind in ("decision", "delivery") for n in range(16)}
PARTITIONS = (*(f"marketing_event_{n:02d}" for n in range(16)), *ARCHIVE_PARTS)
# What leo_app may read of SHARED; the rest is its owner's.
READABLE = {"schema_migration", "graph_element", "graph_source"}


@pytest.fixture(scope="module")
def filled(admin_url: str, other_module_tenant: Tenant) -> tuple[Tenant, dict[str, tuple[str, int]]]:
    """A tenant with a row in every table, and what all of it comes to."""
    fill(admin_url, other_module_tenant)
    return other_module_tenant, whole(admin_url, other_module_tenant)


@pytest.fixture
def victim(admin_url: str, filled: tuple[Tenant, dict[str, tuple[str, int]]]) -> Iterator[Tenant]:
    """The tenant with a row in every table; whatever a test tried, nothing of it has changed."""
    attacked, before = filled
    yield attacked
    assert whole(admin_url, attacked) == before


@contextmanager
def _refused(connection: Connection) -> Iterator[None]:
    """Whatever comes, the transaction goes on."""
    with connection.transaction(force_rollback=True):
        yield


def _attempt(connection: Connection, statement: sql.Composed, parameters: Mapping[str, Any]) -> str:
    """Give what became of a statement: a number of rows, or the SQLSTATE of what refused it."""
    try:
        with _refused(connection):
            return str(connection.execute(statement, parameters).rowcount)
    except psycopg.Error as error:
        return error.sqlstate or type(error).__name__


def _tables(admin_url: str) -> dict[str, list[str]]:
    with acting(admin_url, "superuser") as connection:
        return columns(connection)


def test_every_table_has_a_row_that_is_attacked(admin_url: str, victim: Tenant) -> None:
    with acting(admin_url, "superuser") as connection:
        everything = set(values(connection, CATALOG["tables"]))
    bordered = everything - SHARED - OF_WORKERS - set(PARTITIONS)
    assert bordered == set(ROWS), "a table was added: add its row to tests/every_table.sql"
    empty = {table for table, (_, rows) in whole(admin_url, victim).items() if not rows}
    assert not empty - ARCHIVE_PARTS.keys()


PLACES = ("inside another tenant", "without a tenant")
ATTACKS: Mapping[str, str] = {
    "select": "SELECT * FROM {table} WHERE tenant_id = %(theirs)s",
    "select every row": "SELECT * FROM {table} t WHERE t.tenant_id IS DISTINCT FROM leo_tenant()",
    "lock": "SELECT * FROM {table} WHERE tenant_id = %(theirs)s FOR UPDATE",
    "update": "UPDATE {table} SET {column} = {column} WHERE tenant_id = %(theirs)s",
    "take over": "UPDATE {table} SET tenant_id = leo_tenant() WHERE tenant_id = %(theirs)s",
    "delete": "DELETE FROM {table} WHERE tenant_id = %(theirs)s",
    "insert": "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %(row)s)",
    "insert or keep": "INSERT INTO {table} ({columns})"
    " SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %(row)s) ON CONFLICT DO NOTHING",
    "merge": "MERGE INTO {table} t USING (SELECT 1) one ON t.tenant_id = %(theirs)s WHEN MATCHED THEN DELETE",
    "truncate": "TRUNCATE {table} CASCADE",
    "drop": "DROP TABLE {table} CASCADE",
    "unfence": "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
}
FORBIDDEN = "42501"
# What an attack may come to. LEO01 and LEO03 refuse any change of a record, whosesoever it is.
HARMLESS: Mapping[str, frozenset[str]] = {
    "insert": frozenset({FORBIDDEN}),
    "insert or keep": frozenset({FORBIDDEN}),
    "truncate": frozenset({FORBIDDEN}),
    "drop": frozenset({FORBIDDEN}),
    "unfence": frozenset({FORBIDDEN}),
}
NOTHING = frozenset({"0", FORBIDDEN, "LEO01", "LEO03"})


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_row_of_another_tenant_is_reached_in_any_table(
    admin_url: str, module_tenant: Tenant, victim: Tenant, attack: str, place: str
) -> None:
    with acting(admin_url, "superuser") as connection:
        rows = {table: first_row(connection, ARCHIVE_PARTS.get(table, table), victim) for table in columns(connection)}
    found = {}
    with acting(admin_url, "leo_app", module_tenant.tenant_id if place == PLACES[0] else None) as connection:
        for table, names in _tables(admin_url).items():
            statement = sql.SQL(ATTACKS[attack]).format(
                table=sql.Identifier(table),
                column=sql.Identifier(names[-1]),
                columns=sql.SQL(", ").join(map(sql.Identifier, names)),
            )
            given = {"theirs": victim.tenant_id, "row": json.dumps(dict(rows[table]))}
            found[table] = _attempt(connection, statement, given)
    assert len(found) > 60
    assert not {table: result for table, result in found.items() if result not in HARMLESS.get(attack, NOTHING)}


def test_the_attacks_reach_what_is_ones_own(admin_url: str, victim: Tenant) -> None:
    """Else they would find nothing for another reason than the border."""
    with acting(admin_url, "leo_app", victim.tenant_id) as connection:
        seen = {
            table: _attempt(connection, sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(table)), {})
            for table in _tables(admin_url)
        }
    assert {table for table, result in seen.items() if result != "1"} - ARCHIVE_PARTS.keys() == {"tenant_removal"}


@pytest.mark.parametrize("value", ["not a uuid", "00000000-0000-0000-0000-00000000000g", "' OR true --"])
def test_a_tenant_that_is_no_uuid_is_an_error_and_no_key(admin_url: str, victim: Tenant, value: str) -> None:
    with (
        pytest.raises(psycopg.errors.InvalidTextRepresentation),
        acting(admin_url, "leo_app") as connection,
    ):
        connection.execute("SELECT set_config('leo.tenant', %s, true)", (value,))
        connection.execute("SELECT count(*) FROM cdp_profiles WHERE tenant_id = %s", (victim.tenant_id,))


def test_what_no_tenant_owns_is_read_and_never_written_by_the_application(admin_url: str) -> None:
    with acting(admin_url, "leo_app") as connection:
        readable = set()
        for table in SHARED:
            name = sql.Identifier(table)
            if _attempt(connection, sql.SQL("SELECT FROM {}").format(name), {}) != FORBIDDEN:
                readable.add(table)
            assert _attempt(connection, sql.SQL("DELETE FROM {}").format(name), {}) == FORBIDDEN, table
    assert readable == READABLE


def test_a_tenants_reader_reaches_no_table_and_no_graph_but_its_own(
    admin_url: str, module_tenant: Tenant, victim: Tenant
) -> None:
    with acting(admin_url, "superuser") as connection:
        (reader,) = values(connection, "SELECT leo_reader(%s)", module_tenant.tenant_id)
        labels = values(connection, "SELECT label FROM graph_element")
        tables = values(connection, CATALOG["tables"])
        connection.execute(f"SET LOCAL ROLE {reader}")
        for table in tables:
            for action in ("SELECT count(*) FROM public.{}", "DELETE FROM public.{}"):
                assert _attempt(connection, sql.SQL(action).format(sql.Identifier(table)), {}) == FORBIDDEN, table
        for label in labels:
            theirs, ours = sql.Identifier(victim.graph, label), sql.Identifier(module_tenant.graph, label)
            assert _attempt(connection, sql.SQL("SELECT count(*) FROM {}").format(theirs), {}) == FORBIDDEN, label
            assert _attempt(connection, sql.SQL("SELECT count(*) FROM {}").format(ours), {}) == "1", label
            assert _attempt(connection, sql.SQL("DELETE FROM {}").format(ours), {}) == FORBIDDEN, label


# Functions that act with the rights of their owner, and why the application may call each.
TRUSTED: Mapping[str, str] = {
    "leo_archive": "moves what is old inside the tenant of the transaction, by its own judgement",
    "leo_analyze": "statistics of every table; gives nothing back",
    "leo_analyze_people": "statistics of people's tables; gives nothing back",
    "leo_take_in": "puts index entries in their place; gives their number",
    "leo_erase_profile": "acts inside the tenant of the transaction, which its owner is bound to as well",
    "leo_graph_differences": "compares inside the tenant of the transaction",
    "leo_graph_rebuild": "draws the graph of the tenant of the transaction",
    "leo_reader_login": "gives a login to the reader of the tenant of the transaction",
    "leo_reader_stop": "stops sessions of the reader of the tenant of the transaction",
    "leo_reader_make_room": "ends sessions of the reader of the tenant of the transaction, those that wait",
    "leo_reader_sweep": "ends sessions of the reader of the tenant of the transaction",
    "leo_route_api_key": "whose an API key is, by its hash",
    "leo_route_due": "which tenants have work in a lane",
    "leo_route_metrics": "how all work stands, as counts without a tenant",
    "leo_route_slug": "a tenant's id by its slug",
    "leo_route_tasks": "which tenants have a task to be worked on",
    "leo_route_unchecked": "which tenants' graphs were not compared with their tables for a while",
    "leo_route_tenants": "ids and slugs of the active tenants, for the command line",
    "leo_route_tokens": "which tenants have a token to be looked at",
    "leo_route_upkeep": "which tenants have data to be looked after",
    "leo_route_webhook": "whose channel a webhook's address names",
}


def test_the_application_calls_only_these_functions_with_anothers_rights(admin_url: str) -> None:
    with acting(admin_url, "superuser") as connection:
        assert set(values(connection, CATALOG["trusted_functions"])) == TRUSTED.keys()
        assert values(connection, CATALOG["loose_functions"]) == []


_PATTERNS = {"vertex": "(n:{label})", "edge": "()-[n:{label}]->()"}


def _counted(connection: Connection, graph: str, label: str, kind: str) -> list[int]:
    """Ask as the application asks: through the wrapping of its own Cypher files."""
    pattern = _PATTERNS[kind].format(label=label)
    query = cypher.parse("count", f"// Counts.\n// kind: read\n// returns: n bigint\nMATCH {pattern} RETURN count(n)")
    cursor = psycopg.RawCursor(connection)
    return [row[0] for row in cursor.execute(query.sql(graph), (query.arguments({}),)).fetchall()]


@pytest.mark.parametrize("place", PLACES)
def test_the_graph_of_another_tenant_answers_nothing_through_cypher(
    admin_url: str, module_tenant: Tenant, victim: Tenant, place: str
) -> None:
    """leo_app may read every graph's tables: the border is the condition that each query is wrapped with."""
    with acting(admin_url, "superuser") as connection:
        labels = connection.execute("SELECT label, kind FROM graph_element").fetchall()
    assert len(labels) > 20
    with acting(admin_url, "leo_app", module_tenant.tenant_id if place == PLACES[0] else None) as connection:
        theirs = {label: _counted(connection, victim.graph, label, kind) for label, kind in labels}
    with acting(admin_url, "leo_app", victim.tenant_id) as connection:
        own = {label: _counted(connection, victim.graph, label, kind) for label, kind in labels}
    assert not {label: counts for label, counts in theirs.items() if counts}
    assert all(len(counts) == 1 for counts in own.values())
    assert own["Profile"][0] > 0


PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_the_page_about_roles_is_what_they_may_do(admin_url: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    called = page[page.index("`leo_app` may call") : page.index("`leo_router` sees")]
    assert set(re.findall(r"`(leo_\w+)`", called)) - {"leo_app"} == TRUSTED.keys()
    sees = page[page.index("`leo_router` sees") : page.index("## Keys")]
    told = {
        table: set(re.findall(r"`(\w+)`", columns))
        for table, columns in re.findall(r"^\| `(\w+)` \| (.*) \|$", sees, re.MULTILINE)
    }
    with acting(admin_url, "superuser") as connection:
        granted = dict(connection.execute(CATALOG["router_columns"]).fetchall())
        writes = values(connection, CATALOG["rights_beyond_columns"])
    assert told == {table: set(columns) for table, columns in granted.items()}
    assert writes == []
