"""What every file of cypher/ keeps to: it plans, reads only what it says, and is used by one function."""

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncRawCursor

from engine.db import Database
from graph import components, neighbourhood, trace
from graph.cypher import CypherQuery, library
from tests.conftest import Tenant

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "cypher").glob("*.cypher"))
# The function that gives each file its parameters.
USERS: dict[str, Callable[..., object]] = {
    "duplicates": components.page,
    "neighbourhood": neighbourhood.parameters,
    "trace": trace.parameters,
}

each_query = pytest.mark.parametrize("query", library().values(), ids=lambda query: query.name)


def _code(query: CypherQuery) -> str:
    return "\n".join(line.partition("//")[0] for line in query.text.splitlines())


def test_every_file_is_a_query_and_its_header_parses() -> None:
    assert [file.name for file in FILES] == [f"{name}.cypher" for name in sorted(library())]


@each_query
async def test_it_plans_against_the_schema(db: Database, tenant: Tenant, query: CypherQuery) -> None:
    async with db.transaction(tenant.tenant_id, read_only=True) as connection:
        cursor = AsyncRawCursor(connection)
        await cursor.execute(f"PREPARE planned (ag_catalog.agtype) AS {query.sql(tenant.graph)}")
        await cursor.execute("EXPLAIN (GENERIC_PLAN) " + query.sql(tenant.graph))
        plan = "\n".join(row["QUERY PLAN"] for row in await cursor.fetchall())
        await cursor.execute("DEALLOCATE planned")
    # What AGE makes of a label that it does not know.
    assert "One-Time Filter: false" not in plan


@each_query
async def test_its_columns_are_those_declared(db: Database, tenant: Tenant, query: CypherQuery) -> None:
    """AGE refuses a query that returns another number of columns than it declares."""
    async with db.transaction(tenant.tenant_id, read_only=query.kind == "read") as connection:
        cursor = AsyncRawCursor(connection)
        await cursor.execute(query.sql(tenant.graph), (json.dumps(dict.fromkeys(query.parameters, 1)),))
        assert cursor.description is not None
        assert tuple(column.name for column in cursor.description) == tuple(name for name, _ in query.columns)


@each_query
async def test_its_labels_are_declared(db: Database, tenant: Tenant, query: CypherQuery) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await (await connection.execute("SELECT label FROM graph_element")).fetchall()
    assert query.labels
    assert query.labels <= {row["label"] for row in rows}


@each_query
def test_its_parameters_are_the_names_its_function_takes(query: CypherQuery) -> None:
    assert query.parameters == set(inspect.signature(USERS[query.name]).parameters)


@each_query
def test_one_function_uses_it(query: CypherQuery) -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("graph", "engine", "api")
        for path in (ROOT / folder).rglob("*.py")
    ]
    uses = sum(len(re.findall(rf'library\(\)\["{query.name}"\]', source)) for source in sources)
    assert uses == 1
    assert USERS.keys() == library().keys()


@each_query
async def test_it_only_reads_where_it_says_so(db: Database, tenant: Tenant, query: CypherQuery) -> None:
    async def run() -> None:
        async with db.transaction(tenant.tenant_id) as connection:
            await connection.execute("SET TRANSACTION READ ONLY")
            arguments = (json.dumps(dict.fromkeys(query.parameters, 1)),)
            await AsyncRawCursor(connection).execute(query.sql(tenant.graph), arguments)

    if query.kind == "read":
        await run()
    else:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await run()


@each_query
def test_it_keeps_to_what_was_measured(query: CypherQuery) -> None:
    """Fixed lengths and WHERE on an indexed id: a map match needs another index, `[*]` loads the whole graph."""
    code = _code(query)
    assert not re.search(r"\[[^\]]*\*", code)
    assert not re.search(r"[(\[][^()\[\]]*:\s*\w+\s*\{", code)
    assert not re.search(r"\(\s*\)", code), "an un-labelled node walks every label"


def test_a_read_only_transaction_refuses_cypher_writes(admin_url: str, tenant: Tenant) -> None:
    with psycopg.connect(admin_url) as connection:
        connection.execute("SELECT '0'::ag_catalog.agtype")
        connection.execute("SET search_path = public, ag_catalog")
        connection.commit()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            _create(connection, tenant.graph)


def _create(connection: psycopg.Connection[Any], graph: str) -> None:
    connection.execute("SET TRANSACTION READ ONLY")
    connection.execute(f"SELECT * FROM cypher('{graph}', $$ CREATE (:Profile {{profile_id: 1}}) $$) AS (a agtype)")  # noqa: S608
