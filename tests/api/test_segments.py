"""Segments and snapshots over HTTP: said in words, tried, explained, refreshed, frozen, compared."""

from typing import Any

import httpx
import pytest

from api.services import Services
from tests.api.conftest import Callers
from tests.api.story import EMAIL, MAI, ok
from tests.conftest import Tenant

CITY: dict[str, Any] = {"attribute": "city", "is": "Huế"}
HUE: dict[str, Any] = {"key": "hue", "name": "Huế", "rule": {"all": [CITY]}}
LAN: dict[str, Any] = {"ext_id": "kh-2", "name": "Lan", "attributes": {"city": "Vinh"}}
QUERYBUILDER: dict[str, Any] = {
    "condition": "AND",
    "rules": [{"id": "livingCity", "field": "livingCity", "type": "string", "operator": "equal", "value": "Huế"}],
}


@pytest.fixture
async def hue(caller: httpx.AsyncClient) -> dict[str, Any]:
    """Mai lives in Huế, Lan in Vinh; the segment has Mai."""
    await ok(await caller.post("/profiles", json=[MAI, LAN]))
    saved: dict[str, Any] = await ok(await caller.post("/segments", json=HUE))
    return saved


async def _move(caller: httpx.AsyncClient, ext_id: str, city: str) -> None:
    await ok(await caller.post("/profiles", json={"ext_id": ext_id, "attributes": {"city": city}}))


async def _members(caller: httpx.AsyncClient, key: str = "hue") -> list[str]:
    return [one["ext_id"] for one in (await ok(await caller.get(f"/segments/{key}/members")))["items"]]


async def test_a_saved_segment_is_refreshed_and_said_in_both_languages(
    caller: httpx.AsyncClient, hue: dict[str, Any]
) -> None:
    assert (hue["size"], hue["version"], hue["archived_at"]) == (1, 1, None)
    assert hue["refreshed_at"] is not None
    assert set(hue["text"]) == {"en", "vi"}
    assert all("Huế" in said for said in hue["text"].values())
    assert await ok(await caller.get("/segments/hue")) == hue
    assert (await ok(await caller.get("/segments")))["items"] == [hue]
    assert await _members(caller) == ["kh-1"]


async def test_a_schedule_says_when_it_refreshes_next(caller: httpx.AsyncClient) -> None:
    saved = await ok(await caller.post("/segments", json={**HUE, "schedule": "0 6 * * *", "zone": "Asia/Ho_Chi_Minh"}))
    assert saved["zone"] == "Asia/Ho_Chi_Minh"
    assert "T23:00:00" in saved["due_at"]


