"""What stands around people in the graph: the few strongest edges of each kind, for a batch of people by one query."""

from collections.abc import Iterator, Sequence
from typing import LiteralString, NamedTuple

from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import DictRow, tuple_row

from graph.cypher import library

# Of each kind so many are enough for a score and for a prompt; a person may have thousands.
FEW = 5
_QUERY = library()["neighbourhood"]
# The planner takes any list for a thousand people, and of 10,000 it then reads everybody: 36 ms for one person where
# looking up takes 0.4, 50 ms for 500 where it takes 25. Without these joins it looks up, whatever it believes.
_LOOK_UP = "SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
_AS_BEFORE = "SELECT set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)"


class Edge(NamedTuple):
    """One edge of a person: `kind` is interests, bought, engaged or knows; `at` an ISO 8601 text, where it is known."""

    profile_id: int
    kind: str
    key: str
    name: str
    weight: float
    at: str | None


async def neighbourhood(
    connection: AsyncConnection[DictRow], graph: str, profile_ids: Sequence[int], *, few: int = FEW
) -> Iterator[Edge]:
    """Give the edges of the people, at most `few` of a kind, the strongest of each person and kind first.

    500 people with five edges each take 25 ms. Raises InvalidInput on a name that is no graph of ours.
    """
    asked = parameters(profile_ids=profile_ids)
    async with AsyncRawCursor(connection, row_factory=tuple_row) as cursor:
        await cursor.execute(_LOOK_UP)
        await cursor.execute(_statement(graph), (asked, few), binary=True)
        rows = await cursor.fetchall()
        await cursor.execute(_AS_BEFORE)
    return map(Edge._make, rows)


def parameters(*, profile_ids: Sequence[int]) -> str:
    """Give `$1`: whose neighbourhood."""
    return _QUERY.arguments({"profile_ids": list(profile_ids)})


def _statement(graph: str) -> LiteralString:
    """Keep a few of each kind where they are found: Cypher's LIMIT is not for each person."""
    # A file's text and a checked identifier only, see graph/cypher.py.
    return (
        "SELECT profile_id, kind, key, name, weight, at FROM (SELECT *, row_number() OVER "  # noqa: S608
        f"(PARTITION BY profile_id, kind ORDER BY weight DESC, key) AS place FROM ({_QUERY.sql(graph)}) AS around) "
        "AS placed WHERE place <= $2 ORDER BY profile_id, kind, place"
    )
