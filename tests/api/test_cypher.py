"""The explorer's API: what is asked is answered as rows and as a graph, cut at the limits, recorded, and one's own."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from graph.library import audits
from tests.api.conftest import Callers
from tests.api.story import campaign, ok
from tests.conftest import Tenant

PERSON = "MATCH (p:Profile) WHERE p.ext_id = $ext_id RETURN p"
MEMBERS = "MATCH way = (p:Profile)-[:IN_SEGMENT]->(s:Segment) RETURN p.ext_id AS who, way"


async def asked(caller: httpx.AsyncClient, query: str, **parameters: Any) -> Any:
    return await ok(await caller.post("/cypher", json={"query": query, "parameters": parameters}))


async def test_an_answer_has_rows_and_the_graph_in_them(caller: httpx.AsyncClient) -> None:
    await campaign(caller)
    await ok(await caller.post("/segments/hue/refresh"))
    answer = await asked(caller, MEMBERS)
    assert answer["columns"] == ["who", "way"]
    ((who, way),) = answer["rows"]
    assert who == "kh-1"
    person, edge, segment = way
    assert [person["label"], edge["label"], segment["label"]] == ["Profile", "IN_SEGMENT", "Segment"]
    assert (edge["start_id"], edge["end_id"]) == (person["id"], segment["id"])
    assert answer["graph"] == {"nodes": [person, segment], "edges": [edge]}
    assert answer["truncated"] == {"rows": False, "nodes": False}


async def test_what_is_cut_off_is_said(caller: httpx.AsyncClient) -> None:
    people = [{"ext_id": f"kh-{number}"} for number in range(310)]
    await ok(await caller.post("/profiles", json=people))
    all_of_them = await asked(caller, "MATCH (p:Profile) RETURN p")
    assert (len(all_of_them["rows"]), len(all_of_them["graph"]["nodes"])) == (310, 300)
    assert all_of_them["truncated"] == {"rows": False, "nodes": True}
    few = await ok(await caller.post("/cypher", json={"query": "MATCH (p:Profile) RETURN p", "limit": 2}))
    assert (len(few["rows"]), few["truncated"]["rows"]) == (2, True)


@pytest.mark.parametrize(
    ("query", "parameters", "told"),
    [
        ("MATCH (p:Profile) SET p.status = 'x' RETURN p", {}, "SET is not taken"),
        (PERSON, {}, "$ext_id"),
        (PERSON, {"ext_id": "a", "more": 1}, "$more"),
        (PERSON, {"ext_id": {"a": 1}}, "no plain value"),
        (PERSON, {"ext_id": "x" * 256}, "too long"),
        (PERSON, {"ext_id": "\x00"}, "NUL"),
        (PERSON, {"ext_id": 2**70}, "too large"),
        ("MATCH (p:Profile) RETURN 1 / 0 AS x", {}, "division by zero"),
    ],
)
async def test_what_cannot_be_asked_is_refused_and_recorded(
    caller: httpx.AsyncClient, query: str, parameters: dict[str, Any], told: str
) -> None:
    await ok(await caller.post("/profiles", json={"ext_id": "kh-1"}))
    answer = await caller.post("/cypher", json={"query": query, "parameters": parameters})
    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    (last,) = (await ok(await caller.get("/cypher/history", params={"limit": 1})))["items"]
    assert last["text"] == query
    assert last["status"] in {"refused", "failed"}
    assert told in last["error"]


async def test_a_plan_is_postgresqls_and_nothing_is_run(caller: httpx.AsyncClient) -> None:
    body = {"query": PERSON, "parameters": {"ext_id": "kh-1"}}
    plan = await ok(await caller.post("/cypher/plan", json=body))
    assert plan["plan"]["Plan"]["Node Type"] == "Limit"
    assert any("Index Cond" in line for line in plan["lines"])


async def test_a_node_is_expanded_a_few_of_each_kind_first(caller: httpx.AsyncClient) -> None:
    products = [{"kind": "BOUGHT", "key": f"p-{number}", "name": "x", "weight": 1} for number in range(150)]
    topics = [{"kind": "INTERESTED_IN", "key": "tea", "name": "Tea", "weight": 1}]
    await ok(await caller.post("/profiles", json={"ext_id": "kh-1", "relations": [*products, *topics]}))
    (person,) = (await asked(caller, PERSON, ext_id="kh-1"))["graph"]["nodes"]
    around = await ok(await caller.post("/cypher/expand", json={"node_id": person["id"]}))
    kinds = [edge["label"] for edge in around["graph"]["edges"]]
    assert (len(kinds), kinds.count("INTERESTED_IN")) == (100, 1)
    assert around["truncated"]["rows"]
    tea = await ok(await caller.post("/cypher/expand", json={"node_id": person["id"], "kinds": ["INTERESTED_IN"]}))
    assert [node["properties"]["key"] for node in tea["graph"]["nodes"]] == ["tea"]
    back = await ok(await caller.post("/cypher/expand", json={"node_id": tea["graph"]["nodes"][0]["id"]}))
    assert back["graph"]["nodes"] == [person]


async def test_the_schema_says_what_a_query_may_name(caller: httpx.AsyncClient) -> None:
    schema = await ok(await caller.get("/cypher/schema"))
    (profile,) = [one for one in schema["labels"] if one["name"] == "Profile"]
    assert profile["properties"] == ["profile_id", "ext_id", "status"]
    (bought,) = [one for one in schema["edges"] if one["name"] == "BOUGHT"]
    assert (bought["start"], bought["end"]) == ("Profile", "Product")
    assert schema["limits"] == {"rows": 1000, "nodes": 300, "neighbours": 100, "time_s": 30.0}


async def test_history_is_ones_own_and_the_whole_tenants_for_an_admin(callers: Callers, tenant: Tenant) -> None:
    reader, other, admin = [await callers.of(tenant, [scope]) for scope in ("read", "read", "admin")]
    await asked(reader, "MATCH (p:Profile) RETURN p")
    assert len((await ok(await reader.get("/cypher/history")))["items"]) == 1
    assert (await ok(await other.get("/cypher/history")))["items"] == []
    assert (await admin.get("/cypher/history")).status_code == 403
    auditor = await callers.of(tenant, ["read", "admin"])
    (seen,) = (await ok(await auditor.get("/cypher/history")))["items"]
    assert (seen["text"], seen["status"], seen["row_count"]) == ("MATCH (p:Profile) RETURN p", "done", 0)


async def test_a_query_is_saved_changed_and_forgotten(caller: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    draft = {"name": "Một người", "text": PERSON, "parameters": {"ext_id": "kh-1"}, "note": "Hằng tuần."}
    saved = await ok(await caller.post("/cypher/saved", json=draft))
    assert {name: saved[name] for name in draft} == draft
    place = f"/cypher/saved/{saved['saved_id']}"
    assert (await caller.post("/cypher/saved", json=draft)).status_code == 409
    assert (await stranger.get(place)).status_code == 404
    changed = await ok(await caller.put(place, json={**draft, "name": "Ai đó", "note": None}))
    assert (await ok(await caller.get("/cypher/saved")))["items"] == [changed]
    assert (await caller.delete(place)).status_code == 204
    assert (await caller.get(place)).status_code == 404


async def test_a_key_needs_its_scope(callers: Callers, tenant: Tenant) -> None:
    writer, reader = await callers.of(tenant, ["write"]), await callers.of(tenant, ["read"])
    assert (await writer.post("/cypher", json={"query": "MATCH (p:Profile) RETURN p"})).status_code == 403
    saved = {"name": "x", "text": "MATCH (p:Profile) RETURN p"}
    assert (await reader.post("/cypher/saved", json=saved)).status_code == 403


async def test_a_ticket_names_one_query_and_a_stranger_cannot_stop_it(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    ticket = str(uuid4())
    body = {"query": "MATCH (p:Profile) RETURN p", "ticket": ticket}
    await ok(await caller.post("/cypher", json=body))
    assert (await caller.post("/cypher", json=body)).status_code == 409
    assert (await ok(await caller.post("/cypher/stop", json={"ticket": ticket})))["stopped"] is False
    assert (await stranger.post("/cypher/stop", json={"ticket": ticket})).status_code == 404


async def test_the_library_is_offered_in_both_languages(caller: httpx.AsyncClient) -> None:
    items = (await ok(await caller.get("/cypher/library")))["items"]
    assert {item["name"] for item in items} == audits().keys()
    for item in items:
        for phrase in item["phrases"].values():
            assert all(f"{{{parameter['name']}}}" in phrase for parameter in item["parameters"])
