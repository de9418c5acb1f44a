"""What a whole graph shows, on graphs small enough to count by hand, and the whole graph of a tenant as it is."""

import io

import networkx as nx
import pytest

from engine.db import Database
from graph.insight import BOUGHT, LEFT, START, communities, duplicates, flows, influence
from graph.whole import Drawn, graphml, whole
from rules.errors import InvalidInput
from tests.conftest import Tenant

# Person: the touchpoints in order, and whether they bought at the end.
JOURNEYS = {"an": ("ad", "shop", True), "binh": ("ad", "shop", True), "chi": ("ad", False), "dung": ("mail", False)}


@pytest.fixture
def drawn() -> Drawn:
    made: Drawn = nx.MultiDiGraph()
    made.add_node("tea", label="Product", key="tea", name="Trà")
    for person, (*points, has_bought) in JOURNEYS.items():
        made.add_node(person, label="Profile", ext_id=person)
        for place, point in enumerate(points):
            made.add_node(str(point), label="Touchpoint", key=point, name=point)
            made.add_edge(person, str(point), label="ENGAGED", occurred_at=f"2026-05-0{place + 1}")
        if has_bought:
            made.add_edge(person, "tea", label="BOUGHT", occurred_at="2026-05-09")
    return made


def test_journeys_are_flows_between_touchpoints(drawn: Drawn) -> None:
    found = {(flow.origin, flow.target): flow.journeys for flow in flows(drawn)}
    assert found == {
        (START, "ad"): 3,
        (START, "mail"): 1,
        ("ad", "shop"): 2,
        ("ad", LEFT): 1,
        ("shop", BOUGHT): 2,
        ("mail", LEFT): 1,
    }


def test_a_purchase_before_the_first_touchpoint_is_not_its_doing(drawn: Drawn) -> None:
    drawn.add_edge("dung", "tea", label="BOUGHT", occurred_at="2026-01-01")
    assert ("mail", BOUGHT) not in {(flow.origin, flow.target) for flow in flows(drawn)}


def test_a_touchpoint_counts_for_what_would_be_lost_without_it(drawn: Drawn) -> None:
    found = {one.touchpoint: (round(one.effect, 6), one.journeys) for one in influence(drawn)}
    assert found == {"ad": (1.0, 3), "shop": (1.0, 2), "mail": (0.0, 1)}
    drawn.add_edge("dung", "tea", label="BOUGHT", occurred_at="2026-05-09")
    effects = {one.touchpoint: round(one.effect, 6) for one in influence(drawn)}
    # Three of four buy: half of all through ad and shop, a quarter through mail.
    assert effects == {"ad": 0.666667, "shop": 0.666667, "mail": 0.333333}


def test_nothing_has_influence_where_nobody_bought() -> None:
    empty: Drawn = nx.MultiDiGraph()
    assert (influence(empty), flows(empty), communities(empty), duplicates(empty)) == ((), (), (), ())


def test_communities_share_more_inside_than_outside(drawn: Drawn) -> None:
    groups = communities(drawn)
    assert ("an", "binh") in {group.people[:2] for group in groups}
    assert all(len(group.people) >= 2 for group in groups)
    assert groups == communities(drawn)


def test_duplicates_hang_together_over_several_pairs(drawn: Drawn) -> None:
    for pair in (("an", "binh"), ("binh", "chi")):
        drawn.add_edge(*pair, label="SAME_AS", status="proposed")
    drawn.add_edge("chi", "dung", label="SAME_AS", status="refused")
    assert duplicates(drawn) == (("an", "binh", "chi"),)


async def test_the_whole_graph_is_one_call_and_reads_back_from_graphml(
    db: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), 'mai <&> \"x\"'), (leo_tenant(), 'lan')"
        )
        await connection.execute(
            "INSERT INTO profile_relation (tenant_id, profile_id, kind, target_profile_id, weight)"
            " SELECT leo_tenant(), min(profile_id), 'KNOWS', max(profile_id), 0.5 FROM cdp_profiles"
        )
        drawn = await whole(connection)
        with pytest.raises(InvalidInput, match="more than 1 "):
            await whole(connection, most=1)
    assert {node["ext_id"] for _, node in drawn.nodes(data=True)} == {'mai <&> "x"', "lan"}
    ((_, _, edge),) = drawn.edges(data=True)
    assert (edge["label"], edge["weight"]) == ("KNOWS", 0.5)
    read = nx.read_graphml(io.BytesIO("\n".join(graphml(drawn)).encode()), force_multigraph=True)
    assert list(read.nodes(data=True)) == list(drawn.nodes(data=True))
    assert [(start, end, edge["weight"]) for start, end, edge in read.edges(data=True)] == [
        (start, end, edge["weight"]) for start, end, edge in drawn.edges(data=True)
    ]
    async with db.transaction(other_tenant.tenant_id) as connection:
        assert len(await whole(connection)) == 0
