"""A worker killed at each commit of a task's life: another goes on, and everything happens exactly once."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from engine.db import Database
from engine.settings import Settings
from engine.tasks import Task, approve
from engine.think.contract import Reply, Request
from rules.words import TaskStatus
from tests.conftest import Tenant
from tests.engine.tasking import PLAN, SAVE, START, Office, Scripted, office
from tests.engine.worker_process import ROOT, WorkerProcess, until

ONCE = {"segments": 1, "versions": 1, "campaigns": 1, "snapshots": 1, "runs": 1, "batches": 1}
# claim, ground, examine, plan | segment, campaign, run, end
COMMITS = 8


async def _run_and_kill(settings: Settings, tenant: Tenant, moment: str, place: int, *, hours: int) -> int:
    """Give how the process ended; its n-th life sees the clock n hours later, when its forerunner's lease is over."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.engine.task_process", moment, str(place)),
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            **settings.environment(),
            "TENANT": str(tenant.tenant_id),
            "HOURS": str(hours),
        },
    )
    return await process.wait()


async def _check_once(at: Office, task: Task) -> None:
    done = await at.get(task)
    assert done.status is TaskStatus.SUCCEEDED
    assert await at.effects() == ONCE
    assert [one["name"] for one in done.made] == [SAVE.name, PLAN.name, START.name]
    trace = await at.trace(task)
    assert [one.document["place"] for one in trace if one.kind == "called"] == [0, 1, 2]
    assert [one.document["to"] for one in trace if one.kind == "moved"] == ["thinking", "acting", "succeeded"]
    assert [one.place for one in trace] == list(range(1, len(trace) + 1))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("place", range(1, COMMITS + 1))
async def test_killed_around_any_commit_another_finishes_and_acts_once(
    db: Database, tenant: Tenant, settings: Settings, moment: str, place: int
) -> None:
    at = await office(db, tenant)
    task = await at.ask(text="gửi ưu đãi Tết cho khách Hà Nội")
    assert await _run_and_kill(settings, tenant, moment, place, hours=0) == -signal.SIGKILL
    at.reader = Scripted([[SAVE, PLAN, START]])
    if (await at.get(task)).is_final:
        assert (moment, place) == ("after", COMMITS)
    else:
        assert await at.work() is None or place == 1, "a lease holds while it lasts"
        await at.work(later=timedelta(hours=1))
    await _check_once(at, task)


async def test_killed_at_every_commit_in_turn_it_still_comes_to_its_end(
    db: Database, tenant: Tenant, settings: Settings
) -> None:
    """Each process makes one step more than the one before was let, and dies before it tells of the next."""
    at = await office(db, tenant)
    task = await at.ask(text="gửi ưu đãi Tết cho khách Hà Nội")
    lives = 0
    while not (await at.get(task)).is_final:
        lives += 1
        # Three commits lead to the plan; each life after that claims the task and makes one call more.
        place = 4 if lives == 1 else 2
        await _run_and_kill(settings, tenant, "after", place, hours=lives)
        assert lives < 10
    assert lives == 5
    await _check_once(at, task)


async def test_killed_while_a_human_thinks_it_goes_on_when_approved(
    db: Database, tenant: Tenant, settings: Settings
) -> None:
    at = await office(db, tenant)
    await at.limit(0)
    task = await at.ask(text="gửi")
    assert await _run_and_kill(settings, tenant, "after", 4, hours=0) == -signal.SIGKILL
    assert (await at.get(task)).status is TaskStatus.AWAITING_APPROVAL
    async with db.transaction(tenant.tenant_id) as conn:
        await approve(conn, tenant_id=tenant.tenant_id, task_id=task.task_id, by="key:7")
    await at.work()
    assert await at.effects() == ONCE


async def test_a_task_that_takes_its_workers_with_it_comes_to_an_end(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant)
    task = await at.ask(text="gửi")

    class Deadly(Scripted):
        async def call(self, request: Request, *, within_s: float) -> Reply:
            del request, within_s
            raise asyncio.CancelledError

    at.reader = Deadly([])
    for life in range(20):
        await at.work(later=timedelta(hours=life))
    done = await at.get(task)
    assert (done.status, done.result["error"]["code"]) == ("failed", "workers_lost")


@pytest.fixture
async def worker(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkerProcess]:
    given = settings.model_copy(update={"admin_database_url": None}).environment()
    started = WorkerProcess("realtime", given, tmp_path_factory.mktemp("worker") / "log")
    yield started
    await started.stop()


async def test_a_worker_finds_a_task_that_nobody_rang_for(db: Database, tenant: Tenant, worker: WorkerProcess) -> None:
    at = await office(db, tenant)
    await worker.ready()
    task = await at.ask(SAVE, PLAN, START)

    async def is_done() -> bool:
        return (await at.get(task)).is_final

    await until(is_done)
    await _check_once(at, task)
    assert worker.said("task succeeded")
