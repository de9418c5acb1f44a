"""Explanations over HTTP: the funnel, why not, replay, and what a campaign or a policy would come to."""

from typing import Any

import httpx
import pytest

from api.services import Services
from tests.api.story import campaign, connect_mail, decide_all, ok
from tests.conftest import Tenant

LAN = {"ext_id": "kh/2", "name": "Lan", "attributes": {"city": "Vinh"}}


@pytest.fixture
async def campaign_id(caller: httpx.AsyncClient, services: Services, tenant: Tenant) -> int:
    """A draft campaign for who lives in Huế, as Mai does and Lan does not."""
    await connect_mail(services, tenant)
    made = await campaign(caller)
    await ok(await caller.post("/profiles", json=LAN))
    return int(made["campaign_id"])


@pytest.fixture
async def decision_id(caller: httpx.AsyncClient, services: Services, tenant: Tenant, campaign_id: int) -> int:
    """The decision for Mai."""
    await ok(await caller.post(f"/campaigns/{campaign_id}/activate"))
    await decide_all(services, tenant)
    decided = await ok(await caller.get("/decisions", params={"profile": "kh-1"}))
    return int(decided["items"][0]["decision_id"])


async def test_a_decision_is_explained_in_either_language(caller: httpx.AsyncClient, decision_id: int) -> None:
    for language, word in (("en", "gets"), ("vi", "nhận")):
        told = await ok(await caller.get(f"/decisions/{decision_id}/explain", params={"language": language}))
        assert word in told["summary"]
    assert [(one["action"], one["chosen"]) for one in told["candidates"]] == [("send", True), ("do_nothing", False)]
    assert told["funnel"][-1]["left"] == 1
    assert (told["inputs_verified"], told["replays"], told["arbiter"]) == (True, True, "score")


async def test_a_decision_replays(caller: httpx.AsyncClient, decision_id: int) -> None:
    told = await ok(await caller.get(f"/decisions/{decision_id}/replay"))
    assert (told["same"], told["changed"], told["differences"]) == (True, [], [])


async def test_why_not_answers_for_anybody_whatever_their_key(
    caller: httpx.AsyncClient, campaign_id: int, decision_id: int
) -> None:
    mai = await ok(await caller.get("/profiles/kh-1/why-not", params={"campaign_id": campaign_id}))
    assert (mai["answer"], mai["decision_id"]) == ("on_its_way", decision_id)
    lan = await ok(await caller.get("/profiles/kh/2/why-not", params={"campaign": "xin-chao"}))
    assert (lan["answer"], lan["decision_id"]) == ("not_in_segment", None)
    assert "Huế" in lan["sentence"]
    assert (lan["segment"]["holds"], lan["now"]["reason"]) == (False, "consent")


async def test_a_draft_campaign_is_forecast_and_tried_without_a_trace(
    caller: httpx.AsyncClient, campaign_id: int
) -> None:
    counted = await ok(await caller.post(f"/campaigns/{campaign_id}/forecast", json={}))
    assert (counted["people"], counted["actions"], counted["expected"]) == (1, {"send": 1}, {"send": 1})
    tried = await ok(await caller.post(f"/campaigns/{campaign_id}/dry-run", json={"profiles": ["kh/2", "kh-1"]}))
    assert {one["profile"]: one["reason"] for one in tried["decisions"]} == {"kh-1": "chosen", "kh/2": "consent"}
    assert (await ok(await caller.get("/decisions")))["items"] == []


async def test_a_forecast_asked_twice_with_one_key_is_answered_once(
    caller: httpx.AsyncClient, campaign_id: int
) -> None:
    headers = {"Idempotency-Key": "forecast-1"}
    first = await caller.post(f"/campaigns/{campaign_id}/forecast", json={}, headers=headers)
    again = await caller.post(f"/campaigns/{campaign_id}/forecast", json={}, headers=headers)
    assert (await ok(first), again.headers["Idempotency-Replayed"]) == (await ok(again), "true")


async def test_past_decisions_are_compared_under_a_version(caller: httpx.AsyncClient, decision_id: int) -> None:
    del decision_id
    told = await ok(await caller.post("/policies/campaign:xin-chao/compare", json={"version": 1}))
    assert (told["compared"], told["changed"], told["draft"]) == (1, 0, False)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/decisions/{decision}/explain", None),
        ("GET", "/decisions/{decision}/replay", None),
        ("GET", "/profiles/kh-1/why-not?campaign=xin-chao", None),
        ("POST", "/campaigns/{campaign}/forecast", {}),
        ("POST", "/campaigns/{campaign}/dry-run", {}),
        ("POST", "/policies/campaign:xin-chao/compare", {"version": 1}),
    ],
)
async def test_another_tenant_finds_nothing_of_it(
    stranger: httpx.AsyncClient,
    campaign_id: int,
    decision_id: int,
    method: str,
    path: str,
    body: dict[str, Any] | None,
) -> None:
    refused = await stranger.request(method, path.format(decision=decision_id, campaign=campaign_id), json=body)
    assert refused.status_code == 404


@pytest.mark.parametrize("body", [{"sample": 0}, {"sample": 20_001}, {"at": "2026-05-01T09:00:00"}, {"ha": 1}])
async def test_what_is_out_of_bounds_is_refused(
    caller: httpx.AsyncClient, campaign_id: int, body: dict[str, Any]
) -> None:
    assert (await caller.post(f"/campaigns/{campaign_id}/forecast", json=body)).status_code == 422
