"""Agent tasks over HTTP: asked for, followed, approved by another key, hidden from other tenants."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from api.routes import tasks as routes
from api.services import Services
from engine import tasks
from engine.tasks import Desk, work_next
from engine.tenants import Scope
from rules.words import Lane
from tests.api.conftest import Callers
from tests.api.story import campaign, ok
from tests.conftest import Tenant

NOTHING: dict[str, Any] = {"name": "do_nothing", "arguments": {"reason": "thử"}}
START: dict[str, Any] = {"name": "activate_campaign", "arguments": {"campaign": "xin-chao"}}


async def _ask(caller: httpx.AsyncClient, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"calls": list(calls), **more} if calls else more
    answer = await caller.post("/activate/agent", json=body)
    assert answer.status_code == 202, answer.text
    task: dict[str, Any] = answer.json()
    return task


async def _work(services: Services, tenant: Tenant) -> None:
    async def ring(tenant_id: UUID, batches: Mapping[Lane, tuple[int, ...]]) -> None:
        del tenant_id, batches

    desk = Desk(services.db, None, ring, owner="test")
    await work_next(desk, tenant_id=tenant.tenant_id, now=datetime.now(UTC))


async def _everybody_needs_approval(services: Services, tenant: Tenant) -> None:
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("""UPDATE tenant SET settings = '{"approval": {"people": 0}}'""")


@pytest.fixture
async def waiting(services: Services, tenant: Tenant, caller: httpx.AsyncClient) -> dict[str, Any]:
    """A task that waits for a human."""
    await _everybody_needs_approval(services, tenant)
    await campaign(caller)
    task = await _ask(caller, START)
    await _work(services, tenant)
    return task


def _events(body: str) -> list[dict[str, Any]]:
    """Read a stream as a browser does: blocks of `field: value`, comments left out."""
    blocks = [block for block in body.split("\n\n") if block and not block.startswith(":")]
    found = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    return [{**one, "data": json.loads(one["data"])} for one in found]


async def test_a_task_is_accepted_at_once_and_shows_its_trace_and_summary_in_the_end(
    services: Services, tenant: Tenant, caller: httpx.AsyncClient
) -> None:
    asked = await _ask(caller, NOTHING, key="k-1")
    assert (asked["status"], asked["kind"], asked["plan"], asked["reasoning_summary"]) == ("queued", "calls", [], None)
    await _work(services, tenant)
    shown = await ok(await caller.get(f"/tasks/{asked['task_id']}"))
    assert shown["status"] == "succeeded"
    assert shown["reasoning_summary"] == "Không làm gì: thử"
    assert [one["kind"] for one in shown["reasoning_trace"]] == ["moved", "checked", "moved", "called", "moved"]
    assert shown["results"] == [{"place": 0, **NOTHING, "people": 0, "result": {"reason": "thử"}}]
    listed = await ok(await caller.get("/tasks"))
    assert [one["task_id"] for one in listed["items"]] == [asked["task_id"]]
    assert (await ok(await caller.get("/tasks", params={"status": "queued"})))["items"] == []
    assert (await _ask(caller, NOTHING, key="k-1"))["task_id"] == asked["task_id"]


async def test_a_text_without_any_model_fails_and_says_so(
    services: Services, tenant: Tenant, caller: httpx.AsyncClient
) -> None:
    asked = await _ask(caller, text="Kích hoạt chiến dịch tết", locale="en")
    await _work(services, tenant)
    shown = await ok(await caller.get(f"/tasks/{asked['task_id']}"))
    assert (shown["status"], shown["error"]["code"]) == ("failed", "model_unavailable")
    assert "No model is configured" in shown["reasoning_summary"]
    (fault,) = shown["error"]["faults"]
    assert (fault["kind"], fault["text"]["en"]) == ("task.no_model", shown["error"]["message"])
    assert fault["text"]["vi"].startswith("Chưa cấu hình mô hình nào")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 422),
        ({"text": "a", "calls": [NOTHING]}, 422),
        ({"text": ""}, 422),
        ({"text": "a" * 4001}, 422),
        ({"calls": []}, 422),
        ({"calls": [NOTHING] * 11}, 422),
        ({"calls": [{"name": "rm", "arguments": {}}]}, 422),
        ({"calls": [{"name": "do_nothing", "arguments": {"reason": "\x00"}}]}, 422),
        ({"text": "a", "locale": "fr"}, 422),
    ],
)
async def test_a_request_that_cannot_be_meant_is_refused(
    caller: httpx.AsyncClient, body: dict[str, Any], code: int
) -> None:
    answer = await caller.post("/activate/agent", json=body)
    assert answer.status_code == code
    assert answer.json()["remedy"]
    assert (await ok(await caller.get("/tasks")))["items"] == []


async def test_what_reaches_many_waits_and_another_scope_lets_it_happen(
    services: Services, tenant: Tenant, caller: httpx.AsyncClient, callers: Callers, waiting: dict[str, Any]
) -> None:
    path = f"/tasks/{waiting['task_id']}"
    shown = await ok(await caller.get(path))
    assert shown["status"] == "awaiting_approval"
    assert shown["approval"] == {"people": 1, "limit": 0, "approved": None, "by": None, "at": None, "note": None}
    asker = await callers.of(tenant, [Scope.READ, Scope.WRITE, Scope.ACTIVATE])
    for verb in ("approve", "reject"):
        assert (await asker.post(f"{path}/{verb}")).status_code == 403
    approver = await callers.of(tenant, [Scope.APPROVE])
    assert (await approver.post("/activate/agent", json={"calls": [NOTHING]})).status_code == 403
    approved = await ok(await approver.post(f"{path}/approve", json={"note": "đã xem"}))
    assert (approved["status"], approved["approval"]["approved"], approved["approval"]["note"]) == (
        *("acting", True),
        "đã xem",
    )
    assert approved["approval"]["by"] != approved["asked_by"]
    await _work(services, tenant)
    done = await ok(await caller.get(path))
    assert done["reasoning_summary"] == "Đã kích hoạt chiến dịch xin-chao: đang ra quyết định cho 1 người."
    assert (await approver.post(f"{path}/approve")).status_code == 409


@pytest.mark.parametrize(("verb", "summary"), [("reject", "Yêu cầu đã bị từ chối."), ("cancel", "Yêu cầu đã bị huỷ.")])
async def test_a_task_that_is_rejected_or_cancelled_does_nothing(
    services: Services, tenant: Tenant, caller: httpx.AsyncClient, waiting: dict[str, Any], verb: str, summary: str
) -> None:
    ended = await ok(await caller.post(f"/tasks/{waiting['task_id']}/{verb}"))
    assert (ended["status"], ended["reasoning_summary"], ended["results"]) == ("cancelled", summary, [])
    await _work(services, tenant)
    (found,) = (await ok(await caller.get("/campaigns")))["items"]
    assert found["status"] == "draft"


async def test_a_key_without_the_tools_scope_cannot_have_it_called(callers: Callers, tenant: Tenant) -> None:
    writer = await callers.of(tenant, [Scope.READ, Scope.WRITE])
    answer = await writer.post("/activate/agent", json={"calls": [START]})
    assert answer.status_code == 403
    assert "activate" in answer.json()["detail"]


async def test_another_tenant_can_do_nothing_with_a_task(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient, waiting: dict[str, Any]
) -> None:
    path = f"/tasks/{waiting['task_id']}"
    assert (await ok(await stranger.get("/tasks")))["items"] == []
    for answer in (
        await stranger.get(path),
        await stranger.get(f"{path}/events"),
        *[await stranger.post(f"{path}/{verb}") for verb in ("approve", "reject", "cancel")],
    ):
        assert answer.status_code == 404
    assert (await ok(await caller.get(path)))["status"] == "awaiting_approval"


async def test_the_stream_tells_each_step_once_and_ends_with_the_task(
    services: Services, tenant: Tenant, caller: httpx.AsyncClient
) -> None:
    asked = await _ask(caller, NOTHING)
    path = f"/tasks/{asked['task_id']}/events"
    following = asyncio.create_task(caller.get(path))
    await _work(services, tenant)
    answer = await following
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = _events(answer.text)
    assert [one["event"] for one in told] == ["moved", "checked", "moved", "called", "moved"]
    assert [one["id"] for one in told] == ["1", "2", "3", "4", "5"]
    assert told[-1]["data"]["document"] == {"from": "acting", "to": "succeeded"}
    again = await caller.get(path, headers={"Last-Event-ID": "3"})
    assert [one["id"] for one in _events(again.text)] == ["4", "5"]
    assert _events((await caller.get(path, headers={"Last-Event-ID": "5"})).text) == []


async def test_a_stream_that_has_nothing_to_tell_says_that_it_lives_and_holds_no_transaction(
    services: Services, tenant: Tenant, waiting: dict[str, Any]
) -> None:
    given = {"tenant_id": tenant.tenant_id, "task_id": waiting["task_id"], "after": 99}
    stream = tasks.follow(services.db, **given, look_s=0.01, silent_s=0.02)
    assert await anext(stream) is None
    async with services.db.transaction(tenant.tenant_id) as conn:
        found = await conn.execute(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND state LIKE 'idle in transaction%%'"
        )
        assert (await found.fetchone() or {})["n"] == 0
    await stream.aclose()  # type: ignore[attr-defined]  # an async generator


async def test_a_silent_stream_sends_comments(
    services: Services, tenant: Tenant, waiting: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def quiet(*_: Any, **__: Any) -> Any:
        yield None

    monkeypatch.setattr("api.routes.tasks.tasks.follow", quiet)
    sent = [line async for line in routes._events(services.db, tenant.tenant_id, waiting["task_id"], 0)]
    assert sent == [": still here\n\n"]
