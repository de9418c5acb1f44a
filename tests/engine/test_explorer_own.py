"""Expanding asks in a session that stays: only what LEO wrote runs in it, for one tenant, and it can be ended."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from engine import explorer
from engine.credentials import Vault
from engine.db import Database
from engine.explorer import Asker, Limits
from engine.explorer.watch import TimedOut
from engine.idle import Idle
from engine.settings import Settings
from tests.conftest import Tenant

SESSIONS = """
    SELECT application_name, pid FROM pg_stat_activity
    WHERE datname = current_database() AND usename = leo_reader(%s) ORDER BY pid
"""
WAITING = "leo explorer waiting"
PERSON = "MATCH (p:Profile) RETURN p.ext_id"

Expand = Callable[..., Awaitable[explorer.Expanded]]
Sessions = Callable[[Tenant], list[tuple[str, int]]]


@pytest.fixture
def expand(db: Database, vault: Vault, tenant: Tenant) -> Expand:
    """Expand a person whom two others know; each tenant has one."""
    nodes: dict[Any, str] = {}

    async def expanding(whose: Tenant = tenant, through: Database = db, limits: Limits = explorer.LIMITS) -> Any:
        asker = Asker(whose.tenant_id, "key:1")
        if whose.tenant_id not in nodes:
            nodes[whose.tenant_id] = await _known(db, vault, asker)
        return await explorer.expand(through, vault, asker, nodes[whose.tenant_id], limits=limits)

    return expanding


async def _known(db: Database, vault: Vault, asker: Asker) -> str:
    async with db.transaction(asker.tenant_id) as connection:
        await connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id) SELECT leo_tenant(), n FROM unnest('{mai,lan,hoa}'::text[]) n"
        )
        await connection.execute(
            "INSERT INTO profile_relation (tenant_id, profile_id, kind, target_profile_id, weight)"
            " SELECT leo_tenant(), a.profile_id, 'KNOWS', b.profile_id, 1 FROM cdp_profiles a, cdp_profiles b"
            " WHERE a.ext_id <> 'mai' AND b.ext_id = 'mai'"
        )
    asked = await explorer.ask(db, vault, asker, "MATCH (p:Profile) WHERE p.ext_id = 'mai' RETURN p", {})
    return asked.graph.nodes[0].id


@pytest.fixture
def sessions(admin_url: str) -> Sessions:
    """Sessions of a tenant's reader, as the server knows them."""

    def of(whose: Tenant) -> list[tuple[str, int]]:
        with psycopg.connect(admin_url) as connection:
            return connection.execute(SESSIONS, (whose.tenant_id,)).fetchall()

    return of


async def test_the_second_expansion_asks_in_the_session_of_the_first(
    expand: Expand, sessions: Sessions, tenant: Tenant
) -> None:
    first = await expand()
    assert {node.properties["ext_id"] for node in first.graph.nodes} == {"lan", "hoa"}
    before = sessions(tenant)
    assert [name for name, _ in before] == [WAITING]
    assert (await expand()).graph == first.graph
    assert sessions(tenant) == before


async def test_what_somebody_wrote_never_runs_in_it(
    expand: Expand, db: Database, vault: Vault, sessions: Sessions, tenant: Tenant, admin_url: str
) -> None:
    await expand()
    (waiting,) = sessions(tenant)
    with psycopg.connect(admin_url) as connection:
        connection.execute(f'LOCK TABLE {tenant.graph}."Profile" IN ACCESS EXCLUSIVE MODE')
        asking = asyncio.create_task(explorer.ask(db, vault, Asker(tenant.tenant_id, "key:1"), PERSON, {}))
        while len(found := sessions(tenant)) < 2:  # noqa: ASYNC110 - another process has to be looked at
            await asyncio.sleep(0.01)
        assert waiting in found
    assert len((await asking).rows) == 3
    assert sessions(tenant) == [waiting]


async def test_each_tenant_has_its_own(
    expand: Expand, sessions: Sessions, tenant: Tenant, other_tenant: Tenant
) -> None:
    await expand()
    await expand(other_tenant)
    (own,), (other,) = sessions(tenant), sessions(other_tenant)
    assert own[1] != other[1]
    await expand()
    assert (sessions(tenant), sessions(other_tenant)) == ([own], [other])


async def test_one_that_takes_too_long_is_ended_and_the_next_is_answered(
    expand: Expand, sessions: Sessions, tenant: Tenant, admin_url: str
) -> None:
    await expand()
    with psycopg.connect(admin_url) as connection:
        connection.execute(f'LOCK TABLE {tenant.graph}."KNOWS" IN ACCESS EXCLUSIVE MODE')
        with pytest.raises(TimedOut):
            await expand(limits=Limits(time_s=0.2, grace_s=2))
    assert sessions(tenant) == []
    assert len((await expand()).graph.nodes) == 2


async def test_one_that_the_server_ended_meanwhile_is_replaced(
    expand: Expand, sessions: Sessions, tenant: Tenant, admin_url: str
) -> None:
    await expand()
    ((_, pid),) = sessions(tenant)
    with psycopg.connect(admin_url) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert len((await expand()).graph.nodes) == 2
    assert sessions(tenant)[0][1] != pid


async def test_sessions_that_wait_make_room_for_who_asks(
    expand: Expand,
    vault: Vault,
    db: Database,
    sessions: Sessions,
    tenant: Tenant,
    settings: Settings,
    database_url: str,
) -> None:
    """Four processes keep one each, which is as many as a reader may have."""
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await expand(through=await stack.enter_async_context(Database.open(database_url, settings)))
        assert [name for name, _ in sessions(tenant)] == [WAITING] * 4
        asked = await explorer.ask(db, vault, Asker(tenant.tenant_id, "key:1"), PERSON, {})
        assert len(asked.rows) == 3
    assert sessions(tenant) == []


async def test_few_wait_and_not_for_long(database_url: str) -> None:
    idle = Idle(most=2, kept_s=0.05)
    opened = [await psycopg.AsyncConnection.connect(database_url, autocommit=True) for _ in range(3)]
    for key, one in enumerate(opened):
        idle.keep(key, (one, "leo_any"))
    assert opened[0].closed
    assert idle.take(1) == (opened[1], "leo_any")
    assert idle.take(1) is None
    await asyncio.sleep(0.1)
    assert opened[2].closed
    await opened[1].close()
