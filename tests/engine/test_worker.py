"""Workers as processes: they find all work, and neither kill -9 nor the loss of Redis loses any or repeats it."""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis.asyncio
from psycopg.types.json import Jsonb

from engine import lanes
from engine.db import Database
from engine.dispatch import give_up_leases
from engine.embedded import redis as redis_server
from engine.embedded.home import Home, load_secrets
from engine.settings import Settings
from rules.errors import Unavailable
from rules.words import Lane
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.conftest import Tenant
from tests.engine.worker_process import ROOT, WorkerProcess, until
from tests.engine.world import SQL, World


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sandbox") / "record.jsonl"
    file.touch()
    return file


@pytest.fixture(scope="module")
async def sandbox(record: Path) -> AsyncIterator[SandboxProcess]:
    running = await start_sandbox("--record", str(record))
    yield running
    assert running.close() == 0


class Site:
    """A tenant with a campaign whose mail goes to the sandbox, and the workers of this test."""

    def __init__(
        self, world: World, sandbox: SandboxProcess, record: Path, settings: Settings, directory: Path
    ) -> None:
        self.record = record
        self._lines_before = len(record.read_bytes().splitlines())
        self.world = world
        self.sandbox = sandbox
        self.settings = settings
        self.directory = directory
        self.workers: list[WorkerProcess] = []
        self.campaign_id = 0

    async def prepare(self) -> None:
        await self.sandbox.reset()
        await self.world.connect(host="127.0.0.1", port=self.sandbox.smtp_port, tls="none", sender="shop@shop.example")
        self.campaign_id = await self.world.campaign(templates=[await self.world.template()])

    async def worker(self, lane: str = "bulk", **environment: str) -> WorkerProcess:
        given = self.settings.model_copy(update={"admin_database_url": None}).environment() | environment
        started = WorkerProcess(lane, given, self.directory / f"{lane}-{len(self.workers)}.log")
        self.workers.append(started)
        await started.ready()
        return started

    async def run(self, people: list[int], **more: Any) -> list[int]:
        return (await self.world.run(self.campaign_id, people, **more))[1]

    async def is_settled(self) -> bool:
        """Whether nothing waits any more."""
        waiting = await self.world.one("SELECT count(*) FROM run_batch WHERE status = 'pending'")
        statuses = await self.world.statuses()
        return bool(waiting == 0 and statuses and not statuses.keys() & {"queued", "sending"})

    def has_received(self, count: float) -> Callable[[], Awaitable[bool]]:
        """Whether the sandbox has that many messages of this test."""

        async def holds() -> bool:
            return len(self.record.read_bytes().splitlines()) - self._lines_before >= count

        return holds

    async def check_record(self, *, in_flight: int) -> int:
        """Each message was received once, or is uncertain; gives how many are uncertain."""
        lines = map(json.loads, self.record.read_text(encoding="utf-8").splitlines())
        received = Counter(str(line["event_id"]) for line in lines)
        deliveries = await self.world.deliveries()
        for delivery in deliveries:
            times = received[bytes(delivery["event_id"]).hex()]
            assert times == 1 if delivery["status"] == "sent" else times <= 1
        uncertain = len([one for one in deliveries if one["status"] == "uncertain"])
        assert {one["status"] for one in deliveries} <= {"sent", "uncertain"}
        assert uncertain <= in_flight
        assert await self.world.graph_differences() == 0
        return uncertain


@pytest.fixture
async def site(
    db: Database, tenant: Tenant, sandbox: SandboxProcess, record: Path, settings: Settings, tmp_path: Path
) -> AsyncIterator[Site]:
    made = Site(World(db, tenant), sandbox, record, settings, tmp_path)
    await made.prepare()
    yield made
    for worker in made.workers:
        await worker.stop()
    # What a test left due would be taken up by the next one's workers.
    await made.world.rows("UPDATE campaign SET status = 'ended'")
    await made.world.rows("UPDATE run_batch SET status = 'cancelled' WHERE status = 'pending'")
    await made.world.rows("UPDATE delivery_log SET status = 'cancelled' WHERE status = 'queued'")


async def test_a_worker_finds_its_work_by_itself_and_ends_when_asked(site: Site) -> None:
    await site.run(await site.world.people(300), size=100)
    worker = await site.worker()
    await until(site.is_settled)
    assert await site.world.statuses() == {"sent": 300}
    started = time.monotonic()
    assert await worker.stop() == 0
    assert time.monotonic() - started < 5
    assert await site.check_record(in_flight=0) == 0
    batches = worker.said("batch decided")
    assert sum(line["deliveries"] for line in batches) == 300
    assert {line["tenant"] for line in batches} == {str(site.world.tenant.tenant_id)}
    assert not [line for line in worker.log if line["level"] in {"warning", "error"}]
    assert "people.example" not in worker.log_file.read_text(encoding="utf-8")


