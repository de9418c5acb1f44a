"""How often anybody may ask: keys, addresses without one, refused credentials, replies; and bounds of one request."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from redis.exceptions import RedisError

from api import envelope
from api.app import app_with
from api.services import Services
from engine import lanes
from engine.tenants import create_api_key
from engine.throttle import Limit, Throttle
from tests.api.story import MAI, ok
from tests.conftest import Tenant

KEY = "a_visitor_key_of_a_test_0123456789abcdef"


@asynccontextmanager
async def _asking(services: Services, address: str = "192.0.2.1", **limits: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A caller from an address, where these limits hold."""
    limited = replace(services, settings=services.settings.model_copy(update=limits))
    transport = httpx.ASGITransport(app_with(limited), client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
        yield client


async def _key(services: Services, tenant: Tenant) -> dict[str, str]:
    async with services.db.transaction(tenant.tenant_id) as conn:
        made = await create_api_key(conn, tenant_id=tenant.tenant_id, name="k", scopes=["read", "write", "admin"])
    return {"Authorization": f"Bearer {made.secret}"}


async def test_a_quota_is_taken_evenly_and_fills_again(services: Services) -> None:
    limit, who = Limit("even", 600), f"one {time.time()}"
    took = [await services.throttle.take(limit, who) for _ in range(605)]
    allowed = [one for one in took if one is not None and one.is_allowed]
    refused = [one for one in took if one is not None and not one.is_allowed]
    # Ten a second come back while it is asked.
    assert 600 <= len(allowed) <= 605
    assert [one.left for one in allowed[:3]] == [599, 598, 597]
    if not refused:
        refused = [one for _ in range(60) if (one := await services.throttle.take(limit, who)) and not one.is_allowed]
    assert 0 < refused[0].wait_s <= 0.1
    await asyncio.sleep(refused[-1].wait_s + 0.05)
    again = await services.throttle.take(limit, who)
    assert again is not None
    assert again.is_allowed
    other = await services.throttle.take(limit, "somebody else")
    assert other is not None
    assert other.left == 599


async def test_looking_takes_nothing(services: Services) -> None:
    limit, who = Limit("look", 1), f"one {time.time()}"
    for weight, allowed in ((0, True), (0, True), (1, True), (0, False), (1, False)):
        taken = await services.throttle.take(limit, who, weight=weight)
        assert taken is not None
        assert taken.is_allowed is allowed


async def test_a_key_has_a_quota_that_it_is_told(services: Services, tenant: Tenant, other_tenant: Tenant) -> None:
    mine, other = await _key(services, tenant), await _key(services, other_tenant)
    async with _asking(services, rate_per_key=3) as caller:
        answers = [await caller.get("/tenant", headers=mine) for _ in range(5)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=60'
        assert answers[0].headers["RateLimit"].startswith('"key";r=2;t=')
        told = answers[3].json()
        assert (told["code"], told["status"]) == ("too_many", 429)
        assert 1 <= int(answers[3].headers["Retry-After"]) <= 20
        assert answers[3].headers["Content-Type"] == "application/problem+json"
        # Another key is another caller, whatever header it stands in.
        assert (await caller.get("/tenant", headers=other)).status_code == 200
        secret = mine["Authorization"].removeprefix("Bearer ")
        assert (await caller.get("/tenant", headers={"X-API-Key": secret})).status_code == 429


async def test_the_quota_of_a_key_is_one_for_all_processes(services: Services, tenant: Tenant) -> None:
    headers = await _key(services, tenant)
    statuses = []
    for place in range(4):
        async with _asking(services, f"192.0.2.{place}", rate_per_key=3) as caller:
            statuses.append((await caller.get("/tenant", headers=headers)).status_code)
    assert statuses == [200, 200, 200, 429]


async def test_wrong_keys_of_one_address_come_to_an_end_and_right_ones_do_not(
    services: Services, tenant: Tenant
) -> None:
    headers = await _key(services, tenant)
    async with _asking(services, "192.0.2.77", rate_refused=3) as caller:
        wrong = [await caller.get("/tenant", headers={"X-API-Key": f"leo_0_{place}"}) for place in range(5)]
        assert [one.status_code for one in wrong] == [401, 401, 401, 429, 429]
        assert (await caller.get("/tenant", headers=headers)).status_code == 200
    async with _asking(services, "192.0.2.78", rate_refused=3) as elsewhere:
        assert (await elsewhere.get("/tenant", headers={"X-API-Key": "leo_0_x"})).status_code == 401


async def test_the_platforms_key_cannot_be_guessed_on(services: Services) -> None:
    """Unlike an API key it may be a person's choice, so a right guess after too many wrong ones is not heard."""
    body = {"slug": "guessed", "name": "x"}
    async with _asking(services, "192.0.2.79", rate_refused=3) as caller:
        guesses = [await caller.post("/tenants", json=body, headers={"X-Platform-Key": str(n)}) for n in range(4)]
        assert [one.status_code for one in guesses] == [401, 401, 401, 429]
        right = await caller.post("/tenants", json=body, headers={"X-Platform-Key": services.platform_key})
        assert right.status_code == 429


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/unsubscribe/x"),
        ("POST", "/unsubscribe/x"),
        ("GET", "/preferences/x"),
        ("POST", "/preferences/x"),
        ("GET", "/clicks/x"),
        ("GET", "/opens/x"),
        ("POST", "/webhooks/x"),
        ("GET", "/webhooks/x"),
        ("GET", "/inbox/x/stream"),
        ("POST", "/inbox/x/messages"),
        ("POST", "/inbox/x/read"),
        ("POST", "/inbox/x/reply"),
    ],
)
async def test_what_needs_no_key_is_counted_by_address(services: Services, method: str, path: str) -> None:
    async with _asking(services, f"the address of {method} {path}", rate_per_address=2) as caller:
        statuses = [(await caller.request(method, path)).status_code for _ in range(3)]
    assert 429 not in statuses[:2]
    assert statuses[2] == 429


