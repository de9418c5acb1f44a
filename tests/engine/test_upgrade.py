"""`leo db upgrade` from every released schema, with the data of a demo that was played on it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from engine import audit, bootstrap
from engine import trace as traces
from engine.bootstrap import Applied, expected_schema
from engine.db import Database
from engine.explain.replay import replay
from engine.settings import Settings
from graph import mirror
from rules.errors import Misconfigured
from tests.conftest import drop_database
from tests.engine import releases
from tests.engine.acting import CATALOG, acting, values
from tests.engine.releases import Released

# The audit ledger takes what no open transaction can still precede: mark, barrier, settled.
LOOKS, PAUSE_S = 3, 1.1
Rows = dict[str, list[Any]]
_NUMBERED = re.compile(r"^(relation|function) \d+ ")


@pytest.fixture(scope="module", params=releases.VERSIONS, ids="from_{}".format)
def released(request: pytest.FixtureRequest, admin_url: str) -> Iterator[tuple[Released, Rows]]:
    """A database of that version, upgraded, and what was in it before."""
    with releases.database(admin_url) as url:
        filled = releases.fill(url, request.param)
        before = filled.content(url)
        assert bootstrap.upgrade(url) == Applied(request.param, expected_schema())
        yield filled, before
        drop_database(admin_url, filled.name)


@pytest.fixture(scope="module")
def upgraded(released: tuple[Released, Rows]) -> Released:
    return released[0]


@pytest.fixture(scope="module")
async def opened(settings: Settings, database_url: str, upgraded: Released) -> AsyncIterator[Database]:
    async with Database.open(upgraded.beside(database_url), settings) as db:
        yield db


def test_every_release_before_this_one_is_tried() -> None:
    assert list(range(1, expected_schema())) == releases.VERSIONS


def test_no_row_is_lost_or_altered(released: tuple[Released, Rows]) -> None:
    filled, before = released
    assert min(len(before[table]) for table in ("decision", "delivery_log", "delivery_attempt", "outcome")) > 0
    assert filled.content(filled.url) == before


def test_it_is_the_schema_of_a_new_database(upgraded: Released, admin_url: str) -> None:
    made, fresh = (_lines(url) for url in (upgraded.url, admin_url))
    assert sorted(made - fresh) == []
    assert sorted(fresh - made) == []


async def test_the_graph_is_the_one_of_the_tables(opened: Database, upgraded: Released) -> None:
    async with opened.transaction(upgraded.tenant_id) as connection:
        differences = await mirror.compare(connection)
    assert differences
    assert [each for each in differences if each.total] == []


async def test_all_that_was_recorded_can_be_sealed_and_verified(
    opened: Database, released: tuple[Released, Rows]
) -> None:
    upgraded, before = released
    sealed = 0
    for _ in range(LOOKS):
        async with opened.transaction(upgraded.tenant_id) as connection:
            sealed += (await audit.seal(connection, tenant_id=upgraded.tenant_id)).records
        await asyncio.sleep(PAUSE_S)
    async with opened.transaction(upgraded.tenant_id) as connection:
        found = await audit.verify(connection, tenant_id=upgraded.tenant_id)
    recorded = sum(len(before[table]) for table in ("decision", "delivery_log", "outcome"))
    assert (found.finding, found.records, sealed) == (None, recorded, recorded)


async def test_old_decisions_replay_and_can_be_traced(opened: Database, upgraded: Released) -> None:
    async with opened.transaction(upgraded.tenant_id, read_only=True) as connection:
        rows = await (await connection.execute("SELECT decision_id, profile_id FROM decision")).fetchall()
        for row in rows:
            again = await replay(connection, tenant_id=upgraded.tenant_id, decision_id=row["decision_id"])
            assert again.to_document()["changed"] == [], again.to_document()
        root = await traces.find(connection, str(rows[0]["decision_id"]))
        found = await traces.trace(connection, root)
    assert [journey.decision_id for journey in found.journeys] == [rows[0]["decision_id"]]


def test_a_second_upgrade_changes_nothing(upgraded: Released) -> None:
    before = _lines(upgraded.url)
    assert bootstrap.upgrade(upgraded.url) == Applied(expected_schema(), expected_schema())
    assert _lines(upgraded.url) == before


def test_a_newer_schema_is_left_alone(admin_url: str) -> None:
    newer = expected_schema() + 1
    with acting(admin_url, "leo_owner") as connection:
        connection.execute("INSERT INTO schema_migration (version) VALUES (%s)", (newer,))
    before = _lines(admin_url)
    try:
        with pytest.raises(Misconfigured, match=f"schema version {newer}, newer than"):
            bootstrap.upgrade(admin_url)
        assert _lines(admin_url) == before
    finally:
        with acting(admin_url, "leo_owner") as connection:
            connection.execute("DELETE FROM schema_migration WHERE version = %s", (newer,))


def test_an_upgrade_that_fails_leaves_the_old_schema_whole(admin_url: str) -> None:
    """It is one transaction; a table that an administrator took over stops it half-way here."""
    with releases.database(admin_url) as url:
        filled = releases.fill(url, releases.VERSIONS[0])
        with psycopg.connect(url) as connection:
            connection.execute("ALTER TABLE outcome OWNER TO CURRENT_USER")
        before = _lines(url)
        with pytest.raises(Misconfigured):
            bootstrap.upgrade(url)
        assert _lines(url) == before
        with acting(url, "superuser") as connection:
            assert values(connection, "SELECT max(version) FROM schema_migration") == [filled.version]
        drop_database(admin_url, filled.name)


def _lines(url: str) -> set[str]:
    """All that a schema is, without the numbers that PostgreSQL gives and the columns that were dropped."""
    with acting(url, "superuser") as connection:
        row = connection.execute(CATALOG["everything"]).fetchone()
    assert row is not None
    lines = (_NUMBERED.sub(r"\1", line) for line in row[0].splitlines())
    return {line for line in lines if "........pg.dropped" not in line}
