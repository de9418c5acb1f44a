"""Each process alone, any number of each: the commands of a supervisor, and one scheduler whoever is killed."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg.rows import DictRow

from engine import lanes
from engine.cli.processes import check_shared
from engine.db import Database
from engine.settings import Settings
from engine.worker.schedule import BY_CLOCK_S, LEASE, ONLY_SCHEDULES, WORKS, Scheduler
from rules.errors import Misconfigured
from tests.engine.worker_process import ROOT, WorkerProcess, until

LEO = Path(sys.executable).with_name("leo")


class Site:
    """Workers of a test on one database, told apart by their logs."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._environment = settings.model_copy(update={"admin_database_url": None}).environment()
        self._directory = directory
        self.workers: list[WorkerProcess] = []

    async def start(self, lane: str) -> WorkerProcess:
        given = self._environment | {"LEO_LOG_LEVEL": "debug"}
        made = WorkerProcess(lane, given, self._directory / f"{lane}-{len(self.workers)}.log")
        self.workers.append(made)
        await made.ready()
        return made

    def begun(self) -> list[tuple[str, int]]:
        """Every slot that any worker began a job for."""
        return [(line["job"], line["slot"]) for one in self.workers for line in one.said("begun by the clock")]


@pytest.fixture
async def site(settings: Settings, tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(settings, tmp_path)
    yield made
    for worker in made.workers:
        await worker.stop()


async def row(db: Database, statement: Any) -> DictRow | None:
    async with db.before_tenant() as conn:
        return await (await conn.execute(statement)).fetchone()


def holds(worker: WorkerProcess) -> bool:
    said = worker.said("scheduler")
    return bool(said) and bool(said[-1]["holds"])


async def test_a_killed_scheduler_is_followed_and_each_job_began_once_for_each_time(site: Site) -> None:
    _, _, first, second = await asyncio.gather(*map(site.start, ("bulk", "bulk", "cron", "cron")))
    # A process that only schedules takes the lease from a worker that holds it, and gives way to none of its own kind.
    await until(lambda: true(value=holds(first) or holds(second)))
    holder, waiting = (first, second) if holds(first) else (second, first)
    await until(lambda: true(value=len([1 for job, _ in site.begun() if job == lanes.REPORT]) >= 2))
    assert not holds(waiting)
    holder.kill()
    killed_at = asyncio.get_running_loop().time()
    await until(lambda: true(value=holds(waiting)), seconds=LEASE.total_seconds() + 4)
    assert asyncio.get_running_loop().time() - killed_at < LEASE.total_seconds() + 4
    before = len(site.begun())
    await until(lambda: true(value=len(site.begun()) > before))
    begun = site.begun()
    assert {job for job, _ in begun} == set(BY_CLOCK_S)
    assert [each for each, times in Counter(begun).items() if times > 1] == []
    # What was due while nobody scheduled is begun by who follows; no more than the lease was missed.
    reports = sorted(slot for job, slot in begun if job == lanes.REPORT)
    missed = max(later - earlier for earlier, later in pairwise(reports))
    assert missed * BY_CLOCK_S[lanes.REPORT] <= LEASE.total_seconds() + 2 * BY_CLOCK_S[lanes.REPORT]


async def true(*, value: bool) -> bool:
    return value


async def test_a_scheduler_that_ends_gives_its_lease_back(db: Database, site: Site) -> None:
    worker = await site.start("cron")
    await until(lambda: true(value=holds(worker)), seconds=10)
    assert await worker.stop() == 0
    assert await row(db, "SELECT FROM scheduler") is None


async def test_of_many_one_holds_the_lease(db: Database, redis_url: str) -> None:
    client = lanes.connect(redis_url)
    many = [Scheduler(db, client, owner=f"worker-{n}", rank=WORKS) for n in range(8)]
    try:
        for _ in range(3):
            assert sum(await asyncio.gather(*(one.tick() for one in many))) == 1
        only = Scheduler(db, client, owner="cron", rank=ONLY_SCHEDULES)
        assert await only.tick()
        assert sum(await asyncio.gather(*(one.tick() for one in many))) == 0
        await only.release()
        assert sum(await asyncio.gather(*(one.tick() for one in many))) == 1
    finally:
        await asyncio.gather(*(one.release() for one in many))
        await client.aclose()


@pytest.mark.parametrize("words", [("api",), ("worker", "--lane", "realtime"), ("worker", "--lane", "cron")])
async def test_a_command_is_the_process_it_names(settings: Settings, tmp_path: Path, words: tuple[str, ...]) -> None:
    """What a supervisor started is what ends at its SIGTERM, with 0."""
    given = settings.model_copy(update={"admin_database_url": None, "api_port": 0}).environment()
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own command, watched as an operator does
            [LEO, *words], cwd=ROOT, env={**os.environ, **given}, stdout=file, stderr=file
        )
    try:
        await until(lambda: _is_at_work(log))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0, log.read_text(encoding="utf-8")
    finally:
        process.kill()


async def _is_at_work(log: Path) -> bool:
    said = await asyncio.to_thread(log.read_text, encoding="utf-8")
    listening = re.search(r"http://127.0.0.1:\d+", said)
    if listening is None:
        return "worker started" in said
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{listening[0]}/healthz", timeout=20)).is_success


@pytest.mark.parametrize("kind", ["api", "worker"])
def test_hosts_do_not_make_keys_of_their_own(settings: Settings, kind: str) -> None:
    check_shared(settings, kind)
    alone = settings.model_copy(update={"credential_key": None})
    with pytest.raises(Misconfigured, match="LEO_CREDENTIAL_KEY not set"):
        check_shared(alone, kind)
    check_shared(alone.model_copy(update={"database_url": None}), kind)
