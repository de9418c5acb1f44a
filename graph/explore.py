"""What the explorer asks: a query that the guard accepted, its plan, and the surroundings of a node.

It runs in a session of the tenant's reader role, which may read that graph only. The login is the tenant border, so the
statements here need no condition for it.
"""

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from graph.cypher import GRAPH_NAME, quoted
from graph.guard import EDGES, LABELS, Guarded
from rules.errors import InvalidInput


class Way(NamedTuple):
    """A kind of edge as seen from one node: outgoing or incoming, and the label at the other end."""

    kind: str
    is_outgoing: bool
    label: str

    @property
    def is_known(self) -> bool:
        return self.kind in EDGES and self.label in LABELS


def statement(graph: str, query: Guarded) -> LiteralString:
    """Give the statement; `$1` is the map of parameters as JSON, `$2` the greatest number of rows.

    Every column has AGE's own type. Raises InvalidInput on a name that is not one of our graphs.
    """
    if not GRAPH_NAME.fullmatch(graph):
        raise InvalidInput(f"{graph!r} is no graph of ours.", remedy="Pass the tenant's graph_name.")
    columns = ", ".join(f'"{name}" ag_catalog.agtype' for name in query.columns)
    # A checked identifier, names of letters and digits, and text between quotes that do not occur in it.
    return f"SELECT * FROM ag_catalog.cypher('{graph}', {quoted(query.text)}, $1) AS ({columns}) LIMIT $2"  # noqa: S608


def explained(graph: str, query: Guarded, form: LiteralString) -> LiteralString:
    """Give the statement that asks the server how it would run the query; `form` is TEXT or JSON."""
    return f"EXPLAIN (FORMAT {form}) {statement(graph, query)}"


def neighbours(graph: str, ways: Sequence[Way]) -> LiteralString:
    """Give the statement for the surroundings of one node; `$1` is its id, `$2` the greatest number of rows.

    It gives (kind, edge id, start id, end id, edge's properties, label, node's id, node's properties), first one of
    each way, then a second of each, so that no kind crowds out another. Raises InvalidInput on names that are not ours.
    """
    if not GRAPH_NAME.fullmatch(graph) or not ways or any(not way.is_known for way in ways):
        raise InvalidInput("These are no kinds of edges of ours.", remedy="See GET /cypher/schema.")
    around = " UNION ALL ".join(_way(graph, way) for way in ways)
    return f"SELECT * FROM ({around}) AS around ORDER BY place, kind, edge_id LIMIT $2"  # noqa: S608


def _way(graph: str, way: Way) -> LiteralString:
    own, other = ("start_id", "end_id") if way.is_outgoing else ("end_id", "start_id")
    # Only checked identifiers.
    return (
        f"(SELECT '{way.kind}' AS kind, e.id AS edge_id, e.start_id, e.end_id, e.properties AS edge_properties,"  # noqa: S608
        f" '{way.label}' AS label, n.id, n.properties, row_number() OVER () AS place"
        f' FROM (SELECT * FROM {graph}."{way.kind}" WHERE {own} = $1::ag_catalog.graphid LIMIT $2) AS e'
        f' JOIN {graph}."{way.label}" AS n ON n.id = e.{other})'
    )
