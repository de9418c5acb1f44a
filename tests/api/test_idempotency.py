"""A request that is repeated is done once."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from api.services import Services
from engine import idempotency
from engine.activate import activate_profile
from engine.db import PLATFORM, app_conninfo
from engine.settings import Settings
from rules.errors import InProgress
from tests.api.story import MAI, campaign, connect_mail, ok
from tests.conftest import Tenant

TYPES = st.sampled_from(["visit", "view", "cart"])
REQUESTS = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), TYPES), min_size=1, max_size=12)
_fresh = iter(range(10**9))


async def _count(services: Services, tenant: Tenant) -> int:
    async with services.db.transaction(tenant.tenant_id) as conn:
        row = await (await conn.execute("SELECT count(*) AS n FROM marketing_event")).fetchone()
    assert row is not None
    return int(row["n"])


@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=REQUESTS)
async def test_the_same_key_and_body_is_done_once_and_another_body_never(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, requests: list[tuple[str, str]]
) -> None:
    example = next(_fresh)
    before = await _count(services, tenant)
    first: dict[str, tuple[str, httpx.Response]] = {}
    for key, kind in requests:
        answer = await caller.post("/events", json={"type": kind}, headers={"Idempotency-Key": f"{example}-{key}"})
        known = first.get(key)
        if known is None:
            first[key] = (kind, answer)
            assert answer.status_code == 202
            assert "Idempotency-Replayed" not in answer.headers
        elif known[0] == kind:
            assert (answer.status_code, answer.content) == (202, known[1].content)
            assert answer.headers["Idempotency-Replayed"] == "true"
        else:
            assert answer.status_code == 422
    assert await _count(services, tenant) == before + len(first)


async def test_of_requests_at_the_same_time_one_is_done(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    before = await _count(services, tenant)
    for round_ in range(10):
        headers = {"Idempotency-Key": f"race-{round_}"}
        answers = await asyncio.gather(
            *(caller.post("/events", json={"type": "visit"}, headers=headers) for _ in range(6))
        )
        done = [answer for answer in answers if answer.status_code == 202]
        assert {answer.status_code for answer in answers} <= {202, 409}
        assert len({answer.content for answer in done}) == 1
        for answer in answers:
            assert answer.status_code != 409 or answer.json()["code"] == "in_progress"
    assert await _count(services, tenant) == before + 10


async def test_a_request_that_failed_leaves_its_key_free(caller: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "later"}
    event = {"type": "visit", "profile": "kh-1"}
    assert (await caller.post("/events", json=event, headers=headers)).status_code == 422
    await ok(await caller.post("/profiles", json=MAI))
    await ok(await caller.post("/events", json=event, headers=headers))


async def test_a_key_belongs_to_one_tenant_and_one_operation(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    headers = {"Idempotency-Key": "same"}
    for who in (caller, stranger):
        answer = await who.post("/profiles", json=MAI, headers=headers)
        assert answer.status_code == 200
        assert "Idempotency-Replayed" not in answer.headers
    event = await caller.post("/events", json={"type": "visit"}, headers=headers)
    assert event.status_code == 202


async def test_a_key_holds_the_path_too(caller: httpx.AsyncClient) -> None:
    made = await campaign(caller)
    headers = {"Idempotency-Key": "go"}
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate", headers=headers))
    other = await caller.post(f"/campaigns/{made['campaign_id'] + 1}/activate", headers=headers)
    assert other.status_code == 422
    again = await caller.post(f"/campaigns/{made['campaign_id']}/activate", headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_key_that_cannot_be_used_is_refused(caller: httpx.AsyncClient) -> None:
    for key in (b"", b"x" * 256, "khoá".encode()):
        answer = await caller.post("/events", json={"type": "visit"}, headers={b"Idempotency-Key": key})
        assert answer.status_code == 422


async def test_making_a_tenant_and_a_key_is_repeated_with_the_same_secret_stored_sealed(
    services: Services, anybody: httpx.AsyncClient
) -> None:
    headers = {"X-Platform-Key": services.platform_key, "Idempotency-Key": "new-shop"}
    body = {"slug": "new_shop", "name": "New shop"}
    made, again = [await anybody.post("/tenants", json=body, headers=headers) for _ in range(2)]
    assert made.status_code == again.status_code == 201
    assert made.content == again.content
    key = {"name": "k", "scopes": ["read"]}
    first, repeated = [await anybody.post("/tenants/new_shop/keys", json=key, headers=headers) for _ in range(2)]
    assert repeated.headers["Idempotency-Replayed"] == "true"
    assert first.content == repeated.content
    async with services.db.transaction(PLATFORM) as conn:
        rows = await (await conn.execute("SELECT response::text FROM idempotency_key")).fetchall()
    stored = json.dumps([row["response"] for row in rows])
    assert len(rows) >= 2
    assert first.json()["secret"] not in stored


async def _reserve(services: Services, tenant_id: UUID, body: Any, key: str) -> idempotency.Reserved:
    asked = b"POST\n/activate/profile\n" + json.dumps(body, separators=(",", ":")).encode()
    once = idempotency.once(tenant_id=tenant_id, operation="activateProfile", key=key, asked=asked)
    async with services.db.transaction(tenant_id) as conn:
        assert await idempotency.claim(conn, once, services.vault) is None
        return await idempotency.reserve(conn, once)


@pytest.mark.parametrize("end", ["died", "failed"])
async def test_what_a_request_had_begun_when_it_was_cut_off_is_gone_on_with(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, end: str
) -> None:
    made = await campaign(caller)
    await connect_mail(services, tenant)
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    body = {"campaign_id": made["campaign_id"], "profile": "kh-1"}
    reserved = await _reserve(services, tenant.tenant_id, body, end)
    begun = await activate_profile(
        services.db,
        services.adapters,
        tenant_id=tenant.tenant_id,
        campaign_id=made["campaign_id"],
        ext_id="kh-1",
        reserved=reserved,
    )
    # Its message was tried and its answer is lost: the process died, or the database went after the commit.
    headers = {"Idempotency-Key": end}
    assert (await caller.post("/activate/profile", json=body, headers=headers)).status_code == 409
    async with services.db.transaction(tenant.tenant_id) as conn:
        if end == "died":
            await conn.execute("UPDATE idempotency_key SET created_at = created_at - interval '1 minute'")
        else:
            await idempotency.release(conn, reserved.request)
    other = {**body, "profile": "kh-2"}
    assert (await caller.post("/activate/profile", json=other, headers=headers)).status_code == 422
    again, repeated = [await caller.post("/activate/profile", json=body, headers=headers) for _ in range(2)]
    assert (await ok(again))["delivery_id"] == begun.delivery_id
    assert repeated.headers["Idempotency-Replayed"] == "true"
    async with services.db.transaction(tenant.tenant_id) as conn:
        counted = await (
            await conn.execute(
                "SELECT (SELECT count(*) FROM campaign_run WHERE kind = 'request') AS r, "
                "(SELECT count(*) FROM delivery_log) AS d"
            )
        ).fetchone()
    assert counted == {"r": 1, "d": 1}


async def test_a_process_that_died_while_acting_frees_the_key_after_a_minute(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    made = await campaign(caller)
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    body = {"campaign_id": made["campaign_id"], "profile": "kh-1"}
    await _reserve(services, tenant.tenant_id, body, "died")
    headers = {"Idempotency-Key": "died"}
    held = await caller.post("/activate/profile", json=body, headers=headers)
    assert (held.status_code, held.json()["code"]) == (409, "in_progress")
    async with services.db.transaction(tenant.tenant_id) as conn:
        row = await (
            await conn.execute(
                "UPDATE idempotency_key SET expires_at = expires_at - interval '1 minute' WHERE key = 'died' "
                "RETURNING expires_at <= now() AS is_free"
            )
        ).fetchone()
    assert row == {"is_free": True}
    await ok(await caller.post("/activate/profile", json=body, headers=headers))
    failed = {**body, "profile": "nobody"}
    for _ in range(2):
        assert (
            await caller.post("/activate/profile", json=failed, headers={"Idempotency-Key": "failed"})
        ).status_code == 404


async def test_whoever_dies_with_the_turn_gives_it_back(
    services: Services, settings: Settings, database_url: str, tenant: Tenant
) -> None:
    once = idempotency.once(tenant_id=tenant.tenant_id, operation="recordEvents", key="killed", asked=b"asked")
    dying = await AsyncConnection.connect(app_conninfo(database_url, settings), row_factory=dict_row)
    await dying.execute("SELECT set_config('leo.tenant', %s, false)", (str(tenant.tenant_id),))
    assert await idempotency.claim(dying, once, services.vault) is None
    async with services.db.transaction(tenant.tenant_id) as conn:
        with pytest.raises(InProgress):
            await idempotency.claim(conn, once, services.vault)
    dying.pgconn.finish()
    await asyncio.sleep(0.2)
    async with services.db.transaction(tenant.tenant_id) as conn:
        assert await idempotency.claim(conn, once, services.vault) is None


async def test_a_request_that_fails_late_frees_no_key_that_another_holds_by_now(
    services: Services, tenant: Tenant
) -> None:
    slow, other = (
        idempotency.once(tenant_id=tenant.tenant_id, operation="activateProfile", key="k-late", asked=asked)
        for asked in (b"one", b"another")
    )
    async with services.db.transaction(tenant.tenant_id) as conn:
        await idempotency.reserve(conn, slow)
        await conn.execute("UPDATE idempotency_key SET expires_at = now() - interval '1 s' WHERE key = 'k-late'")
        await idempotency.reserve(conn, other)
        await idempotency.release(conn, slow)
        with pytest.raises(InProgress):
            await idempotency.claim(conn, other, services.vault)
