"""Policies over HTTP: drafted, read in plain words, switched on; a wrong one is refused with its field."""

from typing import Any

import httpx
import pytest

from engine.tenants import Scope
from tests.api.conftest import Callers
from tests.conftest import Tenant

ONE: dict[str, Any] = {"caps": [{"limit": 1, "days": 7}]}
ADULTS: dict[str, Any] = {"eligibility": [{"name": "Adults", "when": {"attribute": "age", "at_least": 18}}]}


async def save(caller: httpx.AsyncClient, document: dict[str, Any], **more: Any) -> dict[str, Any]:
    response = await caller.post("/policies", json={"document": document, **more})
    assert response.status_code == 201, response.text
    saved: dict[str, Any] = response.json()
    return saved


def sentences(answer: dict[str, Any], layer: str, language: str = "en") -> list[str]:
    return [one[language] for one in answer["text"] if one["layer"] == layer]


async def test_a_draft_is_read_and_then_switched_on(caller: httpx.AsyncClient) -> None:
    await save(caller, ONE)
    draft = await save(caller, ADULTS, draft=True, note="adults only")
    assert (draft["version"], draft["draft"], draft["note"]) == (2, True, "adults only")
    assert sentences(draft, "eligibility") == ['"Adults": age is at least 18.']
    assert sentences(draft, "eligibility", "vi") == ['"Adults": age ít nhất là 18.']

    assert (await caller.get("/policies/default")).json()["version"] == 1
    on = await caller.post("/policies/default/switch-on", json={"version": 2})
    assert on.status_code == 200
    assert (on.json()["version"], on.json()["from_version"], on.json()["draft"]) == (3, 2, False)
    assert (await caller.get("/policies/default")).json() == on.json()
    listed = (await caller.get("/policies")).json()
    assert listed == {"items": [{"key": "default", "version": 3, "newest": 3}], "next": None}


async def test_a_campaigns_own_policy_is_kept_under_the_campaigns_key(caller: httpx.AsyncClient) -> None:
    await save(caller, ONE)
    own = await caller.post("/campaigns", json={"key": "tet", "name": "Tết", "policy": {"control_share": 0.1}})
    assert own.status_code == 201, own.text
    keys = [one["key"] for one in (await caller.get("/policies")).json()["items"]]
    assert keys == ["campaign:tet", "default"]
    kept = (await caller.get("/policies/campaign:tet")).json()
    assert kept["policy_id"] == own.json()["policy_id"]
    assert sentences(kept, "control_group")[0].startswith("10% of all people")


async def test_a_check_keeps_nothing(caller: httpx.AsyncClient) -> None:
    checked = await caller.post("/policies/check", json={"document": ADULTS})
    assert checked.status_code == 200
    assert sentences(checked.json(), "eligibility") == ['"Adults": age is at least 18.']
    assert (await caller.get("/policies")).json()["items"] == []


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"caps": [{"limit": 1}]}, "caps[0]"),
        ({"eligibility": [{"name": "x", "when": {"age": 18}}]}, "eligibility[0].when"),
        ({"quiet": None}, "quiet"),
        ({"eligibility": [{"name": "a\u0000b", "when": {"attribute": "age", "at_least": 18}}]}, "eligibility[0].name"),
    ],
)
@pytest.mark.parametrize("path", ["/policies", "/policies/check"])
async def test_a_wrong_policy_is_refused_with_its_field(
    caller: httpx.AsyncClient, document: dict[str, Any], field: str, path: str
) -> None:
    refused = await caller.post(path, json={"document": document})
    assert refused.status_code == 422
    assert refused.json()["code"] == "invalid_input"
    assert field in refused.json()["detail"]


async def test_versions_come_in_pages(caller: httpx.AsyncClient) -> None:
    for limit in range(1, 6):
        await save(caller, {"caps": [{"limit": limit, "days": 7}]}, key="a/b")
    page = (await caller.get("/policies/a/b/versions", params={"limit": 2})).json()
    assert ([one["version"] for one in page["items"]], page["next"]) == ([5, 4], 4)
    page = (await caller.get("/policies/a/b/versions", params={"limit": 3, "before": 4})).json()
    assert [one["version"] for one in page["items"]] == [3, 2, 1]
    page = (await caller.get("/policies/a/b/versions", params={"before": page["next"]})).json()
    assert page == {"items": [], "next": None}
    second = (await caller.get("/policies/a/b/versions/2")).json()
    assert (second["version"], second["document"]) == (2, {"caps": [{"limit": 2, "days": 7}]})


async def test_policies_come_in_pages_of_their_keys(caller: httpx.AsyncClient) -> None:
    for key in ("b", "a", "c"):
        await save(caller, ONE, key=key, draft=True)
    page = (await caller.get("/policies", params={"limit": 2})).json()
    assert page == {
        "items": [{"key": "a", "version": None, "newest": 1}, {"key": "b", "version": None, "newest": 1}],
        "next": "b",
    }
    page = (await caller.get("/policies", params={"limit": 2, "after": "b"})).json()
    assert ([one["key"] for one in page["items"]], page["next"]) == (["c"], None)


async def test_what_holds_already_is_not_switched_on_again(caller: httpx.AsyncClient) -> None:
    await save(caller, ONE)
    again = await caller.post("/policies/default/switch-on", json={"version": 1})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    unknown = await caller.post("/policies/default/switch-on", json={"version": 7})
    assert unknown.status_code == 404


async def test_the_schema_says_what_a_policy_may_hold(caller: httpx.AsyncClient) -> None:
    schema = (await caller.get("/policies/schema")).json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "sending_hours" in schema["properties"]


async def test_another_tenant_sees_and_switches_nothing(caller: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await save(caller, ONE)
    await save(caller, ADULTS, draft=True)
    assert (await stranger.get("/policies")).json()["items"] == []
    for path in ("/policies/default", "/policies/default/versions", "/policies/default/versions/2"):
        assert (await stranger.get(path)).status_code == 404
    switched = await stranger.post("/policies/default/switch-on", json={"version": 2})
    assert switched.status_code == 404
    assert (await caller.get("/policies/default")).json()["version"] == 1


async def test_who_may_only_read_saves_nothing(callers: Callers, tenant: Tenant) -> None:
    reader = await callers.of(tenant, [Scope.READ])
    assert (await reader.post("/policies", json={"document": ONE})).status_code == 403
    assert (await reader.post("/policies/default/switch-on", json={"version": 1})).status_code == 403
    assert (await reader.post("/policies/check", json={"document": ONE})).status_code == 200


async def test_a_note_that_cannot_be_stored_is_refused(caller: httpx.AsyncClient) -> None:
    refused = await caller.post("/policies", json={"document": ONE, "note": "a\u0000b"})
    assert refused.status_code == 422
