"""A tenant's whole graph as text, in pieces, so that it is never in memory as a whole: GraphML or JSON."""

import json
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Any, LiteralString
from xml.sax.saxutils import escape, quoteattr

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from graph import agtype
from graph.cypher import GRAPH_NAME
from graph.whole import edges, nodes
from rules.errors import InvalidInput, NotFound

MOST_ELEMENTS = 500_000
# Rows fetched at once, and characters sent at once.
ROWS = 1_000
PIECE = 65_536
_GRAPH = "SELECT leo_graph() AS graph"
# Characters that XML cannot represent.
_UNSAID = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF))
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
"""


class Form(StrEnum):
    GRAPHML = "graphml"
    JSON = "json"

    @property
    def media_type(self) -> str:
        return "application/graphml+xml" if self is Form.GRAPHML else "application/json"


async def checked(connection: AsyncConnection[DictRow], *, most: int) -> str:
    """Check the size and give the graph's name.

    Raises InvalidInput on more than `most` nodes or edges, NotFound if no tenant is set.
    """
    row = await (await connection.execute(_GRAPH)).fetchone()
    graph = "" if row is None else str(row["graph"])
    if not GRAPH_NAME.fullmatch(graph):
        raise NotFound("There is no tenant here.", remedy="Open a transaction of a tenant.")
    for statement in (nodes(graph), edges(graph)):
        found = await (await connection.execute(_counted(statement), (most + 1,))).fetchone()
        if found is not None and found["n"] > most:
            raise InvalidInput(
                f"The graph has more than {most:,} nodes or edges.",
                remedy="Use leo graph export, or ask for a part of it with POST /cypher.",
            )
    return graph


async def told(
    connection: AsyncConnection[DictRow], graph: str, form: Form, *, properties: Mapping[str, frozenset[str]], most: int
) -> AsyncIterator[str]:
    """Give the text in pieces; `properties` are the property names of nodes ("node") and edges ("edge")."""
    piece: list[str] = []
    size = 0
    async for part in _parts(connection, graph, form, properties, most):
        piece.append(part)
        size += len(part)
        if size >= PIECE:
            yield "".join(piece)
            piece, size = [], 0
    yield "".join(piece)


async def _parts(
    connection: AsyncConnection[DictRow], graph: str, form: Form, properties: Mapping[str, frozenset[str]], most: int
) -> AsyncIterator[str]:
    if form is Form.JSON:
        yield '{"nodes": ['
        async for place, row in _rows(connection, "nodes", nodes(graph), most):
            yield (",\n" if place else "\n") + _json(row, ())
        yield '\n], "edges": ['
        async for place, row in _rows(connection, "edges", edges(graph), most):
            yield (",\n" if place else "\n") + _json(row, ("start_id", "end_id"))
        yield "\n]}\n"
        return
    yield _HEAD
    for kind, names in properties.items():
        for name in ("label", *sorted(names - {"label"})):
            key, said = quoteattr(f"{kind}.{name}"), quoteattr(name)
            yield f'<key id={key} for="{kind}" attr.name={said} attr.type="string"/>\n'
    yield '<graph id="leo" edgedefault="directed">\n'
    async for _, row in _rows(connection, "nodes", nodes(graph), most):
        yield f'<node id="{row["id"]}">{_data("node", row, properties["node"])}</node>\n'
    async for _, row in _rows(connection, "edges", edges(graph), most):
        ends = f'id="{row["id"]}" source="{row["start_id"]}" target="{row["end_id"]}"'
        yield f"<edge {ends}>{_data('edge', row, properties['edge'])}</edge>\n"
    yield "</graph>\n</graphml>\n"


async def _rows(
    connection: AsyncConnection[DictRow], name: str, statement: LiteralString, most: int
) -> AsyncIterator[tuple[int, DictRow]]:
    async with connection.cursor(name=name) as cursor:
        cursor.itersize = ROWS
        await cursor.execute(statement, (most,))
        place = 0
        async for row in cursor:
            yield place, row
            place += 1


def _json(row: DictRow, ends: tuple[str, ...]) -> str:
    document = {"id": str(row["id"]), "label": row["label"], **{end: str(row[end]) for end in ends}}
    return json.dumps({**document, "properties": agtype.read(row["properties"])}, ensure_ascii=False)


def _data(kind: str, row: DictRow, names: frozenset[str]) -> str:
    told = {"label": row["label"], **agtype.read(row["properties"])}
    return "".join(
        f"<data key={quoteattr(f'{kind}.{name}')}>{escape(_text(value))}</data>"
        for name, value in told.items()
        if value is not None and (name == "label" or name in names)
    )


def _text(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said.translate(_UNSAID)


def _counted(statement: LiteralString) -> LiteralString:
    # The statement of whole.py, which contains only a checked identifier.
    return f"SELECT count(*) AS n FROM ({statement}) AS one"  # noqa: S608
