"""What happened is counted where it happens, once, whoever writes; and each worker tells its own."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from engine import archive
from engine.db import Database
from engine.metrics import METRICS, Teller, fold, keep_check
from engine.metrics.count import REGISTRY
from engine.metrics.state import Sample, _database
from engine.metrics.tally import MANY
from engine.settings import Settings
from engine.think.breaker import MOST_FAILURES, OPEN_S
from rules.words import Arbiter
from tests.conftest import Tenant
from tests.engine.acting import acting
from tests.engine.acts import Act
from tests.engine.aged import aged, archived, asked
from tests.engine.gateways import DOWN, QUESTION, Clock, Scripted, answer, gateway
from tests.engine.worker_process import WorkerProcess, until


class Counts:
    """How far each counter has come since this was made."""

    def __init__(self, db: Database, before: dict[tuple[str, frozenset[tuple[str, str]]], float]) -> None:
        self._db = db
        self._before = before

    @classmethod
    async def of(cls, db: Database) -> "Counts":
        return cls(db, {_key(sample): sample.value for sample in await _database(db)})

    async def since(self, metric: str, **labels: str) -> float:
        key = metric, frozenset(labels.items())
        return {_key(sample): sample.value for sample in await _database(self._db)}.get(key, 0) - self._before.get(
            key, 0
        )


def _key(sample: Sample) -> tuple[str, frozenset[tuple[str, str]]]:
    return sample.metric, frozenset(sample.labels.items())


@pytest.fixture
async def counts(db: Database) -> Counts:
    return await Counts.of(db)


async def test_every_decision_counts_also_those_to_do_nothing(act: Act, counts: Counts) -> None:
    await act.queue(3)
    people = await act.world.people(2, first=100, channels=("telegram",))
    _, (batch_id,) = await act.world.run(act.campaign_id, people)
    await act.world.decide(batch_id)
    chosen = {"arbiter": "score", "action": "send", "gate": "chosen"}
    assert await counts.since("leo_decisions_total", **chosen) == 3
    rows = await act.world.rows("SELECT DISTINCT reason FROM decision WHERE action = 'do_nothing'")
    (held,) = (row["reason"] for row in rows)
    assert await counts.since("leo_decisions_total", arbiter="score", action="do_nothing", gate=held) == 2


async def test_deliveries_and_attempts_count_at_their_ends(act: Act, counts: Counts) -> None:
    await act.queue(4)
    assert await counts.since("leo_deliveries_total", channel="email", status="queued") == 4
    await act.sandbox.ask("faults", {"channel": "email", "status": 451, "text": "4.3.0 later"})
    done = await act.send()
    assert (done.sent, done.retried) == (3, 1)
    assert await counts.since("leo_deliveries_total", channel="email", status="sent") == 3
    assert await counts.since("leo_deliveries_total", channel="email", status="queued") == 4
    attempts = await act.world.rows(
        """
        SELECT status, coalesce(class, '') AS class, count(*) AS n FROM delivery_attempt
        WHERE phase = 'ended' GROUP BY 1, 2
        """
    )
    assert sum(one["n"] for one in attempts) == 4
    for one in attempts:
        labels = {"channel": "email", "status": one["status"], "class": one["class"]}
        assert await counts.since("leo_attempts_total", **labels) == one["n"]


async def test_adding_up_keeps_every_count_however_many_do_it_at_once(
    db: Database, tenant: Tenant, counts: Counts, act: Act
) -> None:
    insert = """
        INSERT INTO tally (tenant_id, metric, labels, n)
        SELECT leo_tenant(), 'leo_decisions_total', '{"arbiter": "learned", "action": "send", "gate": "chosen"}',
               i %% 3 + 1
        FROM generate_series(1, %(rows)s) i
    """
    await act.world.rows(f"{insert} RETURNING 1", rows=3 * MANY)

    async def add_up() -> None:
        async with db.transaction(tenant.tenant_id) as conn:
            await fold(conn)

    await asyncio.gather(*(add_up() for _ in range(4)), act.world.rows(f"{insert} RETURNING 1", rows=30))
    expected = sum(i % 3 + 1 for i in range(1, 3 * MANY + 1)) + sum(i % 3 + 1 for i in range(1, 31))
    labels = {"arbiter": "learned", "action": "send", "gate": "chosen"}
    assert await counts.since("leo_decisions_total", **labels) == expected
    assert len(await act.world.rows("SELECT 1 FROM tally")) < MANY


async def test_what_another_version_counted_is_left_out_of_the_page(act: Act, counts: Counts) -> None:
    await act.world.rows(
        """
        INSERT INTO tally (tenant_id, metric, labels, n) VALUES
            (leo_tenant(), 'leo_of_tomorrow_total', '{}', 1),
            (leo_tenant(), 'leo_decisions_total', '{"arbiter": "learned"}', 1),
            (leo_tenant(), 'leo_decisions_total', '{"arbiter": "learned", "action": "send", "gate": "chosen"}', 1)
        RETURNING 1
        """
    )
    assert await counts.since("leo_decisions_total", arbiter="learned", action="send", gate="chosen") == 1
    assert await counts.since("leo_decisions_total", arbiter="learned") == 0
    assert await counts.since("leo_of_tomorrow_total") == 0


async def test_a_tenant_that_leaves_takes_no_count_with_it(
    admin_url: str, counts: Counts, act: Act, tenant: Tenant
) -> None:
    await act.queue(2)
    with acting(admin_url, "superuser") as connection:
        connection.execute("SELECT leo_drop_tenant(%s, 'the contract ended')", (tenant.tenant_id,))
    assert await counts.since("leo_decisions_total", arbiter="score", action="send", gate="chosen") == 2


async def test_the_last_comparison_of_a_graph_is_told(db: Database, tenant: Tenant, counts: Counts) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        await keep_check(conn, differences=3, now=datetime.now(UTC) - timedelta(hours=2))
    assert await counts.since("leo_graph_differences") == 3
    async with db.transaction(tenant.tenant_id) as conn:
        await keep_check(conn, differences=0, now=datetime.now(UTC))
    assert await counts.since("leo_graph_differences") == 0


def _value(text: str, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def test_questions_put_to_models_are_counted_by_what_came_of_them() -> None:
    def told(name: str, **labels: str) -> float:
        return _value(generate_latest(REGISTRY).decode(), name, arbiter="gemini", **labels)

    before = {result: told("leo_model_calls_total", result=result) for result in ("answered", "failed")}
    asked_before = told("leo_model_seconds_count")
    clock = Clock()
    models = gateway(clock, Scripted(Arbiter.GEMINI, [answer(1), *[DOWN] * MOST_FAILURES, answer(0)]))
    for _ in range(1 + MOST_FAILURES):
        await models.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=0.05)
    assert told("leo_model_calls_total", result="answered") - before["answered"] == 1
    assert told("leo_model_calls_total", result="failed") - before["failed"] == MOST_FAILURES
    assert told("leo_model_seconds_count") - asked_before == 1 + MOST_FAILURES
    assert told("leo_model_breaker_open") == 1
    clock.now += OPEN_S + 1
    await models.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=0.05)
    assert told("leo_model_breaker_open") == 0


async def test_a_worker_tells_its_own_where_it_is_asked_to_and_how_it_works(
    act: Act, settings: Settings, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    await act.queue(2)
    environment = settings.model_copy(update={"admin_database_url": None}).environment()
    # The bulk worker takes the port above the one that is set.
    environment |= {"LEO_METRICS_PORT": str(port - 1), "LEO_METRICS_TOKEN": "scrape-me"}
    worker = WorkerProcess("bulk", environment, tmp_path / "bulk.log")
    try:
        await worker.ready()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/healthz")).json() == {"status": "ok", "lane": "bulk"}
            assert (await client.get("/metrics")).status_code == 401
            key = {"Authorization": "Bearer scrape-me"}

            async def text() -> str:
                return (await client.get("/metrics", headers=key)).text

            async def has_sent() -> bool:
                return _value(await text(), "leo_provider_call_seconds_count", channel="email") >= 2

            await until(has_sent, seconds=60.0)
            told = await text()
    finally:
        assert await worker.stop() == 0
    assert _value(told, "leo_pool_connections") >= 1
    named = {line.split()[2] for line in told.splitlines() if line.startswith("# TYPE leo_")}
    assert named == {name for name, metric in METRICS.items() if metric.teller is not Teller.STATE}


async def test_a_worker_whose_port_is_taken_says_so(settings: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = settings.model_copy(update={"admin_database_url": None}).environment()
        worker = WorkerProcess("realtime", environment | {"LEO_METRICS_PORT": str(port)}, tmp_path / "realtime.log")
        assert await asyncio.to_thread(worker._process.wait, 90) == 1
    assert f"metrics on 127.0.0.1:{port}" in (tmp_path / "realtime.log").read_text()


async def test_what_waits_to_be_archived_is_told(db: Database, tenant: Tenant, counts: Counts) -> None:
    day = 86_400
    world = await aged(db, tenant)
    assert await counts.since("leo_archive_waiting") == 0
    assert await counts.since("leo_archive_oldest_seconds") == pytest.approx(500 * day, abs=60)
    await asked(world, archive.keep, days=400)
    assert await counts.since("leo_archive_waiting") == 4
    assert await counts.since("leo_archive_overdue_seconds") == pytest.approx(100 * day, abs=60)
    await archived(world)
    for name in ("waiting", "overdue_seconds", "oldest_seconds"):
        assert await counts.since(f"leo_archive_{name}") == pytest.approx(0, abs=60)
