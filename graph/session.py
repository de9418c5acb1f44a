"""Running Cypher on a caller's connection, so that graph and tables are read in one transaction."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.rows import DictRow, dict_row

from graph.cypher import CypherQuery


async def fetch(
    connection: AsyncConnection[DictRow], graph: str, query: CypherQuery, **parameters: Any
) -> Sequence[DictRow]:
    """Run `query` on `graph` and give its rows; raises InvalidInput on parameters that it does not declare.

    It uses a raw cursor, because the default one takes Cypher's `%` for its own placeholder.
    """
    async with AsyncRawCursor(connection, row_factory=dict_row) as cursor:
        await cursor.execute(query.sql(graph), (query.arguments(parameters),))
        return await cursor.fetchall()
