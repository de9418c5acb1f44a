"""/metrics: how all work stands, told to who may know it, without anything of a tenant."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.app import app_with
from api.services import Services
from engine import lanes
from engine.decide import decide_batch
from engine.metrics import METRICS, Kind, Page
from engine.settings import Settings
from engine.worker.beat import beat_forever, owner_name, say_goodbye
from rules.words import Lane
from tests.api.story import MAI, campaign, connect_mail, ok
from tests.conftest import Tenant


@pytest.fixture
async def page(services: Services) -> Page:
    """A page that has nothing read yet."""
    return Page(services.db, services.queues)


def _values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def _read(page: Page) -> Any:
    values = _values((await page.text()).decode())
    return lambda name, **labels: values[name, frozenset(labels.items())]


@pytest.fixture
async def batch(caller: httpx.AsyncClient, services: Services, tenant: Tenant) -> AsyncIterator[int]:
    """One batch that is due, and nothing else of this tenant."""
    await connect_mail(services, tenant)
    made = await campaign(caller)
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    async with services.db.transaction(tenant.tenant_id) as conn:
        row = await (await conn.execute("SELECT batch_id FROM run_batch WHERE status = 'pending'")).fetchone()
    assert row is not None
    yield row["batch_id"]
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE delivery_log SET status = 'cancelled' WHERE status = 'queued'")
        await conn.execute("UPDATE run_batch SET status = 'cancelled' WHERE status = 'pending'")
        await conn.execute("UPDATE channel SET status = 'disconnected'")


async def test_what_waits_is_told_by_lane_and_age_until_it_is_done(
    services: Services, tenant: Tenant, batch: int, page: Page
) -> None:
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE run_batch SET due_at = now() - interval '90 seconds' WHERE status = 'pending'")
    before = await _read(page)
    assert before("leo_backlog_batches", lane="bulk", state="due") == 1
    assert before("leo_backlog_batches", lane="realtime", state="due") == 0
    assert 90 <= before("leo_backlog_oldest_seconds", lane="bulk", work="batch") < 100
    assert before("leo_queue_jobs", lane="bulk", state="due") == 1
    tenant_id = tenant.tenant_id
    assert await lanes.ring_batches(services.queues, lane=Lane.REALTIME, tenant_id=tenant_id, batch_ids=[1, 2])
    rung = await _read(Page(services.db, services.queues))
    urgent = before("leo_queue_jobs", lane="realtime", state="due")
    assert rung("leo_queue_jobs", lane="realtime", state="due") == urgent + 2
    assert rung("leo_queue_jobs", lane="bulk", state="due") == 1
    async with services.db.transaction(tenant.tenant_id) as conn:
        await decide_batch(conn, tenant_id=tenant.tenant_id, batch_id=batch, now=datetime.now(UTC))
    decided = await _read(Page(services.db, services.queues))
    assert decided("leo_backlog_batches", lane="bulk", state="due") == 0
    assert decided("leo_backlog_messages", lane="bulk", state="due") == 1
    assert decided("leo_source_up", source="postgresql") == decided("leo_source_up", source="redis") == 1


async def test_a_paused_channels_messages_are_held_and_what_nobody_settled_is_counted(
    services: Services, tenant: Tenant, batch: int
) -> None:
    async with services.db.transaction(tenant.tenant_id) as conn:
        await decide_batch(conn, tenant_id=tenant.tenant_id, batch_id=batch, now=datetime.now(UTC))
        await conn.execute("UPDATE channel SET status = 'paused' WHERE status = 'connected'")
    paused = await _read(Page(services.db, services.queues))
    assert paused("leo_backlog_messages", lane="bulk", state="held") == 1
    assert paused("leo_backlog_messages", lane="bulk", state="due") == 0
    assert paused("leo_backlog_oldest_seconds", lane="bulk", work="message") == 0
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE delivery_log SET status = 'uncertain' WHERE status = 'queued'")
    assert (await _read(Page(services.db, services.queues)))("leo_letters_unsettled", status="uncertain") == 1


async def test_the_first_token_that_ends_is_told_for_its_kind_of_channel(
    services: Services, tenant: Tenant, batch: int
) -> None:
    del batch
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE channel_credential SET expires_at = %s", (datetime.now(UTC) + timedelta(hours=1),))
    told = await _read(Page(services.db, services.queues))
    assert 3500 < told("leo_token_ends_seconds", channel="email") <= 3600
    assert told("leo_channel_circuits", channel="email", circuit="working") == 1


async def test_workers_are_counted_while_their_hearts_beat(services: Services) -> None:
    owner = owner_name(Lane.BULK)
    beating = asyncio.create_task(beat_forever(services.queues, owner))
    try:
        for _ in range(100):
            if await lanes.count_workers(services.queues, Lane.BULK):
                break
            await asyncio.sleep(0.02)
        told = await _read(Page(services.db, services.queues))
        assert (told("leo_workers", lane="bulk"), told("leo_workers", lane="realtime")) == (1, 0)
    finally:
        beating.cancel()
        await asyncio.wait([beating])
    await services.queues.delete(lanes.beat_key(owner))
    assert (await _read(Page(services.db, services.queues)))("leo_workers", lane="bulk") == 0
    await say_goodbye(services.queues, owner)


async def test_every_metric_of_the_state_is_told_and_each_with_its_labels(
    anybody: httpx.AsyncClient, batch: int
) -> None:
    del batch
    await anybody.get("/healthz")
    told: dict[str, set[str]] = {}
    for family in text_string_to_metric_families((await anybody.get("/metrics")).text):
        for sample in family.samples:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            told.setdefault(name, set()).update(set(sample.labels) - {"le"})
    ours = {name: labels for name, labels in told.items() if name.startswith("leo_")}
    assert ours.keys() <= METRICS.keys()
    assert all(labels == set(METRICS[name].labels) for name, labels in ours.items())
    # What counts is told from the first time on; so is what is about a token or a comparison.
    late = {name for name, metric in METRICS.items() if metric.kind is not Kind.GAUGE and metric.labels}
    late |= {"leo_token_ends_seconds", "leo_graph_checked_seconds", "leo_model_breaker_open"}
    assert {name for name, metric in METRICS.items() if metric.teller != "worker"} - ours.keys() <= late


async def test_requests_are_counted_by_the_routes_template_and_no_key_of_a_person_is_a_label(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    await ok(await caller.post("/profiles", json=MAI))
    assert (await caller.get("/profiles/nobody-of-that-name")).status_code == 404
    assert (await caller.get("/no-such-place/84901234567")).status_code == 404
    assert (await anybody.request("BREW", "/healthz")).status_code == 405
    text = (await anybody.get("/metrics")).text
    requests = {labels: value for (name, labels), value in _values(text).items() if name == "leo_http_requests_total"}
    seen = {(dict(labels)["route"], dict(labels)["status"]) for labels in requests}
    assert ("/profiles/{key}", "404") in seen or any(
        route.startswith("/profiles/{") and status == "404" for route, status in seen
    )
    assert ("unmatched", "404") in seen
    assert "BREW" not in {dict(labels)["method"] for labels in requests}
    for secret in ("nobody-of-that-name", "84901234567", "BREW", "kh-1"):
        assert secret not in text


async def test_no_tenant_and_no_secret_is_on_the_page(
    anybody: httpx.AsyncClient, services: Services, tenant: Tenant, batch: int
) -> None:
    del batch
    text = (await anybody.get("/metrics")).text
    for secret in (tenant.slug, str(tenant.tenant_id), "s3cret", "mail", "shop.example", services.platform_key):
        assert secret not in text.replace("email", "")


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.1.2.3", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "10.1.2.3"}, 403),
        ("127.0.0.1", {"Forwarded": "for=10.1.2.3"}, 403),
    ],
)
async def test_without_a_token_the_page_is_for_this_machine_alone(
    services: Services, client: str, headers: dict[str, str], status: int
) -> None:
    transport = httpx.ASGITransport(app_with(services), client=(client, 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as asking:
        answer = await asking.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert status == 200 or "leo_backlog" not in answer.text


async def test_with_a_token_it_is_asked_of_everybody(services: Services, settings: Settings) -> None:
    guarded = replace(services, settings=Settings.load(**settings.model_dump() | {"metrics_token": "scrape-me"}))
    transport = httpx.ASGITransport(app_with(guarded), client=("10.1.2.3", 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as asking:
        assert (await asking.get("/metrics")).status_code == 401
        assert (await asking.get("/metrics", headers={"Authorization": "Bearer scrape"})).status_code == 401
        given = await asking.get("/metrics", headers={"Authorization": "Bearer scrape-me"})
    assert given.status_code == 200
    assert given.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_without_redis_the_rest_is_told(services: Services) -> None:
    nowhere = lanes.connect("redis://127.0.0.1:1/0")
    try:
        told = await _read(Page(services.db, nowhere))
    finally:
        await nowhere.aclose()
    assert (told("leo_source_up", source="redis"), told("leo_source_up", source="postgresql")) == (0, 1)
    assert told("leo_backlog_messages", lane="bulk", state="due") >= 0


async def test_however_many_ask_the_servers_are_asked_once_a_second(services: Services) -> None:
    page = Page(services.db, services.queues, kept_s=60)
    first = await page.text()
    read_at = page._read_at
    assert b"leo_backlog_batches" in first
    assert len(await asyncio.gather(*(page.text() for _ in range(20)))) == 20
    assert page._read_at == read_at
