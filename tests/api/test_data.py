"""What LEO CDP calls by itself: take a segment now, with the key in a header or in the body."""

import logging

import httpx
import pytest

from api.routes import data
from api.services import Services
from engine.tenants import create_api_key
from tests.api.conftest import Callers
from tests.api.story import ok
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.cdp import Cdp, connect, new_cdp

PATH = "/data/sync-segment"
SEGMENT = "497ChuAh3ycYQ92GaH9NEx"
BODY = {"segment_id": SEGMENT}


@pytest.fixture
async def cdp(sandbox: SandboxProcess, services: Services, tenant: Tenant) -> Cdp:
    """A CDP with 40 people that `tenant` has as a source."""
    await sandbox.reset()
    made = new_cdp(sandbox)
    await made.make(40)
    await connect(services.db, services.vault, tenant, made)
    return made


async def _key(services: Services, tenant: Tenant, *scopes: str) -> str:
    async with services.db.transaction(tenant.tenant_id) as conn:
        return (await create_api_key(conn, tenant_id=tenant.tenant_id, name="cdp", scopes=scopes)).secret


@pytest.mark.usefixtures("cdp")
async def test_a_segment_of_the_cdp_is_here_when_the_answer_comes(caller: httpx.AsyncClient) -> None:
    done = await ok(await caller.post(PATH, json=BODY))
    assert done["status"] == "ok"
    assert 0 < done["synced"] < 40
    assert (await ok(await caller.get(f"/segments/cdp:{SEGMENT}")))["size"] == done["synced"]


@pytest.mark.usefixtures("cdp")
async def test_the_key_may_come_in_the_body_and_is_neither_told_nor_logged(
    anybody: httpx.AsyncClient, services: Services, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    key = await _key(services, tenant, "write")
    with caplog.at_level(logging.DEBUG):
        answer = await anybody.post(PATH, json={**BODY, "data_sync_api_key": key})
        refused = await anybody.post(PATH, json={"data_sync_api_key": key})
    assert (await ok(answer)).keys() == {"status", "synced"}
    assert refused.status_code == 422
    for text in (answer.text, refused.text, caplog.text):
        assert key not in text


@pytest.mark.usefixtures("cdp")
async def test_a_key_in_the_body_needs_the_scope_too(
    anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    reading = await _key(services, tenant, "read", "activate", "admin")
    for wrong, status in ((reading, 403), ("leo_00000000_wrong", 401), ("", 401), (7, 401), (None, 401)):
        answer = await anybody.post(PATH, json={**BODY, "data_sync_api_key": wrong})
        assert answer.status_code == status, wrong
    for content in (b"", b"not json", b"[]", b"[" * 100_000):
        assert (await anybody.post(PATH, content=content)).status_code == 401, content[:10]


@pytest.mark.usefixtures("cdp")
async def test_a_header_goes_before_the_body(
    callers: Callers, services: Services, tenant: Tenant, other_tenant: Tenant
) -> None:
    body = {**BODY, "data_sync_api_key": await _key(services, tenant, "write")}
    reader = await callers.of(tenant, ["read"])
    assert (await reader.post(PATH, json=body)).status_code == 403
    stranger = await callers.of(other_tenant)
    assert (await stranger.post(PATH, json=body)).status_code == 404


async def test_no_other_route_takes_a_key_from_its_body(
    anybody: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    key = await _key(services, tenant, "write", "activate", "admin", "read")
    for path in ("/profiles", "/segments", "/events", "/activate/profile"):
        assert (await anybody.post(path, json={"data_sync_api_key": key})).status_code == 401, path


@pytest.mark.usefixtures("cdp")
async def test_a_segment_that_the_cdp_has_not_active_is_not_found(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    for segment in ("9InactiveQuerySegmt10", "nowhere"):
        answer = await caller.post(PATH, json={"segment_id": segment})
        assert answer.status_code == 404
        assert segment in answer.json()["detail"]
    assert "No source" in (await stranger.post(PATH, json=BODY)).json()["detail"]


@pytest.mark.usefixtures("cdp")
async def test_a_repeated_request_is_answered_and_not_done_again(caller: httpx.AsyncClient, cdp: Cdp) -> None:
    once = {"Idempotency-Key": "sync-1"}
    done = await ok(await caller.post(PATH, json=BODY, headers=once))
    await cdp.fail(status=503, mode="reply", times=100)
    again = await caller.post(PATH, json=BODY, headers=once)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await ok(again) == done


@pytest.mark.usefixtures("cdp")
async def test_a_call_that_takes_too_long_is_ended_and_may_come_again(
    caller: httpx.AsyncClient, cdp: Cdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "LONGEST_S", 0.5)
    once = {"Idempotency-Key": "sync-2"}
    await cdp.fail(mode="slow", delay=3.0, query="segment_members")
    answer = await caller.post(PATH, json=BODY, headers=once)
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    monkeypatch.undo()
    assert (await ok(await caller.post(PATH, json=BODY, headers=once)))["synced"] > 0
