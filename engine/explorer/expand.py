"""Expanding a node: what stands around it, a few of each kind first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid4

from psycopg import AsyncRawCursor

from engine.credentials import Vault
from engine.db import Database
from engine.explorer import record
from engine.explorer.catalog import Catalog, catalog
from engine.explorer.draw import Edge, Graph, Node
from engine.explorer.limits import LIMITS, Limits
from engine.explorer.reader import Session
from engine.explorer.record import Asker, Question
from engine.explorer.run import running
from graph import agtype, explore
from graph.explore import Way
from rules.errors import InvalidInput, NotFound

_BITS_OF_ENTRY = 48


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
    """Give the neighbours of a node, of the kinds asked for or of every kind.

    Raises NotFound where no node of ours can have that id, InvalidInput on a kind that there is not.
    """
    question = Question("expand", f"expand {node_id}", {"kinds": sorted(kinds)}, uuid4())
    try:
        ways = await _ways(db, asker, node_id, kinds)
    except (InvalidInput, NotFound) as error:
        await record.refused(db, asker, question, limits, error.message)
        raise
    wanted = min(most or limits.neighbours, limits.neighbours)
    async with running(db, vault, asker, question, limits) as run:
        work = _read(run.session, explore.neighbours(run.graph, ways), (node_id, wanted + 1))
        rows = await run.watch.over(work)
        run.row_count = min(len(rows), wanted)
    return Expanded(run.watch.query_id, question.ticket, _graph(rows, wanted), run.took_ms)


async def _ways(db: Database, asker: Asker, node_id: str, kinds: Collection[str]) -> Sequence[Way]:
    async with db.transaction(asker.tenant_id, read_only=True) as connection:
        known = await catalog(connection)
    names = {edge.name for edge in known.edges}
    if unknown := sorted(set(kinds) - names):
        raise InvalidInput(
            f"There is no kind of edge {unknown[0][:63]!r}.", remedy=f"There are: {', '.join(sorted(names))}."
        )
    label = _label(known, node_id)
    away = [Way(edge.name, True, edge.end) for edge in known.edges if edge.start == label]
    towards = [Way(edge.name, False, edge.start) for edge in known.edges if edge.end == label]
    chosen = [way for way in (*away, *towards) if not kinds or way.kind in kinds]
    if not chosen:
        raise InvalidInput(f"A {label} has no such edges.", remedy="See GET /cypher/schema.")
    return chosen


def _label(known: Catalog, node_id: str) -> str:
    number = int(node_id) >> _BITS_OF_ENTRY if node_id.isascii() and node_id.isdigit() else 0
    found = next((one.name for one in known.labels if one.label_id == number), None)
    if found is None:
        raise NotFound(f"There is no node {node_id[:20]!r}.", remedy="Send the id of a node of a result.")
    return found


async def _read(session: Session, statement: LiteralString, arguments: tuple[str, int]) -> list[tuple[Any, ...]]:
    async with AsyncRawCursor(session) as cursor:
        await cursor.execute(statement, arguments)
        return await cursor.fetchall()


def _graph(rows: Sequence[tuple[Any, ...]], most: int) -> Graph:
    nodes: dict[str, Node] = {}
    edges: dict[str, Edge] = {}
    for kind, edge_id, start_id, end_id, edge_properties, label, node_id, properties, _ in rows[:most]:
        edges[edge_id] = Edge(edge_id, kind, start_id, end_id, agtype.read(edge_properties))
        nodes[node_id] = Node(node_id, label, agtype.read(properties))
    return Graph(tuple(nodes.values()), tuple(edges.values()), is_cut=len(rows) > most)
