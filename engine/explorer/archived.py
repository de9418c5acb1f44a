"""What the archive has around a node: it is in no graph, so it is read from its tables and drawn where it stood."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from psycopg.rows import DictRow

from engine.db import Transaction
from engine.explorer.draw import Edge, Graph, Node
from engine.queries import queries

BITS_OF_ENTRY = 48
_SQL = queries("explorer_archive")


@dataclass(frozen=True, slots=True)
class Place:
    """A node by its label and the number of its record."""

    label: str
    record_id: int


async def has_archive(connection: Transaction) -> bool:
    """Tell whether the current tenant has anything in the archive."""
    row = await (await connection.execute(_SQL["has_archive"], prepare=True)).fetchone()
    return row is not None and bool(row["has_archive"])


async def around(
    connection: Transaction, place: Place, numbers: Mapping[str, int], *, kinds: Collection[str], most: int
) -> Graph:
    """Give archived decisions and deliveries around a node, or what stands around one of them, the newest first.

    `numbers` are the labels' own; ids are those that the graph had. Around templates, tasks, snapshots and channels the
    archive is not searched: it has no index for them.
    """
    values = {"label": place.label, "id": place.record_id, "kinds": list(kinds), "most": most + 1}
    rows = await (await connection.execute(_SQL["around"], values, prepare=True)).fetchall()
    drawn = [_drawn(row, numbers) for row in rows[:most]]
    return Graph(tuple(node for node, _ in drawn), tuple(edge for _, edge in drawn), is_cut=len(rows) > most)


def _drawn(row: DictRow, numbers: Mapping[str, int]) -> tuple[Node, Edge]:
    def id_of(label: str, record_id: int) -> str:
        return str(numbers[label] << BITS_OF_ENTRY | record_id)

    start = id_of(row["start_label"], row["start_record"])
    end = id_of(row["end_label"], row["end_record"])
    new, label = (start, row["start_label"]) if row["is_start"] else (end, row["end_label"])
    edge = Edge(id_of(row["kind"], row["edge"]), row["kind"], start, end, {})
    return Node(new, label, row["properties"]), edge
