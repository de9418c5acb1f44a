"""`compare` finds whatever was done to a graph behind its tables' back; `rebuild` draws it anew."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest

from engine.db import Database, Transaction
from graph.mirror import Difference, analyze, compare, rebuild
from rules.errors import NotFound
from tests.conftest import Tenant


@pytest.fixture
def owner(admin_url: str, tenant: Tenant) -> Iterator[psycopg.Connection[Any]]:
    """Someone who can reach behind the mirror, with a few people and their acquaintances in the tables."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("SET search_path = public, ag_catalog")
        connection.execute("SELECT '0'::agtype, set_config('leo.tenant', %s, false)", (str(tenant.tenant_id),))
        connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id) SELECT leo_tenant(), 'p' || n FROM generate_series(1, 5) n"
        )
        connection.execute(
            "INSERT INTO profile_relation (tenant_id, profile_id, kind, target_profile_id)"
            " SELECT tenant_id, profile_id, 'KNOWS', profile_id FROM cdp_profiles WHERE tenant_id = leo_tenant()"
        )
        yield connection


async def found(db: Database, tenant: Tenant) -> dict[str, Difference]:
    async with db.transaction(tenant.tenant_id) as connection:
        return {difference.label: difference for difference in await compare(connection) if difference.total}


async def test_a_new_graph_equals_its_tables(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        differences = await compare(connection)
        labels = await (await connection.execute("SELECT label FROM graph_element")).fetchall()
    assert {difference.label for difference in differences} >= {row["label"] for row in labels}
    assert sum(difference.total for difference in differences) == 0


@pytest.mark.parametrize(
    ("harm", "label", "expected"),
    [
        (
            """DELETE FROM {graph}."Profile" WHERE id = (SELECT id FROM {graph}."Profile" LIMIT 1)""",
            "Profile",
            (1, 0, 0),
        ),
        ("""INSERT INTO {graph}."Profile" (properties) VALUES ('{{"profile_id": 1}}')""", "Profile", (0, 1, 0)),
        ("""UPDATE {graph}."Profile" SET properties = '{{"ext_id": "x"}}'""", "Profile", (0, 0, 5)),
        ("""DELETE FROM {graph}."KNOWS" """, "KNOWS", (5, 0, 0)),
        (
            """UPDATE {graph}."KNOWS" SET end_id = (SELECT id FROM {graph}."Profile" ORDER BY id LIMIT 1)""",
            "KNOWS",
            (0, 0, 4),
        ),
        ("""SELECT drop_label('{graph}', 'KNOWS')""", "KNOWS", (5, 0, 0)),
        ("""SELECT drop_label('{graph}', 'VIA')""", "VIA", (1, 0, 0)),
        ("""SELECT * FROM cypher('{graph}', $$ CREATE (:Stranger) $$) AS (a agtype)""", "Stranger", (0, 1, 0)),
        ("""SELECT * FROM cypher('{graph}', $$ CREATE () $$) AS (a agtype)""", "_ag_label_vertex", (0, 1, 0)),
    ],
)
async def test_what_was_changed_by_hand_is_counted_and_mended(
    db: Database, tenant: Tenant, owner: psycopg.Connection[Any], harm: str, label: str, expected: tuple[int, int, int]
) -> None:
    owner.execute(harm.format(graph=tenant.graph))
    differences = await found(db, tenant)
    assert {name: (each.missing, each.extra, each.different) for name, each in differences.items()} == {label: expected}
    async with db.transaction(tenant.tenant_id) as connection:
        assert await rebuild(connection) == 10
    assert await found(db, tenant) == {}


async def test_a_graph_that_is_gone_is_missing_altogether_and_drawn_anew(
    db: Database, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    owner.execute("SELECT drop_graph(%s, true)", (tenant.graph,))
    assert (await found(db, tenant))["Profile"].missing == 5
    async with db.transaction(tenant.tenant_id) as connection:
        assert await rebuild(connection) == 10
    assert await found(db, tenant) == {}


def test_writes_to_a_graph_that_was_changed_by_hand_are_refused(tenant: Tenant, owner: psycopg.Connection[Any]) -> None:
    owner.execute(f'DELETE FROM {tenant.graph}."Profile"')  # noqa: S608
    for statement in ("UPDATE cdp_profiles SET status = 'deleted'", "DELETE FROM cdp_profiles"):
        with pytest.raises(psycopg.Error, match="behind") as refused:
            owner.execute(statement + " WHERE tenant_id = leo_tenant()")
        assert refused.value.sqlstate == "LEO05"
    assert owner.execute("SELECT count(*) FROM cdp_profiles WHERE tenant_id = leo_tenant()").fetchone() == (5,)


async def test_a_rebuilt_graph_goes_on_mirroring(db: Database, tenant: Tenant, owner: psycopg.Connection[Any]) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        await rebuild(connection)
        await connection.execute("UPDATE cdp_profiles SET status = 'deleted'")
        await connection.execute("DELETE FROM profile_relation")
    owner.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), 'later')")
    assert await found(db, tenant) == {}


async def test_one_tenants_rebuild_leaves_the_other_alone(
    db: Database, tenant: Tenant, other_tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    owner.execute(f'DELETE FROM {tenant.graph}."KNOWS"')  # noqa: S608
    async with db.transaction(other_tenant.tenant_id) as connection:
        assert await rebuild(connection) == 0
    assert (await found(db, tenant))["KNOWS"].missing == 5


async def test_without_a_tenant_there_is_nothing_to_compare(db: Database) -> None:
    for question in (compare, rebuild):
        with pytest.raises(NotFound):
            async with db.before_tenant() as connection:
                await question(connection)


@pytest.mark.parametrize("how", [analyze, rebuild])
async def test_the_planner_learns_how_large_a_graph_is(
    db: Database,
    tenant: Tenant,
    owner: psycopg.Connection[Any],
    how: Callable[[Transaction], Awaitable[object]],
) -> None:
    size = "SELECT reltuples FROM pg_class WHERE oid = %s::regclass"
    label = f'{tenant.graph}."Profile"'
    assert owner.execute(size, (label,)).fetchone() == (-1,)
    async with db.transaction(tenant.tenant_id) as connection:
        await how(connection)
    assert owner.execute(size, (label,)).fetchone() == (5,)
