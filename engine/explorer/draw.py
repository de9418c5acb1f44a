"""A result as a graph: the nodes and edges that stand in its rows, each once, in the order they are met."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """`id` is the place in the graph, as text: 64 bits do not fit into a JavaScript number."""

    id: str
    label: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Edge:
    id: str
    label: str
    start_id: str
    end_id: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Graph:
    """`is_cut`: there were more nodes than are drawn. Edges have both ends among the nodes."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    is_cut: bool


def draw(rows: Sequence[Sequence[Any]], *, most: int) -> Graph:
    """Give the first `most` nodes of the rows and the edges between them."""
    nodes: dict[str, Node] = {}
    edges: dict[str, Edge] = {}
    for found in _elements(rows):
        if isinstance(found, Node):
            nodes.setdefault(found.id, found)
        else:
            edges.setdefault(found.id, found)
    drawn = dict(list(nodes.items())[:most])
    between = tuple(edge for edge in edges.values() if edge.start_id in drawn and edge.end_id in drawn)
    return Graph(nodes=tuple(drawn.values()), edges=between, is_cut=len(nodes) > len(drawn))


def _elements(value: Any) -> Iterator[Node | Edge]:
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _elements(inner)
    elif isinstance(value, dict) and "properties" in value:
        is_edge = "start_id" in value
        yield Edge(**value) if is_edge else Node(**value)
