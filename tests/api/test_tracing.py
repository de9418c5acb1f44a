"""One event is one trace, over the processes that work on it; and the log's lines name what they are about."""

import asyncio
import json
import logging
import sys
from pathlib import Path

import httpx
import pytest

from api.services import Services
from engine import lines, tracing
from engine.campaigns import connect_channel
from engine.settings import Settings
from rules.errors import Misconfigured
from tests.api.serving import environment_of, free_port, key_of, running
from tests.api.story import campaign, ok
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.worker_process import WorkerProcess, until
from tests.otlp import Receiver, receiving

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def _event_to_mail(
    receiver: Receiver, settings: Settings, services: Services, tenant: Tenant, sandbox: SandboxProcess, log: Path
) -> tuple[httpx.Response, WorkerProcess]:
    """Run the API and a worker as processes; an event comes, its mail is sent, and both processes end."""
    async with services.db.transaction(tenant.tenant_id) as conn:
        relay = {"host": "127.0.0.1", "port": sandbox.smtp_port, "tls": "none", "sender": "LEO <leo@shop.example>"}
        await connect_channel(
            conn, services.vault, tenant_id=tenant.tenant_id, kind="email", name="mail", settings=relay
        )
    environment = environment_of(settings, LEO_API_PORT=str(free_port()), LEO_TRACE_URL=receiver.url, LEO_DRAIN_S="0")
    worker = WorkerProcess("realtime", environment, log)
    try:
        async with (
            running(environment) as url,
            httpx.AsyncClient(base_url=url, headers=await key_of(services, tenant), timeout=60) as client,
        ):
            made = await campaign(client, segment=None, trigger_type="cart_abandoned")
            await ok(await client.post(f"/campaigns/{made['campaign_id']}/activate"))
            await worker.ready()
            event = {"ext_id": "cart-1", "type": "cart_abandoned", "profile": "kh-1", "attributes": {"items": 2}}
            answer = await client.post("/events", json=event, headers={"traceparent": TRACEPARENT})
            await ok(answer)

            async def has_come() -> bool:
                return len(await sandbox.messages()) == 1

            await until(has_come, seconds=60.0)
    finally:
        assert await worker.stop() == 0
    return answer, worker


