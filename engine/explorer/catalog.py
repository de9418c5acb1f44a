"""What a tenant's graph holds: labels and kinds with their properties, the ends of edges, and about how many."""

from dataclasses import dataclass

from engine.db import Transaction
from engine.explorer.archived import has_archive
from engine.queries import queries
from graph.guard.words import AGGREGATES, FUNCTIONS

_SQL = queries("explorer")


@dataclass(frozen=True, slots=True)
class Element:
    """A label of nodes or a kind of edge; `start` and `end` are the labels of an edge's ends, "" on a node.

    `label_id` is the upper 16 bits of an id in the graph, `about` the number the server's statistics believe in.
    """

    name: str
    label_id: int
    properties: tuple[str, ...]
    start: str
    end: str
    about: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """`has_archive`: old decisions and deliveries are in the archive, where no query finds them."""

    labels: tuple[Element, ...]
    edges: tuple[Element, ...]
    functions: tuple[str, ...]
    has_archive: bool


async def catalog(connection: Transaction) -> Catalog:
    """Give what a query of the current tenant may name."""
    rows = await (await connection.execute(_SQL["catalog"])).fetchall()
    elements = [
        (
            row["kind"],
            Element(
                name=row["label"],
                label_id=row["label_id"],
                properties=tuple(row["properties"]),
                start=row["start_label"] or "",
                end=row["end_label"] or "",
                about=row["about"],
            ),
        )
        for row in rows
    ]
    return Catalog(
        labels=tuple(one for kind, one in elements if kind == "vertex"),
        edges=tuple(one for kind, one in elements if kind == "edge"),
        functions=tuple(sorted({*FUNCTIONS, *AGGREGATES, "exists"})),
        has_archive=await has_archive(connection),
    )
