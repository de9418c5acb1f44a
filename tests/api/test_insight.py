"""What a tenant's people show together, over HTTP, and the whole graph as a file."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import networkx as nx

from api.services import Services
from engine import insight as engine
from graph import insight
from graph.whole import whole
from tests.api.story import ok
from tests.conftest import Tenant

EVIL = "</data><script>'&\x07"
JOURNEYS = {
    "an": (("Quảng cáo", "Cửa hàng"), True),
    "bình": (("Quảng cáo", "Cửa hàng"), True),
    "chi": (("Quảng cáo",), False),
    "dung": (("Thư",), False),
}


async def _lived(caller: httpx.AsyncClient) -> None:
    began = datetime.now(UTC) - timedelta(days=9)
    people = []
    for key, (points, has_bought) in JOURNEYS.items():
        relations: list[dict[str, Any]] = [
            {"kind": "ENGAGED", "key": point, "name": point, "occurred_at": (began + timedelta(hours=hour)).isoformat()}
            for hour, point in enumerate(points)
        ]
        if has_bought:
            relations.append({"kind": "BOUGHT", "key": "tra", "name": "Trà", "occurred_at": began.isoformat()})
        people.append({"ext_id": key, "name": EVIL, "relations": relations})
    await ok(await caller.post("/profiles", json=people))


def _named(stop: dict[str, Any]) -> str:
    return str(stop["name"] or stop["kind"])


async def test_a_page_is_told_the_same_as_the_whole_graph_shows(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    await _lived(caller)
    found = await ok(await caller.get("/graph/insight"))
    async with services.db.transaction(tenant.tenant_id, read_only=True) as conn:
        drawn = await whole(conn)
    flows = {(_named(one["origin"]), _named(one["target"])): one["journeys"] for one in found["flows"]}
    assert flows == {(one.origin, one.target): one.journeys for one in insight.flows(drawn)}
    assert flows["start", "Quảng cáo"] == 3
    strong = {one["name"]: (round(one["effect"], 6), one["journeys"]) for one in found["touchpoints"]}
    assert strong == {one.touchpoint: (round(one.effect, 6), one.journeys) for one in insight.influence(drawn)}
    groups = {one["people"]: set(one["such_as"]) for one in found["communities"]}
    assert groups == {len(one.people): set(one.people) for one in insight.communities(drawn)}
    assert (found["people"], found["is_cut"]) == (4, False)
    assert (await ok(await stranger.get("/graph/insight")))["flows"] == []


async def test_it_is_looked_at_once_in_a_few_minutes(caller: httpx.AsyncClient, services: Services) -> None:
    await _lived(caller)
    first = await ok(await caller.get("/graph/insight"))
    await ok(await caller.post("/profiles", json=[{"ext_id": "em"}]))
    assert await ok(await caller.get("/graph/insight")) == first
    for tenant_id, seen in services.insights._seen.items():
        services.insights._seen[tenant_id] = engine.Insight(
            people=seen.people, is_cut=False, flows=(), touchpoints=(), communities=(),
            made_at=seen.made_at - engine.FRESH,
        )  # fmt: skip
    assert (await ok(await caller.get("/graph/insight")))["people"] == 5


async def test_the_whole_graph_is_taken_away_and_holds_what_it_holds(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    """As GraphML that networkx reads, whatever people wrote, and as JSON."""
    await _lived(caller)
    async with services.db.transaction(tenant.tenant_id, read_only=True) as conn:
        drawn = await whole(conn)
    written = await caller.get("/graph/export")
    assert "attachment" in written.headers["content-disposition"]
    read = nx.read_graphml(io.BytesIO(written.content), force_multigraph=True)
    assert set(read.nodes) == set(drawn.nodes)
    assert read.number_of_edges() == drawn.number_of_edges()
    node = next(node for node in drawn if drawn.nodes[node].get("ext_id") == "an")
    assert read.nodes[node]["ext_id"] == "an"
    assert {one["label"] for _, one in read.nodes(data=True)} == {one["label"] for _, one in drawn.nodes(data=True)}
    told = json.loads((await caller.get("/graph/export?format=json")).content)
    assert {one["id"] for one in told["nodes"]} == set(drawn.nodes)
    assert {(one["start_id"], one["end_id"]) for one in told["edges"]} == set(drawn.edges())


async def test_a_graph_that_is_too_large_is_refused_before_anything_is_sent(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await _lived(caller)
    refused = await caller.get("/graph/export?most=3")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")
    # And nothing is left behind that would refuse the next.
    assert (await caller.get("/graph/export")).status_code == 200
    assert (await caller.get("/graph/export?most=500001")).status_code == 422
    assert "an" not in (await stranger.get("/graph/export?format=json")).text
