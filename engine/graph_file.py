"""A tenant's whole graph as a file that is sent while it is read; one at a time, for each holds a connection."""

from collections.abc import AsyncIterator
from uuid import UUID

from engine.db import Database
from engine.explorer import catalog
from graph import stream
from graph.stream import MOST_ELEMENTS, Form
from rules.errors import Conflict

__all__ = ["MOST_ELEMENTS", "Form", "GraphFiles"]


class GraphFiles:
    """What is being read now, by tenant."""

    def __init__(self) -> None:
        self._busy: set[UUID] = set()

    async def begin(self, db: Database, tenant_id: UUID, form: Form, *, most: int) -> AsyncIterator[str]:
        """Give the file in pieces, the first of which is there already: what is refused is refused before.

        Raises Conflict where the tenant's graph is being read, InvalidInput where it has more than `most` elements.
        """
        if tenant_id in self._busy:
            raise Conflict("The graph is being exported already.", remedy="Wait until that is done.")
        self._busy.add(tenant_id)
        pieces = self._pieces(db, tenant_id, form, most)
        return _with_first(await anext(pieces), pieces)

    async def _pieces(self, db: Database, tenant_id: UUID, form: Form, most: int) -> AsyncIterator[str]:
        try:
            async with db.transaction(tenant_id, read_only=True) as conn:
                graph = await stream.checked(conn, most=most)
                known = await catalog(conn)
                properties = {
                    "node": frozenset(name for one in known.labels for name in one.properties),
                    "edge": frozenset(name for one in known.edges for name in one.properties),
                }
                async for piece in stream.told(conn, graph, form, properties=properties, most=most):
                    yield piece
        finally:
            self._busy.discard(tenant_id)


async def _with_first(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for piece in rest:
        yield piece