@pytest.mark.parametrize("wrong", [{"schedule": "soon"}, {"schedule": "0 6 * * *", "zone": "Asia/Nowhere"}])
async def test_a_schedule_that_cannot_be_read_is_refused(caller: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    answer = await caller.post("/segments", json={**HUE, **wrong})
    assert answer.status_code == 422
    assert answer.json()["remedy"]
    assert (await caller.get("/segments/hue")).status_code == 404


@pytest.mark.parametrize("path", ["/segments", "/segments/preview"])
async def test_a_wrong_rule_is_refused_with_its_place(caller: httpx.AsyncClient, path: str) -> None:
    rule = {"all": [CITY, {"any": [{"attribute": "tier", "is_roughly": 1}]}]}
    named = {"key": "k", "name": "n"} if path == "/segments" else {}
    answer = await caller.post(path, json={**named, "rule": rule})
    assert answer.status_code == 422
    assert "all[1].any[0]" in answer.json()["detail"]


@pytest.mark.parametrize("rules", [{}, {"rule": {"all": []}, "querybuilder": QUERYBUILDER}])
async def test_a_segment_has_one_rule(caller: httpx.AsyncClient, rules: dict[str, Any]) -> None:
    answer = await caller.post("/segments", json={"key": "k", "name": "n", **rules})
    assert answer.status_code == 422
    assert "either rule or querybuilder" in answer.json()["detail"]


@pytest.mark.parametrize("as_text", [False, True])
async def test_rules_of_leo_cdp_are_taken_over(
    caller: httpx.AsyncClient, hue: dict[str, Any], *, as_text: bool
) -> None:
    given: Any = (
        httpx.Request("POST", "http://x.example", json=QUERYBUILDER).content.decode() if as_text else QUERYBUILDER
    )
    saved = await ok(await caller.post("/segments", json={"key": "cdp", "name": "CDP", "querybuilder": given}))
    assert saved["rule"] == CITY
    assert saved["size"] == hue["size"]


async def test_what_leo_cdp_asks_and_we_cannot_is_refused_by_name(caller: httpx.AsyncClient) -> None:
    rule = {**QUERYBUILDER["rules"][0], "operator": "sounds_like"}
    body = {"key": "cdp", "name": "CDP", "querybuilder": {"condition": "AND", "rules": [rule]}}
    answer = await caller.post("/segments", json=body)
    assert answer.status_code == 422
    assert "rules[0]" in answer.json()["detail"]
    assert "livingCity" in answer.json()["detail"]


async def test_the_schema_of_rules_is_no_segment(caller: httpx.AsyncClient) -> None:
    schema = await ok(await caller.get("/segments/rule-schema"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "attribute" in schema["$defs"]


@pytest.mark.usefixtures("hue")
async def test_a_preview_counts_names_and_says_and_keeps_nothing(caller: httpx.AsyncClient) -> None:
    found = await ok(await caller.post("/segments/preview", json={"rule": {"all": []}, "sample": 1}))
    assert (found["count"], [one["ext_id"] for one in found["sample"]]) == (2, ["kh-1"])
    assert found["took_ms"] > 0
    assert set(found["text"]) == {"en", "vi"}
    assert len((await ok(await caller.get("/segments")))["items"]) == 1
    assert (await caller.post("/segments/preview", json={"rule": CITY, "sample": 101})).status_code == 422


@pytest.mark.usefixtures("hue")
async def test_a_refresh_tells_who_came_and_went(caller: httpx.AsyncClient) -> None:
    await _move(caller, "kh-1", "Vinh")
    await _move(caller, "kh-2", "Huế")
    done = await ok(await caller.post("/segments/hue/refresh"))
    assert (done["joined"], done["left"], done["size"]) == (1, 1, 1)
    assert await _members(caller) == ["kh-2"]
    page = await ok(await caller.get("/segments/hue/changes"))
    newest = {(one["ext_id"], one["change"]) for one in page["items"] if one["refresh_id"] == done["refresh_id"]}
    assert newest == {("kh-1", "left"), ("kh-2", "joined")}
    before = await ok(await caller.get("/segments/hue/changes", params={"before": done["refresh_id"]}))
    assert [(one["ext_id"], one["change"]) for one in before["items"]] == [("kh-1", "joined")]


@pytest.mark.usefixtures("hue")
async def test_no_page_of_changes_cuts_a_refresh_that_fits(caller: httpx.AsyncClient) -> None:
    await _move(caller, "kh-2", "Huế")
    await _move(caller, "kh-3", "Huế")
    await ok(await caller.post("/segments/hue/refresh"))
    await _move(caller, "kh-1", "Vinh")
    await ok(await caller.post("/segments/hue/refresh"))
    pages, params = [], {"limit": 2}
    while "before" not in params or params["before"] is not None:
        page = await ok(await caller.get("/segments/hue/changes", params=params))
        pages.append([(one["ext_id"], one["change"]) for one in page["items"]])
        params["before"] = page["next"]
    assert pages == [[("kh-1", "left")], [("kh-2", "joined"), ("kh-3", "joined")], [("kh-1", "joined")]]


@pytest.mark.usefixtures("hue")
async def test_an_earlier_version_stays_readable(caller: httpx.AsyncClient) -> None:
    await ok(await caller.post("/segments", json={**HUE, "rule": {"attribute": "city", "is": "Vinh"}}))
    found = (await ok(await caller.get("/segments/hue/versions")))["items"]
    assert [one["version"] for one in found] == [2, 1]
    assert found[1]["rule"] == HUE["rule"]
    assert "Huế" in found[1]["text"]["vi"]


@pytest.mark.usefixtures("hue")
async def test_it_is_explained_which_condition_holds_for_a_person(caller: httpx.AsyncClient) -> None:
    for ext_id, holds in (("kh-1", True), ("kh-2", False)):
        found = await ok(await caller.get("/segments/hue/explain", params={"profile": ext_id}))
        assert (found["ext_id"], found["holds"], found["explained"]["holds"]) == (ext_id, holds, holds)
        assert (found["member_since"] is not None) == holds
    assert found["explained"]["parts"][0]["evidence"] == {"value": "Vinh"}
    said = await ok(await caller.get("/segments/hue/explain", params={"profile": "kh-2", "language": "vi"}))
    assert said["explained"]["text"] == "mọi điều sau đều đúng"


@pytest.mark.usefixtures("hue")
@pytest.mark.parametrize(
    ("params", "status"), [({"profile": "kh-9"}, 404), ({}, 422), ({"profile": "kh-1", "language": "fr"}, 422)]
)
async def test_an_explanation_needs_a_person_and_a_language_that_are_there(
    caller: httpx.AsyncClient, params: dict[str, str], status: int
) -> None:
    assert (await caller.get("/segments/hue/explain", params=params)).status_code == status


@pytest.mark.parametrize("key", ["cdp:497ChuAh3ycYQ92GaH9NEx", "a/b", "Huế vàng"])
async def test_a_key_may_hold_any_character(caller: httpx.AsyncClient, key: str) -> None:
    await ok(await caller.post("/segments", json={**HUE, "key": key}))
    assert (await ok(await caller.get(f"/segments/{key}")))["key"] == key
    assert (await ok(await caller.post(f"/segments/{key}/refresh")))["size"] == 0
    assert (await ok(await caller.get(f"/segments/{key}/versions")))["items"][0]["version"] == 1


@pytest.mark.usefixtures("hue")
async def test_an_archived_segment_has_nobody_and_keeps_its_past(caller: httpx.AsyncClient) -> None:
    frozen = await ok(await caller.post("/snapshot/create", json={"segment": "hue"}))
    archived = await ok(await caller.post("/segments/hue/archive"))
    assert (archived["size"], archived["archived_at"] is None) == (0, False)
    assert (await ok(await caller.get("/segments")))["items"] == []
    assert (await caller.post("/segments/hue/refresh")).status_code == 409
    assert (await ok(await caller.get(f"/snapshots/{frozen['snapshot_id']}")))["member_count"] == 1


@pytest.mark.usefixtures("hue")
async def test_a_snapshot_lists_its_members_and_is_whole(caller: httpx.AsyncClient) -> None:
    made = await ok(await caller.post("/snapshot/create", json={"segment": "hue"}))
    assert (made["member_count"], len(made["members_hash"]), made["key"]) == (1, 64, None)
    assert set(made["text"]) == {"en", "vi"}
    assert await ok(await caller.get(f"/snapshots/{made['snapshot_id']}")) == made
    members = (await ok(await caller.get(f"/snapshots/{made['snapshot_id']}/members")))["items"]
    assert [one["ext_id"] for one in members] == ["kh-1"]
    verified = await ok(await caller.post(f"/snapshots/{made['snapshot_id']}/verify"))
    assert (verified["is_whole"], verified["snapshot"]) == (True, made)


@pytest.mark.usefixtures("hue")
async def test_the_same_key_gives_the_same_snapshot(caller: httpx.AsyncClient) -> None:
    body = {"segment": "hue", "key": "thang-5"}
    first = await ok(await caller.post("/snapshot/create", json=body))
    await _move(caller, "kh-2", "Huế")
    assert await ok(await caller.post("/snapshot/create", json=body)) == first
    await ok(await caller.post("/segments", json={**HUE, "key": "other"}))
    assert (await caller.post("/snapshot/create", json={**body, "segment": "other"})).status_code == 409


@pytest.mark.usefixtures("hue")
async def test_two_snapshots_are_compared(caller: httpx.AsyncClient) -> None:
    first = await ok(await caller.post("/snapshot/create", json={"segment": "hue"}))
    await _move(caller, "kh-2", "Huế")
    second = await ok(await caller.post("/snapshot/create", json={"segment": "hue"}))
    await ok(await caller.post("/segments", json={**HUE, "key": "all", "rule": {"all": []}}))
    listed = await ok(await caller.get("/snapshots", params={"segment": "hue"}))
    assert listed["items"] == [first, second]
    assert (await ok(await caller.get("/snapshots", params={"segment": "all"})))["items"] == []
    found = await ok(await caller.get(f"/snapshots/{first['snapshot_id']}/compare/{second['snapshot_id']}"))
    assert (found["joined"], found["left"], found["stayed"]) == (1, 0, 1)
    assert (found["joined_sample"], found["left_sample"]) == (["kh-2"], [])


async def _triggered(caller: httpx.AsyncClient, change: str) -> dict[str, Any]:
    template = await ok(await caller.post("/templates", json=EMAIL))
    await ok(await caller.post(f"/templates/{template['template_id']}/approve"))
    body = {
        "key": "chao-mung",
        "name": "Chào mừng",
        "template_ids": [template["template_id"]],
        "trigger_segment": "hue",
        "trigger_change": change,
    }
    made: dict[str, Any] = await ok(await caller.post("/campaigns", json=body))
    return made


@pytest.mark.usefixtures("hue")
@pytest.mark.parametrize(("change", "moved"), [("joined", "kh-2"), ("left", "kh-1")])
async def test_a_campaign_decides_for_who_joins_or_leaves(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, change: str, moved: str
) -> None:
    made = await _triggered(caller, change)
    assert (made["trigger_segment"], made["trigger_change"], made["segment_id"]) == ("hue", change, None)
    assert await ok(await caller.get(f"/campaigns/{made['campaign_id']}")) == made
    started = await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    assert (started["snapshot"], started["run"]) == (None, None)
    await _move(caller, "kh-1", "Vinh")
    await _move(caller, "kh-2", "Huế")
    await ok(await caller.post("/segments/hue/refresh"))
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (
            await conn.execute(
                "SELECT p.ext_id FROM run_batch b JOIN campaign_run r USING (run_id) "
                "JOIN cdp_profiles p ON p.profile_id = ANY (b.profile_ids) WHERE r.kind = 'membership'"
            )
        ).fetchall()
    assert [row["ext_id"] for row in rows] == [moved]
    assert (await caller.post("/segments/hue/archive")).status_code == 409


@pytest.mark.usefixtures("hue")
@pytest.mark.parametrize(
    ("trigger", "status"),
    [
        ({"trigger_segment": "hue"}, 422),
        ({"trigger_change": "joined"}, 422),
        ({"trigger_segment": "hue", "trigger_change": "seen"}, 422),
        ({"trigger_segment": "nowhere", "trigger_change": "left"}, 404),
    ],
)
async def test_half_a_trigger_is_none(caller: httpx.AsyncClient, trigger: dict[str, str], status: int) -> None:
    answer = await caller.post("/campaigns", json={"key": "k", "name": "n", **trigger})
    assert answer.status_code == status


@pytest.mark.usefixtures("hue")
async def test_another_tenant_sees_no_segment_and_no_snapshot(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    made = (await ok(await caller.post("/snapshot/create", json={"segment": "hue", "key": "k"})))["snapshot_id"]
    for path in ("", "/versions", "/changes", "/members", "/explain?profile=kh-1"):
        assert (await stranger.get(f"/segments/hue{path}")).status_code == 404, path
    for verb in ("refresh", "archive"):
        assert (await stranger.post(f"/segments/hue/{verb}")).status_code == 404, verb
    for path in ("", "/members", f"/compare/{made}"):
        assert (await stranger.get(f"/snapshots/{made}{path}")).status_code == 404, path
    assert (await stranger.post(f"/snapshots/{made}/verify")).status_code == 404
    assert (await stranger.get("/snapshots?segment=hue")).status_code == 404
    assert (await ok(await stranger.get("/snapshots")))["items"] == []
    assert (await ok(await stranger.post("/segments/preview", json={"rule": {"all": []}})))["count"] == 0


@pytest.mark.usefixtures("hue")
async def test_who_may_only_read_changes_nothing(callers: Callers, tenant: Tenant) -> None:
    reader = await callers.of(tenant, ["read"])
    for path in ("/segments", "/segments/hue/refresh", "/segments/hue/archive", "/snapshot/create"):
        assert (await reader.post(path)).status_code == 403, path
    assert (await reader.post("/segments/preview", json={"rule": CITY})).status_code == 200
