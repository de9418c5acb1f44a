"""Profiles that may be one person, through the API: from finding to un-merging."""

import httpx
import pytest

from tests.api.conftest import Callers
from tests.api.story import MAI, ok
from tests.conftest import Tenant

WEB = {"ext_id": "web/77", "name": "Mai Trần", "addresses": [{"channel": "email", "value": "MAI@khach.example"}]}
ZALO = {"ext_id": "zalo-9", "addresses": [{"channel": "email", "value": "mai@khach.example"}]}


@pytest.fixture
async def people(caller: httpx.AsyncClient) -> httpx.AsyncClient:
    await ok(await caller.post("/profiles", json=[MAI, WEB, ZALO]))
    assert (await ok(await caller.post("/duplicates/find")))["new"] == 2
    return caller


async def test_duplicates_are_found_listed_merged_and_un_merged(people: httpx.AsyncClient) -> None:
    page = await ok(await people.get("/duplicates"))
    (proposal,) = page["items"]
    assert [member["ext_id"] for member in proposal["members"]] == ["kh-1", "web/77", "zalo-9"]
    assert (proposal["winner"], proposal["channels"], page["next"]) == ("kh-1", ["email"], None)

    body = {"losers": ["web/77", "zalo-9"], "reason": "the same person"}
    assert await ok(await people.post("/profiles/kh-1/merge", json=body)) == {"redirected": 2, "cancelled": 0}
    assert (await ok(await people.get("/duplicates")))["items"] == []
    winner = (await ok(await people.get("/profiles/kh-1")))["profile_id"]
    loser = await ok(await people.get("/profiles/web%2F77"))
    assert (loser["status"], loser["merged_into"]) == ("merged", winner)
    trace = await ok(await people.get("/trace/profile/zalo-9"))
    assert trace["title"] == "zalo-9, merged into kh-1"

    assert await ok(await people.post("/profiles/web%2F77/unmerge")) == {"redirected": 1, "cancelled": 0}
    assert (await ok(await people.get("/profiles/web%2F77")))["status"] == "active"
    again = await people.post("/profiles/web%2F77/unmerge")
    assert again.status_code == 409


async def test_a_refused_pair_is_gone(people: httpx.AsyncClient) -> None:
    (proposal,) = (await ok(await people.get("/duplicates")))["items"]
    for pair in proposal["pairs"]:
        answer = await ok(await people.post(f"/duplicates/{pair['duplicate_id']}/refuse"))
        assert answer["status"] == "refused"
    await ok(await people.post("/duplicates/find"))
    listed = (await ok(await people.get("/duplicates")))["items"]
    assert [[member["ext_id"] for member in one["members"]] for one in listed] == [["web/77", "zalo-9"]]


async def test_who_may_only_read_merges_nothing(callers: Callers, people: httpx.AsyncClient, tenant: Tenant) -> None:
    reader = await callers.of(tenant, ["read"])
    assert (await reader.get("/duplicates")).status_code == 200
    body = {"losers": ["web/77"], "reason": "no"}
    assert (await reader.post("/profiles/kh-1/merge", json=body)).status_code == 403
    assert (await people.post("/profiles/kh-1/merge", json={"losers": [], "reason": "no"})).status_code == 422


async def test_another_tenants_people_are_not_there(people: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    (proposal,) = (await ok(await people.get("/duplicates")))["items"]
    pair = proposal["pairs"][0]["duplicate_id"]
    assert (await ok(await stranger.get("/duplicates")))["items"] == []
    assert (await stranger.post(f"/duplicates/{pair}/refuse")).status_code == 404
    assert (await stranger.post("/profiles/web%2F77/unmerge")).status_code == 404
