"""A tenant's whole graph as a networkx object in one call; and that as GraphML, which Gephi, yEd and others read."""

from collections.abc import Iterator
from typing import Any, LiteralString, TypeAlias

import networkx as nx
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from graph import agtype
from graph.cypher import GRAPH_NAME
from rules.errors import InvalidInput, NotFound

Drawn: TypeAlias = "nx.MultiDiGraph[str]"
# A node or an edge takes about 1 kB here.
MOST_ELEMENTS = 500_000
_GRAPH = "SELECT leo_graph() AS graph"
# It reads every row of the tenant's graph and takes as long as that takes.
_NO_TIMEOUT = "SELECT set_config('statement_timeout', '0', true)"


async def whole(connection: AsyncConnection[DictRow], *, most: int = MOST_ELEMENTS) -> Drawn:
    """Give the current tenant's graph: nodes by their ids as text, with `label` and the properties as attributes.

    An edge's key is its id. Raises InvalidInput on more than `most` nodes or edges, NotFound if no tenant is set.
    """
    row = await (await connection.execute(_GRAPH)).fetchone()
    graph = "" if row is None else str(row["graph"])
    if not GRAPH_NAME.fullmatch(graph):
        raise NotFound("There is no tenant here.", remedy="Open a transaction of a tenant.")
    drawn: Drawn = nx.MultiDiGraph()
    await connection.execute(_NO_TIMEOUT)
    for row in await _rows(connection, nodes(graph), most):
        drawn.add_node(str(row["id"]), label=row["label"], **agtype.read(row["properties"]))
    for row in await _rows(connection, edges(graph), most):
        attributes = agtype.read(row["properties"])
        drawn.add_edge(str(row["start_id"]), str(row["end_id"]), key=str(row["id"]), label=row["label"], **attributes)
    return drawn


def graphml(drawn: Drawn) -> Iterator[str]:
    """Give the lines of a GraphML document."""
    return iter(nx.generate_graphml(drawn, named_key_ids=True))


async def _rows(connection: AsyncConnection[DictRow], statement: LiteralString, most: int) -> list[dict[str, Any]]:
    rows = await (await connection.execute(statement, (most + 1,))).fetchall()
    if len(rows) > most:
        raise InvalidInput(
            f"The graph has more than {most:,} nodes or edges.", remedy="Ask for a part of it, or for more with --most."
        )
    return rows


def nodes(graph: str) -> LiteralString:
    """Give the statement for every node of a graph whose name was checked: label, id, properties."""
    # Only a checked identifier; and the tenant border: a graph that is not the current tenant's gives no rows.
    return (
        f"SELECT c.relname AS label, n.id, n.properties FROM {graph}._ag_label_vertex AS n"  # noqa: S608
        f" JOIN pg_class AS c ON c.oid = n.tableoid WHERE (SELECT leo_graph()) = '{graph}' ORDER BY n.id LIMIT %s"
    )


def edges(graph: str) -> LiteralString:
    """Give the statement for every edge: label, id, start_id, end_id, properties."""
    return (
        f"SELECT c.relname AS label, e.id, e.start_id, e.end_id, e.properties FROM {graph}._ag_label_edge AS e"  # noqa: S608
        f" JOIN pg_class AS c ON c.oid = e.tableoid WHERE (SELECT leo_graph()) = '{graph}' ORDER BY e.id LIMIT %s"
    )