async def test_one_event_is_one_trace_from_the_request_to_the_providers_answer(
    settings: Settings, services: Services, tenant: Tenant, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    with receiving() as receiver:
        answer, worker = await _event_to_mail(receiver, settings, services, tenant, sandbox, tmp_path / "realtime.log")
    (call,) = receiver.named("provider call")
    trace = [span for span in receiver.spans if span.trace_id == call.trace_id]
    assert call.trace_id == TRACEPARENT.split("-")[1], "the caller's trace goes on"
    assert receiver.line_of(call) == ["POST /events", "decide job", "provider call"]
    (decide,) = receiver.named("decide")
    assert receiver.line_of(decide) == ["POST /events", "decide job", "decide"]
    assert {span.service for span in trace} == {"leo-api", "leo-worker-realtime"}
    assert {"claim", "decide", "decide job", "provider call"} <= {span.name for span in trace}
    async with services.db.transaction(tenant.tenant_id) as conn:
        row = await (await conn.execute("SELECT delivery_id, decision_id, run_id FROM delivery_log")).fetchone()
    assert row is not None
    about = call.about
    assert (about["leo.delivery"], about["leo.decision"], about["leo.run"]) == tuple(row.values())
    assert (about["leo.channel"], about["leo.status"], about["leo.tenant"]) == (
        "email",
        "accepted",
        str(tenant.tenant_id),
    )
    assert not [span for span in trace if span.is_error]
    for secret in (b"mai@khach.example", "Trần Thị Mai".encode(), "Chào".encode()):
        assert not [body for body in receiver.bodies if secret in body]
    decided = worker.said("batch decided")[0]
    assert decided["trace"] == call.trace_id
    assert decided["tenant"] == str(tenant.tenant_id)
    assert answer.headers["x-request-id"]


async def test_without_a_receiver_nothing_is_traced_and_nothing_kept(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    assert tracing.span("anything", tenant="x") is tracing.span("else")
    await campaign(caller, segment=None, trigger_type="cart_abandoned")
    await caller.post(
        "/events",
        json={"ext_id": "cart-2", "type": "cart_abandoned", "profile": "kh-1"},
        headers={"traceparent": TRACEPARENT},
    )
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT 1 FROM campaign_run WHERE traceparent IS NOT NULL")).fetchall()
    assert rows == []


def test_an_error_is_marked_and_its_text_is_not_sent(settings: Settings) -> None:
    with receiving() as receiver:
        traced = settings.model_copy(update={"trace_url": receiver.url})
        with tracing.opened(traced, "test"):
            with pytest.raises(ValueError, match="mai@khach"), tracing.span("outer"), tracing.span("inner"):
                raise ValueError("mai@khach.example")
            with tracing.span("later", parent=TRACEPARENT):
                assert tracing.trace_id() == TRACEPARENT.split("-")[1]
    assert {(span.name, span.is_error) for span in receiver.spans} == {
        ("outer", True),
        ("inner", True),
        ("later", False),
    }
    assert not [body for body in receiver.bodies if b"mai@khach" in body]


def test_a_receiver_that_is_away_keeps_nobody_waiting(settings: Settings) -> None:
    traced = settings.model_copy(update={"trace_url": f"http://127.0.0.1:{free_port()}"})
    loop = asyncio.new_event_loop()
    began = loop.time()
    with tracing.opened(traced, "test"), tracing.span("lost"):
        pass
    assert loop.time() - began < 8
    loop.close()


def test_traces_without_their_packages_are_refused_in_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    traced = settings.model_copy(update={"trace_url": "http://127.0.0.1:4318"})
    with pytest.raises(Misconfigured, match="LEO_TRACE_URL") as refused, tracing.opened(traced, "test"):
        pass
    assert "otel" in refused.value.remedy


async def test_a_requests_line_names_its_id_route_tenant_and_no_person(
    caller: httpx.AsyncClient, tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    lines.configure("info", "json")
    try:
        answer = await caller.get("/profiles/kh-nobody", headers={"X-Request-ID": "req-7"})
        await caller.get("/healthz")
        text = capsys.readouterr().err
    finally:
        logging.getLogger().handlers[:], _ = before
        logging.getLogger().setLevel(before[1])
    (line,) = [json.loads(one) for one in text.splitlines() if "request answered" in one]
    assert answer.headers["x-request-id"] == "req-7"
    assert (line["request"], line["tenant"], line["status"]) == ("req-7", str(tenant.tenant_id), 404)
    assert (line["event"], line["level"], line["method"]) == ("request answered", "info", "GET")
    assert line["route"].startswith("/profiles/{")
    assert "kh-nobody" not in text


def _record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "levelno": logging.INFO, "levelname": "INFO", "name": "leo.test"})
    made.__dict__.update(extra)
    return made


def test_what_the_work_is_about_stands_in_each_of_its_lines() -> None:
    with lines.about(request="r-1"), lines.about(delivery=7):
        lines.note(decision=8)
        line = json.loads(lines.JsonLines().format(_record("message ended", status="sent")))
    assert {name: line[name] for name in ("request", "delivery", "decision", "status")} == {
        "request": "r-1",
        "delivery": 7,
        "decision": 8,
        "status": "sent",
    }
    assert set(line) >= {"time", "level", "logger", "event"}
    assert "request" not in json.loads(lines.JsonLines().format(_record("later")))


def test_a_line_of_text_stays_one_line() -> None:
    with lines.about(run=5):
        text = lines.TextLines().format(_record("a\nforged line", code="x\ny z", status="sent"))
    assert text.count("\n") == 0
    assert text.endswith('leo.test a\\nforged line run=5 code="x\\ny z" status=sent')
