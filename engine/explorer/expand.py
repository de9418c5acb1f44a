"""Expanding a node: what stands around it, a few of each kind first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import DictRow

from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.explorer import archived, reader, record
from engine.explorer.archived import BITS_OF_ENTRY, Place
from engine.explorer.draw import Edge, Graph, Node
from engine.explorer.limits import LIMITS, Limits
from engine.explorer.record import Asker, Question
from engine.explorer.run import running
from engine.queries import queries
from graph import agtype, explore
from graph.explore import Way
from rules.errors import InvalidInput, NotFound
from rules.faults import Fault

_SQL = queries("explorer")


@dataclass(frozen=True, slots=True)
class Expanded:
    """The edges of a node and the nodes at their other ends; `graph.is_cut`: there are more."""

    query_id: int
    ticket: UUID
    graph: Graph
    took_ms: float


async def expand(
    db: Database,
    vault: Vault,
    asker: Asker,
    node_id: str,
    *,
    kinds: Collection[str] = (),
    most: int | None = None,
    limits: Limits = LIMITS,
) -> Expanded:
    """Give the neighbours of a node, of the kinds asked for or of every kind; what is live first, then the archive's.

    Raises NotFound where no node of ours can have that id, InvalidInput on a kind that there is not.
    """
    question = Question("expand", f"expand {node_id}", {"kinds": sorted(kinds)}, uuid4())
    try:
        async with db.transaction(asker.tenant_id) as connection:
            found = await _known(connection, node_id)
            ways = _ways(found, kinds)
            query_id = await record.begun(connection, asker, question, limits)
    except (InvalidInput, NotFound) as error:
        await record.refused(db, asker, question, limits, error.message)
        raise
    wanted = min(most or limits.neighbours, limits.neighbours)
    opening = reader.own_session(db, vault, tenant_id=asker.tenant_id, query_id=query_id, limits=limits)
    async with running(db, asker, query_id, limits, opening) as run:
        statement = explore.neighbours(run.graph, ways)
        rows = await run.watch.over(reader.read_own(run.session, query_id, statement, (node_id, wanted + 1)))
        graph = _graph(rows, wanted)
        if found.has_archive:
            async with db.transaction(asker.tenant_id, read_only=True) as connection:
                room = wanted - len(graph.edges)
                old = await archived.around(connection, found.place, found.numbers, kinds=kinds, most=room)
            graph = _together(graph, old)
        run.row_count = len(graph.edges)
    return Expanded(query_id, question.ticket, graph, run.took_ms)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a node by its id alone; `numbers` are of labels and kinds, `edges` kinds with their ends."""

    place: Place
    numbers: Mapping[str, int]
    edges: Sequence[DictRow]
    has_archive: bool


async def _known(connection: Transaction, node_id: str) -> _Known:
    rows = await (await connection.execute(_SQL["ways"])).fetchall()
    label = _label({row["label_id"]: row["label"] for row in rows if row["kind"] == "vertex"}, node_id)
    return _Known(
        place=Place(label, int(node_id) & ((1 << BITS_OF_ENTRY) - 1)),
        numbers={row["label"]: row["label_id"] for row in rows},
        edges=[row for row in rows if row["kind"] == "edge"],
        has_archive=await archived.has_archive(connection),
    )


def _ways(found: _Known, kinds: Collection[str]) -> Sequence[Way]:
    edges, label = found.edges, found.place.label
    names = {edge["label"] for edge in edges}
    if unknown := sorted(set(kinds) - names):
        known = ", ".join(sorted(names))
        fault = Fault("query.no_kind", "kinds", {"name": unknown[0][:63], "known": known})
        raise InvalidInput(fault.say().en, remedy=f"There are: {known}.", fault=fault)
    away = [Way(edge["label"], True, edge["end_label"]) for edge in edges if edge["start_label"] == label]
    towards = [Way(edge["label"], False, edge["start_label"]) for edge in edges if edge["end_label"] == label]
    chosen = [way for way in (*away, *towards) if not kinds or way.kind in kinds]
    if not chosen:
        fault = Fault("query.no_edges", "kinds", {"label": label})
        raise InvalidInput(fault.say().en, remedy="See GET /cypher/schema.", fault=fault)
    return chosen


def _label(labels: Mapping[int, str], node_id: str) -> str:
    number = int(node_id) >> BITS_OF_ENTRY if node_id.isascii() and node_id.isdigit() else 0
    if number not in labels:
        fault = Fault("query.no_node", "node_id", {"node": node_id[:20]})
        raise NotFound(fault.say().en, remedy="Send the id of a node of a result.", fault=fault)
    return labels[number]


def _together(live: Graph, old: Graph) -> Graph:
    """Put what is archived beside what is live, each node and edge once."""
    nodes = {node.id: node for node in live.nodes}
    edges = {edge.id: edge for edge in live.edges}
    new = [node for node in old.nodes if node.id not in nodes]
    joined = [edge for edge in old.edges if edge.id not in edges]
    return Graph((*nodes.values(), *new), (*edges.values(), *joined), is_cut=live.is_cut or old.is_cut)


def _graph(rows: Sequence[tuple[Any, ...]], most: int) -> Graph:
    nodes: dict[str, Node] = {}
    edges: dict[str, Edge] = {}
    for kind, edge_id, start_id, end_id, edge_properties, label, node_id, properties, _ in rows[:most]:
        edges[edge_id] = Edge(edge_id, kind, start_id, end_id, agtype.read(edge_properties))
        nodes[node_id] = Node(node_id, label, agtype.read(properties))
    return Graph(tuple(nodes.values()), tuple(edges.values()), is_cut=len(rows) > most)
