"""Expanding a node brings what is archived too, at the places that it had in the graph, and says since when it is."""

from typing import Any

import pytest

from engine import explorer
from engine.credentials import Vault
from engine.db import Database
from engine.explorer import Asker
from rules.errors import InvalidInput
from tests.conftest import Tenant
from tests.engine.aged import again, aged, archived, asked
from tests.engine.world import World

EDGES = {
    "Decision": ["DECIDED_FOR", "DISPATCHED_AS", "IN_RUN", "UNDER", "USED"],
    "Delivery": ["DISPATCHED_AS", "RESULTED_IN", "VIA"],
}


class Looking:
    """Somebody who expands nodes of a world."""

    def __init__(self, world: World, vault: Vault) -> None:
        self._world = world
        self._vault = vault
        self._asker = Asker(world.tenant.tenant_id, "key:1")

    async def node(self, label: str, record_id: int) -> str:
        number = await self._world.one("SELECT label_id FROM graph_element WHERE label = %(label)s", label=label)
        return str(number << 48 | record_id)

    async def around(self, label: str, record_id: int, **how: Any) -> explorer.Graph:
        node = await self.node(label, record_id)
        return (await explorer.expand(self._world.db, self._vault, self._asker, node, **how)).graph


def kinds(graph: explorer.Graph) -> list[str]:
    return sorted(edge.label for edge in graph.edges)


def without_dates(graph: explorer.Graph) -> tuple[Any, ...]:
    nodes = {
        node.id: (node.label, {name: value for name, value in node.properties.items() if name != "archived_at"})
        for node in graph.nodes
    }
    return nodes, {edge.id: (edge.label, edge.start_id, edge.end_id) for edge in graph.edges}


@pytest.fixture
async def ids(db: Database, tenant: Tenant) -> tuple[World, dict[str, int]]:
    """Somebody whom a campaign wrote to long ago, with the records of that."""
    world = await aged(db, tenant)
    (row,) = await world.rows(
        """
        SELECT l.delivery_id AS "Delivery", l.decision_id AS "Decision", l.profile_id AS "Profile",
               l.campaign_id AS "Campaign", l.run_id AS "Run", o.outcome_id AS "Outcome"
        FROM delivery_log l JOIN outcome o USING (delivery_id) ORDER BY l.delivery_id LIMIT 1
        """
    )
    return world, row


@pytest.mark.parametrize("label", ["Profile", "Decision", "Delivery", "Outcome", "Campaign", "Run"])
async def test_what_stood_around_a_node_still_does(ids: tuple[World, dict[str, int]], vault: Vault, label: str) -> None:
    world, records = ids
    looking = Looking(world, vault)
    before = await looking.around(label, records[label])
    assert not [node for node in before.nodes if "archived_at" in node.properties]
    await archived(world)
    after = await looking.around(label, records[label])
    assert without_dates(after) == without_dates(before)
    assert kinds(after) == kinds(before) != []
    old = {node.label for node in after.nodes if node.properties.get("archived_at")}
    assert old == {node.label for node in after.nodes} & {"Decision", "Delivery"}


@pytest.mark.parametrize("label", EDGES)
async def test_what_is_archived_is_expanded_itself(ids: tuple[World, dict[str, int]], vault: Vault, label: str) -> None:
    world, records = ids
    await archived(world)
    graph = await Looking(world, vault).around(label, records[label])
    assert kinds(graph) == EDGES[label]
    assert not graph.is_cut


async def test_what_is_live_comes_first_and_the_rest_is_cut(ids: tuple[World, dict[str, int]], vault: Vault) -> None:
    world, records = ids
    await archived(world)
    await again(world, records["Campaign"], [records["Profile"]])
    looking = Looking(world, vault)
    both = await looking.around("Profile", records["Profile"], kinds=["DECIDED_FOR"])
    assert ["archived_at" in node.properties for node in both.nodes] == [False, True]
    one = await looking.around("Profile", records["Profile"], kinds=["DECIDED_FOR"], most=1)
    assert ["archived_at" in node.properties for node in one.nodes] == [False]
    assert (both.is_cut, one.is_cut) == (False, True)
    assert kinds(await looking.around("Profile", records["Profile"], kinds=["KNOWS"])) == []
    with pytest.raises(InvalidInput):
        await looking.around("Profile", records["Profile"], kinds=["ARCHIVED"])


async def test_the_catalog_says_whether_there_is_an_archive(ids: tuple[World, dict[str, int]]) -> None:
    world, _ = ids
    assert not (await asked(world, explorer.catalog)).has_archive
    await archived(world)
    assert (await asked(world, explorer.catalog)).has_archive


async def test_another_tenants_archive_is_not_drawn(
    ids: tuple[World, dict[str, int]], vault: Vault, other_tenant: Tenant
) -> None:
    world, records = ids
    await archived(world)
    other = await aged(world.db, other_tenant)
    await archived(other)
    for label, record_id in records.items():
        assert kinds(await Looking(other, vault).around(label, record_id)) == []
