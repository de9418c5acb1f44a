"""What the clock asks for: a missed time is made up for at once, once; what a lost worker had begun is begun again."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from arq.connections import ArqRedis

from engine import lanes
from engine.db import Database
from engine.worker import graph_check
from engine.worker.schedule import BY_CLOCK_S, WORKS, Scheduler, by_clock
from rules.words import Lane
from tests.conftest import Tenant
from tests.engine.acting import acting
from tests.engine.world import World


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[ArqRedis]:
    made = lanes.connect(redis_url)
    await made.flushdb()
    yield made
    await made.flushdb()
    await made.aclose()


@pytest.fixture
async def scheduler(db: Database, client: ArqRedis) -> AsyncIterator[Scheduler]:
    async with db.before_tenant() as conn:
        await conn.execute("DELETE FROM clock_job")
    made = Scheduler(db, client, owner="cron", rank=WORKS)
    yield made
    await made.release()


async def _rung(client: ArqRedis) -> list[tuple[str, int]]:
    """Take what was rung for: job and slot."""
    ids = [name.decode() for name in await client.zrange(lanes.queue_name(Lane.BULK), 0, -1)]
    await client.flushdb()
    pairs = [name.rpartition(":") for name in ids]
    return sorted((job, int(slot)) for job, _, slot in pairs if job in BY_CLOCK_S)


def _context(db: Database, owner: str) -> dict[str, Any]:
    return {"hands": SimpleNamespace(db=db, owner=owner, stop=asyncio.Event())}


async def _begin(db: Database, name: str, slot: int, *, owner: str = "worker 1") -> bool:
    """Do a job for a slot, and say whether it was begun."""
    begun = False

    async def work(_: dict[str, Any]) -> None:
        nonlocal begun
        begun = True

    await by_clock(name, work).coroutine(_context(db, owner), slot)
    return begun


async def test_what_fell_due_while_nobody_was_at_work_is_rung_for_at_the_first_look_once(
    db: Database, scheduler: Scheduler, client: ArqRedis
) -> None:
    assert await scheduler.tick()
    first = await _rung(client)
    assert {job for job, _ in first} == set(BY_CLOCK_S)
    for job, slot in first:
        # As if the last time had been two hours ago.
        assert await _begin(db, job, slot - int(2 * 3600 // BY_CLOCK_S[job]))
    again = Scheduler(db, client, owner="cron", rank=WORKS)
    assert await again.tick()
    rung = await _rung(client)
    assert {job for job, _ in rung} == set(BY_CLOCK_S)
    assert len(rung) == len(BY_CLOCK_S)
    for job, slot in rung:
        assert [await _begin(db, job, slot) for _ in range(2)] == [True, False]
    later = Scheduler(db, client, owner="cron", rank=WORKS)
    assert await later.tick()
    done = dict(rung)
    # What is due every few seconds may be due once more by now.
    assert [(job, slot) for job, slot in await _rung(client) if slot <= done[job]] == []


async def test_what_a_stopped_worker_was_at_is_begun_again_by_another_at_once(
    db: Database, scheduler: Scheduler, client: ArqRedis
) -> None:
    assert await scheduler.tick()
    slot = dict(await _rung(client))[lanes.TIDY]
    at_work = asyncio.Event()

    async def work(_: dict[str, Any]) -> None:
        at_work.set()
        await asyncio.Event().wait()

    context = _context(db, "worker 1")
    job = asyncio.create_task(by_clock(lanes.TIDY, work).coroutine(context, slot))
    await at_work.wait()
    assert not await _begin(db, lanes.TIDY, slot, owner="worker 2")
    context["hands"].stop.set()
    job.cancel()
    await asyncio.wait([job])
    assert await Scheduler(db, client, owner="cron", rank=WORKS).tick()
    assert (lanes.TIDY, slot) in await _rung(client)
    assert await _begin(db, lanes.TIDY, slot, owner="worker 2")
    assert not await _begin(db, lanes.TIDY, slot, owner="worker 3")


async def test_what_a_killed_worker_was_at_is_begun_again_when_it_may_have_ended(
    db: Database, scheduler: Scheduler, client: ArqRedis
) -> None:
    assert await scheduler.tick()
    slot = dict(await _rung(client))[lanes.TIDY]
    async with db.before_tenant() as conn:
        await conn.execute(
            "INSERT INTO clock_job (job, slot, begun_by, lost_at)"
            " VALUES (%s, %s, 'worker 1', clock_timestamp() + interval '1 minute')"
            " ON CONFLICT (job) DO UPDATE SET slot = EXCLUDED.slot, lost_at = EXCLUDED.lost_at, ended_at = NULL",
            (lanes.TIDY, slot),
        )
    assert not await _begin(db, lanes.TIDY, slot, owner="worker 2")
    async with db.before_tenant() as conn:
        await conn.execute("UPDATE clock_job SET lost_at = clock_timestamp() WHERE job = %s", (lanes.TIDY,))
    assert await _begin(db, lanes.TIDY, slot, owner="worker 2")


async def _check(db: Database) -> None:
    await graph_check.check(_context(db, "worker 1"))


async def test_a_graph_that_differs_is_found_within_a_day_and_compared_once_in_it(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = World(db, tenant)
    await world.people(3)
    with acting(admin_url, "superuser") as connection:
        connection.execute(f'DELETE FROM {tenant.graph}."Profile"')  # noqa: S608 - the test's own
    await _check(db)
    (found,) = await world.rows("SELECT differences, checked_at FROM graph_check")
    assert found["differences"] >= 3
    await _check(db)
    assert await world.rows("SELECT differences, checked_at FROM graph_check") == [found]
    await world.rows("UPDATE graph_check SET checked_at = checked_at - interval '25 hours'")
    await _check(db)
    (again,) = await world.rows("SELECT differences, checked_at FROM graph_check")
    assert again["checked_at"] > found["checked_at"]


async def test_a_comparison_that_lasts_too_long_is_cut_off_and_said(
    db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(db, tenant)
    await world.people(3)
    monkeypatch.setattr(graph_check, "LONGEST_S", 0.001)
    await _check(db)
    uncompared = {vars(line)["tenant"] for line in caplog.records if line.msg == "a graph was not compared"}
    assert str(tenant.tenant_id) in uncompared
    assert await world.rows("SELECT 1 FROM graph_check") == []