async def test_realtime_goes_from_event_to_mail_in_a_moment(site: Site) -> None:
    await site.worker("realtime")
    client = lanes.connect(site.settings.redis_url.get_secret_value() if site.settings.redis_url else "")
    people = await site.world.people(5)
    latencies = []
    for person in people:
        started = time.perf_counter()
        batch_ids = await site.run([person], lane="realtime")
        tenant_id = site.world.tenant.tenant_id
        assert await lanes.ring_batches(client, lane=Lane.REALTIME, tenant_id=tenant_id, batch_ids=batch_ids)
        await until(lambda: _has_sent(site, people.index(person) + 1), pause_s=0.005)  # noqa: B023 - awaited here
        latencies.append(time.perf_counter() - started)
    await client.aclose()
    assert sorted(latencies)[2] < 0.5, latencies


async def test_many_events_at_once_go_together_and_each_is_sent_once(site: Site) -> None:
    worker = await site.worker("realtime")
    batch_ids = []
    for person in await site.world.people(40):
        event_id = await site.world.one(SQL["event"], profile_id=person, attributes=Jsonb({}))
        batch_ids += await site.run([person], lane="realtime", kind="event", event_id=event_id)
    client = lanes.connect(site.settings.redis_url.get_secret_value() if site.settings.redis_url else "")
    tenant_id = site.world.tenant.tenant_id
    # Twice, as where a sweeper rings for what a worker has in hand.
    for _ in range(2):
        assert await lanes.ring_batches(client, lane=Lane.REALTIME, tenant_id=tenant_id, batch_ids=batch_ids)
    await client.aclose()
    await until(site.is_settled)
    assert await site.check_record(in_flight=0) == 0
    assert await site.world.statuses() == {"sent": 40}
    together = [line["batches"] for line in worker.said("batch decided")]
    assert sum(together) == 40
    assert len(together) < 10


async def test_what_a_dead_worker_had_heard_of_is_found_again(site: Site) -> None:
    client = lanes.connect(site.settings.redis_url.get_secret_value() if site.settings.redis_url else "")
    tenant_id = site.world.tenant.tenant_id
    batch_ids = await site.run(await site.world.people(1), lane="realtime")
    await lanes.ring_batches(client, lane=Lane.REALTIME, tenant_id=tenant_id, batch_ids=batch_ids)
    assert await lanes.take_urgent(client, 10)
    await client.aclose()
    await site.worker("realtime")
    await until(lambda: _has_sent(site, 1))


async def _has_sent(site: Site, count: int) -> bool:
    return (await site.world.statuses()).get("sent") == count


async def test_lanes_do_not_take_each_others_work(site: Site) -> None:
    people = await site.world.people(4)
    await site.run(people[:2], lane="bulk")
    await site.run(people[2:], lane="realtime")
    await site.worker("realtime")
    await until(lambda: _has_sent(site, 2))
    assert await site.world.one("SELECT lane FROM run_batch WHERE status = 'pending'") == "bulk"


async def test_kill_9_in_the_middle_loses_nothing_and_repeats_nothing(site: Site) -> None:
    await site.run(await site.world.people(900), size=300)
    total, in_hand = 900, set()
    for share in (0.2, 0.4, 0.6):
        worker = await site.worker()
        mark = share * total
        await until(site.has_received(mark))
        worker.kill()
        in_hand |= {one["delivery_id"] for one in await site.world.deliveries() if one["status"] == "sending"}
    started = time.monotonic()
    await site.worker()
    await until(site.is_settled, seconds=60)
    assert time.monotonic() - started < 40  # well before the leases end by themselves
    assert sum((await site.world.statuses()).values()) == total
    assert await site.check_record(in_flight=len(in_hand)) == len(in_hand) > 0


async def test_sigterm_finishes_the_calls_in_flight(site: Site) -> None:
    await site.run(await site.world.people(1000), size=500)
    worker = await site.worker()
    await until(site.has_received(100))
    started = time.monotonic()
    assert await worker.stop() == 0
    assert time.monotonic() - started < 8
    statuses = await site.world.statuses()
    assert "sending" not in statuses
    assert "uncertain" not in statuses
    assert 100 <= statuses["sent"] < 1000
    await site.worker()
    await until(site.is_settled)
    assert await site.check_record(in_flight=0) == 0


async def test_sigterm_does_not_wait_for_a_provider_that_hangs(site: Site) -> None:
    await site.run(await site.world.people(3))
    await site.sandbox.ask("faults", {"channel": "email", "mode": "hang", "times": 3})
    worker = await site.worker()
    await until(lambda: _is_sending(site))
    started = time.monotonic()
    assert await worker.stop() == 0
    assert time.monotonic() - started < 10
    assert await site.world.statuses() == {"uncertain": 3}


async def test_sigterm_ends_a_worker_in_time_whatever_holds_it(site: Site) -> None:
    """Its results cannot be written, for somebody holds the rows: what it held is uncertain, as a killed worker's."""
    await site.run(await site.world.people(3))
    await site.sandbox.ask("faults", {"channel": "email", "mode": "hang", "times": 3})
    worker = await site.worker()
    await until(lambda: _is_sending(site))
    async with site.world.db.transaction(site.world.tenant.tenant_id) as conn:
        await conn.execute("SELECT 1 FROM delivery_log FOR UPDATE")
        started = time.monotonic()
        assert await worker.stop() == 0
        assert time.monotonic() - started < 10
    assert await site.world.statuses() == {"sending": 3}
    (begun,) = worker.said("worker started")
    # PostgreSQL finds out in a moment that the worker's session has nobody any more; until then it holds the rows.
    await until(lambda: _is_given_up(site, begun["owner"]))


