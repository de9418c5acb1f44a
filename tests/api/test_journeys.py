"""One person over HTTP: found by what is in hand, the time line page by page, what is allowed now, messages."""

from typing import Any

import httpx
import pytest

from api.services import Services
from engine.campaigns import save_policy
from tests.api.conftest import Callers
from tests.api.story import ALWAYS_AWAKE, MAI, campaign, connect_mail, decide_all, ok
from tests.conftest import Tenant

LAN = {"ext_id": "kh-2", "name": "Lan", "attributes": {"city": "Vinh"}}


@pytest.fixture
async def campaign_id(caller: httpx.AsyncClient, services: Services, tenant: Tenant) -> int:
    await connect_mail(services, tenant)
    made = await campaign(caller)
    await ok(await caller.post("/profiles", json=LAN))
    return int(made["campaign_id"])


@pytest.fixture
async def decided(caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int) -> int:
    """Mai did something, and a campaign decided to write to her."""
    event = {"type": "viewed", "profile": "kh-1", "ext_id": "v-1", "attributes": {"page": "Trà"}}
    await ok(await caller.post("/events", json=event))
    await ok(await caller.post(f"/campaigns/{campaign_id}/activate"))
    await decide_all(services, tenant)
    return campaign_id


async def _found(caller: httpx.AsyncClient, text: str) -> list[tuple[str, str]]:
    found = await ok(await caller.get("/search/people", params={"q": text}))
    return [(one["ext_id"], one["matched"]) for one in found["items"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kh-1", [("kh-1", "key")]),
        (" kh- ", [("kh-1", "key"), ("kh-2", "key")]),
        ("MAI@Khach.example", [("kh-1", "address")]),
        ("mai@kh", [("kh-1", "address")]),
        ("thị mai", [("kh-1", "name")]),
        ("Mai thi", [("kh-1", "name")]),
        ("TH", [("kh-1", "name")]),
        ("hị", []),
        ("mai & | ! :* ' \\\\", [("kh-1", "name")]),
        ("...", []),
        ("lan", [("kh-2", "name")]),
        ("%", []),
        ("nobody", []),
    ],
)
@pytest.mark.usefixtures("campaign_id")
async def test_people_are_found_by_key_address_or_name(
    caller: httpx.AsyncClient, text: str, found: list[tuple[str, str]]
) -> None:
    assert await _found(caller, text) == found


@pytest.mark.usefixtures("campaign_id")
async def test_people_are_found_by_id_and_never_across_tenants(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mai = await ok(await caller.get("/profiles/kh-1"))
    assert await _found(caller, str(mai["profile_id"])) == [("kh-1", "id")]
    for text in (str(mai["profile_id"]), "kh-1", "mai@khach.example", "Mai"):
        assert await _found(stranger, text) == []


@pytest.mark.usefixtures("decided")
async def test_a_time_line_tells_everything_once_page_by_page(caller: httpx.AsyncClient) -> None:
    whole = await ok(await caller.get("/profiles/kh-1/timeline"))
    assert {one["kind"] for one in whole["items"]} == {"event", "decision", "delivery"}
    assert whole["next"] is None
    told: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"limit": 1}
    while True:
        page = await ok(await caller.get("/profiles/kh-1/timeline", params=asked))
        told += page["items"]
        if page["next"] is None:
            break
        asked = {"limit": 1, **page["next"]}
    assert told == whole["items"]
    assert (await ok(await caller.get("/profiles/kh-2/timeline")))["items"] == []


async def test_half_of_what_comes_next_is_refused(caller: httpx.AsyncClient, decided: int) -> None:
    del decided
    answer = await caller.get("/profiles/kh-1/timeline", params={"before_id": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_what_is_allowed_now_says_which_gate_stands_against_it(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int
) -> None:
    del campaign_id
    async with services.db.transaction(tenant.tenant_id) as conn:
        await save_policy(conn, tenant_id=tenant.tenant_id, document=ALWAYS_AWAKE)
    allowed = {one["channel"]: one for one in (await ok(await caller.get("/profiles/kh-1/allowed")))["channels"]}
    assert allowed["email"]["is_connected"]
    assert allowed["email"]["is_allowed"]
    # She agreed to every channel, has an address on one, and one is connected.
    assert [reason["gate"] for reason in allowed["telegram"]["reasons"]] == ["unreachable"]
    assert not allowed["telegram"]["is_connected"]
    nobody = {one["channel"]: one for one in (await ok(await caller.get("/profiles/kh-2/allowed")))["channels"]}
    assert [reason["gate"] for reason in nobody["email"]["reasons"]] == ["consent", "unreachable"]


async def test_a_message_is_shown_as_it_looked_without_its_way_to_unsubscribe(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient, decided: int
) -> None:
    del decided
    items = (await ok(await caller.get("/profiles/kh-1/timeline")))["items"]
    delivery = next(one["record_id"] for one in items if one["kind"] == "delivery")
    message = await ok(await caller.get(f"/deliveries/{delivery}/message"))
    assert message["subject"] == f"Chào {MAI['name']}"
    assert message["text"] == f"Chào {MAI['name']}. Ngừng nhận: #unsubscribe"
    assert not message["has_changed"]
    assert (await stranger.get(f"/deliveries/{delivery}/message")).status_code == 404


@pytest.mark.parametrize(
    ("scopes", "role"),
    [
        (["read"], "auditor"),
        (["read", "write"], "marketer"),
        (["approve"], "marketer"),
        (["read", "admin"], "operator"),
    ],
)
async def test_a_caller_is_told_what_the_key_allows(
    callers: Callers, tenant: Tenant, scopes: list[str], role: str
) -> None:
    told = await ok(await (await callers.of(tenant, scopes)).get("/caller"))
    assert (told["slug"], told["scopes"], told["role"]) == (tenant.slug, scopes, role)