async def test_a_network_of_ipv6_is_one_caller(services: Services) -> None:
    statuses = []
    for place in range(3):
        async with _asking(services, f"2001:db8:1:2::{place}", rate_per_address=2) as caller:
            statuses.append((await caller.get("/clicks/x")).status_code)
    assert statuses[2] == 429


async def test_a_visitor_replies_so_often_and_the_site_can_read_why_not(services: Services, tenant: Tenant) -> None:
    headers = await _key(services, tenant)
    async with _asking(services, rate_replies=2) as caller:
        person = {**MAI, "addresses": [{"channel": "chat", "value": "khach"}]}
        await ok(await caller.post("/profiles", json=person, headers=headers))
        site = {"kind": "chat", "name": "site", "settings": {"visitor_key": KEY}}
        made = await ok(await caller.post("/channels", json=site, headers=headers))
        visitor = await ok(
            await caller.post(f"/channels/{made['channel_id']}/visitors", json={"ext_id": "kh-1"}, headers=headers)
        )
        token = {"Authorization": f"Bearer {visitor['token']}"}
        answers = [
            await caller.post(f"{visitor['path']}/reply", json={"id": str(n), "text": "Alo"}, headers=token)
            for n in range(3)
        ]
        unknown = await caller.get(f"{visitor['path']}/stream", headers={"Authorization": "Bearer x"})
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert unknown.status_code == 401
    for one in (*answers, unknown):
        assert one.headers["Access-Control-Allow-Origin"] == "*", "a site has to be able to read an error"


