"""Which profiles may be one person: the connected components of the graph's SAME_AS edges."""

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from graph.cypher import library
from graph.session import fetch

# An edge takes about 0.5 kB here, a quarter of a million 130 MB; nobody decides about more in one sitting.
MOST_EDGES = 250_000
PAGE = 25_000
_DUPLICATES = library()["duplicates"]


@dataclass(frozen=True, slots=True)
class Link:
    """Two profiles that share an address of a channel; the smaller id first."""

    profile_id: int
    other_id: int
    channel: str


@dataclass(frozen=True, slots=True)
class Component:
    """Profiles that are connected, and the links that connect them; both in ascending order."""

    profile_ids: tuple[int, ...]
    links: tuple[Link, ...]


async def components(
    connection: AsyncConnection[DictRow], graph: str, *, most: int = MOST_EDGES
) -> tuple[Component, ...]:
    """Give the components of the proposed pairs, by their smallest profile; only the first `most` pairs are read.

    A merged profile stands for the one it was merged into.
    """
    return connected(await _links(connection, graph, most))


def page(*, after: int, most: int) -> dict[str, int]:
    """Give the parameters of one page: the pairs after the edge `after`."""
    return {"after": after, "most": most}


async def _links(connection: AsyncConnection[DictRow], graph: str, most: int) -> list[Link]:
    links: list[Link] = []
    after, left = 0, most
    while left > 0:
        asked = page(after=after, most=min(left, PAGE))
        rows = await fetch(connection, graph, _DUPLICATES, **asked)
        links += [
            Link(min(row["profile_id"], row["other_id"]), max(row["profile_id"], row["other_id"]), row["channel"])
            for row in rows
            if row["profile_id"] != row["other_id"]
        ]
        if len(rows) < asked["most"]:
            break
        after, left = max(row["edge"] for row in rows), left - len(rows)
    return links


def connected(links: Sequence[Link]) -> tuple[Component, ...]:
    """Give the components that the links form, by their smallest profile."""
    whole: nx.Graph[int] = nx.Graph()
    whole.add_edges_from((link.profile_id, link.other_id) for link in links)
    groups = sorted(tuple(sorted(group)) for group in nx.connected_components(whole))
    place = {profile_id: number for number, group in enumerate(groups) for profile_id in group}
    held: list[set[Link]] = [set() for _ in groups]
    for link in links:
        held[place[link.profile_id]].add(link)
    return tuple(
        Component(group, tuple(sorted(own, key=lambda link: (link.profile_id, link.other_id, link.channel))))
        for group, own in zip(groups, held, strict=True)
    )