async def _is_given_up(site: Site, owner: str) -> bool:
    async with site.world.db.transaction(site.world.tenant.tenant_id) as conn:
        await give_up_leases(conn, lane=Lane.BULK, now=datetime.now(UTC), gone={owner})
    return await site.world.statuses() == {"uncertain": 3}


async def _is_sending(site: Site) -> bool:
    return (await site.world.statuses()).get("sending") == 3


async def test_redis_may_be_emptied_at_any_moment(site: Site, redis_url: str) -> None:
    await site.run(await site.world.people(1200), size=100)
    worker = await site.worker()
    client = redis.asyncio.Redis.from_url(redis_url)
    for mark in (50, 300, 600):
        await until(site.has_received(mark))
        await client.flushdb()
    await client.aclose()
    await until(site.is_settled)
    assert await site.check_record(in_flight=0) == 0
    assert await site.world.statuses() == {"sent": 1200}
    assert not [line for line in worker.log if line["level"] == "error"]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[tuple[Home, Settings]]:
    """A Redis of this test alone, so that it can be ended."""
    settings = Settings.load(home=tmp_path / "home")
    home = Home(settings.home)
    home.prepare()
    yield home, settings
    redis_server.stop(home)


async def test_redis_may_be_lost_and_come_back(site: Site, own_redis: tuple[Home, Settings]) -> None:
    home, settings = own_redis
    secrets = load_secrets(settings)
    url = redis_server.url(redis_server.start(home, secrets, timeout_s=20), secrets.redis_password)
    people = await site.world.people(900)
    await site.run(people[:600], size=100)
    worker = await site.worker(LEO_REDIS_URL=url)
    await until(site.has_received(100))
    redis_server.stop(home)
    await until(lambda: _has_lost_redis(worker))
    await site.run(people[600:], size=100)
    await asyncio.sleep(1.5)
    assert redis_server.url(redis_server.start(home, secrets, timeout_s=20), secrets.redis_password) == url
    await until(site.is_settled)
    assert await site.world.statuses() == {"sent": 900}
    assert await site.check_record(in_flight=0) == 0
    troubles = [line["event"] for line in worker.log if line["level"] in {"warning", "error"}]
    assert len(troubles) == 1, troubles
    assert secrets.redis_password not in worker.log_file.read_text(encoding="utf-8")


async def _has_lost_redis(worker: WorkerProcess) -> bool:
    return any(line["event"].startswith("Redis is lost") for line in worker.log)


def test_without_redis_a_worker_says_so_in_one_sentence(settings: Settings) -> None:
    environment = settings.model_copy(update={"admin_database_url": None}).environment()
    environment["LEO_REDIS_URL"] = "redis://:s3cret@127.0.0.1:1/0"
    command = [sys.executable, "-m", "engine.worker", "--lane", "bulk"]
    ended = subprocess.run(  # noqa: S603 - our own module
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "127.0.0.1:1" in ended.stderr
    assert "s3cret" not in ended.stderr


async def test_a_large_tenant_does_not_keep_a_small_one_waiting(
    site: Site, db: Database, other_tenant: Tenant, tmp_path: Path
) -> None:
    small = Site(World(db, other_tenant), site.sandbox, site.record, site.settings, tmp_path)
    await small.prepare()
    await site.run(await site.world.people(2500), size=50)
    await small.run(await small.world.people(20))
    await site.worker()
    await until(small.is_settled)
    assert not await site.is_settled()
    assert await small.world.statuses() == {"sent": 20}


async def test_on_a_limited_channel_realtime_messages_pass_the_bulk_ones(site: Site) -> None:
    await site.world.rows('UPDATE channel SET settings = settings || \'{"limits": {"per_second": 30}}\'')
    await site.run(await site.world.people(300), size=300)
    await site.worker("realtime")
    await site.worker("bulk")
    await until(site.has_received(20))
    waits = []
    for person in await site.world.people(3, first=1000):
        started = time.monotonic()
        await site.run([person], lane="realtime")
        await until(lambda: _is_sent(site, person), pause_s=0.01)  # noqa: B023 - awaited here
        waits.append(time.monotonic() - started)
    # The sweeper needs up to a second to find each; behind the bulk ones it would be ten.
    assert max(waits) < 3, waits
    assert (await site.world.statuses())["queued"] > 100


async def _is_sent(site: Site, person: int) -> bool:
    rows = await site.world.rows("SELECT status FROM delivery_log WHERE profile_id = %(p)s", p=person)
    return [one["status"] for one in rows] == ["sent"]


async def test_a_bell_without_redis_is_no_error() -> None:
    client = lanes.connect("redis://127.0.0.1:1/0")
    heard = await lanes.ring_batches(client, lane=Lane.BULK, tenant_id=uuid4(), batch_ids=[1])
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        await lanes.check(client)
    await client.aclose()
    assert heard is False