class Away:
    """A Redis that does not answer; it counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def register_script(self, _: str) -> Any:
        async def take(**_: Any) -> None:
            self.asked += 1
            raise RedisError("away")

        return take


async def test_without_redis_nobody_is_refused_and_nobody_waits(services: Services, tenant: Tenant) -> None:
    headers, away = await _key(services, tenant), Away()
    throttled = replace(services, throttle=Throttle(away))  # type: ignore[arg-type]  # what it uses of a client
    async with _asking(throttled, rate_per_key=1) as caller:
        assert {(await caller.get("/tenant", headers=headers)).status_code for _ in range(5)} == {200}
    assert away.asked == 1, "asked again after a while only"


async def test_a_hung_redis_costs_a_quarter_of_a_second_once(services: Services, tenant: Tenant) -> None:
    headers = await _key(services, tenant)
    over = asyncio.Event()

    async def swallow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    swallowing = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = swallowing.sockets[0].getsockname()[1]
    client = lanes.connect(f"redis://127.0.0.1:{port}/0")
    try:
        async with _asking(replace(services, throttle=Throttle(client)), rate_per_key=1) as caller:
            began = time.monotonic()
            assert {(await caller.get("/tenant", headers=headers)).status_code for _ in range(3)} == {200}
            assert time.monotonic() - began < 3.0
    finally:
        over.set()
        swallowing.close()
        await client.aclose()


# --- one request ---


async def _chunks(count: int, octets: int, sent: list[int]) -> AsyncIterator[bytes]:
    for _ in range(count):
        sent.append(octets)
        yield b" " * octets


async def test_a_body_is_refused_before_all_of_it_was_read(services: Services, tenant: Tenant) -> None:
    headers = await _key(services, tenant)
    sent: list[int] = []
    async with _asking(services) as caller:
        streamed = await caller.post("/profiles", content=_chunks(1_000, 65_536, sent), headers=headers)
        declared = await caller.post("/profiles", content=b"x", headers={**headers, "Content-Length": "1048577"})
    assert (streamed.status_code, declared.status_code) == (413, 413)
    assert sum(sent) < 2_000_000


async def test_a_body_that_drips_is_given_up(
    services: Services, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "BODY_S", 0.1)
    headers = await _key(services, tenant)

    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.03)

    async with _asking(services) as caller:
        answer = await caller.post("/profiles", content=dripping(), headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (408, 408)


@pytest.mark.parametrize("opening", ['{"a":', "["], ids=["objects", "arrays"])
@pytest.mark.parametrize("path", ["/profiles", "/events", "/segments", "/policies", "/cypher", "/data/sync-segment"])
async def test_json_of_any_depth_is_an_answer(services: Services, tenant: Tenant, path: str, opening: str) -> None:
    headers = await _key(services, tenant)
    async with _asking(services) as caller:
        for depth in (50, 900, 5_000, 200_000):
            answer = await caller.post(path, content=opening * depth, headers=headers)
            closing = "}" if opening.startswith("{") else "]"
            whole = opening * depth + "1" + closing * depth
            closed = await caller.post(path, content=whole[: envelope.BODY_LIMIT], headers=headers)
            assert {answer.status_code, closed.status_code} <= {400, 401, 422}, depth


def _nested(depth: int, **leaf: Any) -> Any:
    rule: Any = leaf
    for _ in range(depth):
        rule = {"not": rule}
    return {"all": [rule]}


@pytest.mark.parametrize("depth", [10, 100, 400, 900])
async def test_a_rule_of_any_depth_is_an_answer(services: Services, tenant: Tenant, depth: int) -> None:
    headers = await _key(services, tenant)
    rule = _nested(depth, attribute="city", **{"is": "Huế"})
    async with _asking(services) as caller:
        for path, body in (
            ("/segments", {"key": "deep", "name": "Deep", "rule": rule}),
            ("/segments/preview", {"rule": rule}),
            ("/profiles", [{"ext_id": "deep", "attributes": rule}]),
            ("/policies", {"key": "deep", "document": rule}),
        ):
            answer = await caller.post(path, content=json.dumps(body), headers=headers)
            assert answer.status_code < 500, (path, answer.text)
