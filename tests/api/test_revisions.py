"""Nobody writes over what they did not see: If-None-Match for what is to be new, If-Match for what is changed."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.api.conftest import Callers
from tests.api.story import ok
from tests.conftest import Tenant

NEW = {"If-None-Match": "*"}
RULE = {"attribute": "city", "is": "Huế"}
BODY = "Chào {{ profile.name }}. Ngừng nhận: {{ unsubscribe_url }}"
RECORDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "campaign": ("/campaigns", {"key": "tet", "name": "Tết"}, {"name": "Tết Hà Nội"}),
    "segment": ("/segments", {"key": "tet", "name": "Tết", "rule": RULE}, {"name": "Tết Hà Nội"}),
    "template": (
        "/templates",
        {"key": "tet", "channel": "email", "subject": "Tết", "body_text": BODY},
        {"subject": "Tết Hà Nội"},
    ),
}


def seen(answer: dict[str, Any]) -> dict[str, str]:
    return {"If-Match": f'"{answer["revision"]}"'}


async def kept(caller: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    return list((await ok(await caller.get(path)))["items"])


@pytest.fixture
async def caller(callers: Callers, tenant: Tenant) -> httpx.AsyncClient:
    return await callers.of(tenant)


@pytest.mark.parametrize("record", RECORDS)
async def test_the_second_who_makes_a_key_is_told_who_was_first(caller: httpx.AsyncClient, record: str) -> None:
    path, body, change = RECORDS[record]
    first = await caller.post(path, json=body, headers=NEW)
    assert first.status_code == 201
    assert first.headers["ETag"] == f'"{first.json()["revision"]}"'
    second = await caller.post(path, json={**body, **change}, headers=NEW)
    assert (second.status_code, second.json()["code"]) == (412, "changed")
    (one,) = second.json()["errors"]
    assert (one["kind"], one["field"]) == (f"{record}.taken", "body.key")
    assert one["values"]["by"] == first.json()["saved_by"]
    assert "API key" in one["values"]["by"]
    assert one["values"]["record_id"] == str(first.json()[f"{record}_id"])
    assert one["values"]["at"][:16] == first.json()["saved_at"][:16]
    assert await kept(caller, path) == [first.json()]


@pytest.mark.parametrize("record", RECORDS)
async def test_a_change_is_made_only_on_top_of_what_was_seen(caller: httpx.AsyncClient, record: str) -> None:
    path, body, change = RECORDS[record]
    first = await ok(await caller.post(path, json=body))
    mine = await caller.post(path, json={**body, **change}, headers=seen(first))
    assert mine.status_code == 201
    assert mine.json()["revision"] != first["revision"]
    theirs = await caller.post(path, json=body, headers=seen(first))
    assert (theirs.status_code, theirs.json()["errors"][0]["kind"]) == (412, f"{record}.changed")
    assert (await kept(caller, path))[-1] == mine.json()
    # Whoever reads it again can save.
    assert (await caller.post(path, json=body, headers=seen(mine.json()))).status_code == 201


@pytest.mark.parametrize("record", RECORDS)
async def test_who_says_nothing_saves_as_before(caller: httpx.AsyncClient, record: str) -> None:
    path, body, change = RECORDS[record]
    await ok(await caller.post(path, json=body))
    saved = await ok(await caller.post(path, json={**body, **change}))
    assert (await kept(caller, path))[-1] == saved


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("headers", [NEW, None], ids=["new", "seen"])
async def test_of_many_at_once_one_saves(
    caller: httpx.AsyncClient, record: str, headers: dict[str, str] | None
) -> None:
    path, body, _ = RECORDS[record]
    if headers is None:
        headers = seen(await ok(await caller.post(path, json=body)))
    said = "subject" if record == "template" else "name"
    answers = await asyncio.gather(
        *(caller.post(path, json={**body, said: f"Tết {n}"}, headers=headers) for n in range(6))
    )
    assert Counter(one.status_code for one in answers) == {201: 1, 412: 5}
    (saved,) = [one.json() for one in answers if one.status_code == 201]
    assert (await kept(caller, path))[-1][said] == saved[said]


@pytest.mark.parametrize("record", RECORDS)
async def test_what_is_not_there_is_not_changed(caller: httpx.AsyncClient, record: str) -> None:
    path, body, _ = RECORDS[record]
    for sent in ("*", '"0123456789abcdef"'):
        answer = await caller.post(path, json=body, headers={"If-Match": sent})
        assert (answer.status_code, answer.json()["errors"][0]["kind"]) == (412, f"{record}.gone")
    assert await kept(caller, path) == []


async def test_a_header_is_read_as_the_standard_has_it(caller: httpx.AsyncClient) -> None:
    path, body, _ = RECORDS["campaign"]
    made = await ok(await caller.post(path, json=body))
    several = f'"0000000000000000", "{made["revision"]}"'
    assert (await caller.post(path, json=body, headers={"If-Match": several})).status_code == 201
    assert (await caller.post(path, json=body, headers={"If-Match": "*"})).status_code == 201
    # A weak tag matches nothing.
    weak = await caller.post(path, json=body, headers={"If-Match": f'W/"{made["revision"]}"'})
    assert weak.status_code == 412
    for header in ({"If-Match": made["revision"]}, {"If-None-Match": f'"{made["revision"]}"'}):
        answer = await caller.post(path, json=body, headers=header)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_a_refused_change_leaves_no_policy_behind(caller: httpx.AsyncClient) -> None:
    path, body, change = RECORDS["campaign"]
    first = await ok(await caller.post(path, json=body))
    await ok(await caller.post(path, json={**body, **change}))
    refused = await caller.post(path, json={**body, "policy": {"caps": []}}, headers=seen(first))
    assert refused.status_code == 412
    assert (await caller.get("/policies/campaign:tet")).status_code == 404


async def test_what_happens_to_a_record_is_no_saving(caller: httpx.AsyncClient) -> None:
    await ok(await caller.post("/profiles", json=[{"ext_id": "kh-1", "attributes": {"city": "Huế"}}]))
    segment = await ok(await caller.post("/segments", json=RECORDS["segment"][1]))
    await ok(await caller.post("/segments/tet/refresh"))
    template = await ok(await caller.post("/templates", json=RECORDS["template"][1]))
    await ok(await caller.post(f"/templates/{template['template_id']}/approve"))
    body = {**RECORDS["campaign"][1], "trigger_type": "x", "template_ids": [template["template_id"]]}
    campaign = await ok(await caller.post("/campaigns", json=body))
    await ok(await caller.post(f"/campaigns/{campaign['campaign_id']}/activate"))
    paused = await ok(await caller.post(f"/campaigns/{campaign['campaign_id']}/pause"))
    said = ("revision", "saved_by", "saved_at")
    now = await caller.get("/segments/tet")
    assert [now.json()[one] for one in said] == [segment[one] for one in said]
    assert now.headers["ETag"] == f'"{segment["revision"]}"'
    assert [paused[one] for one in said] == [campaign[one] for one in said]
    shown = await caller.get(f"/campaigns/{campaign['campaign_id']}")
    assert shown.headers["ETag"] == f'"{campaign["revision"]}"'
