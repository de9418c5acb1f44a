"""The graph compared with the tables it mirrors, and drawn anew. Both are functions of schema.sql."""

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

_DIFFERENCES = "SELECT label, missing, extra, different FROM leo_graph_differences()"
# Both read every row of the tenant and take as long as that takes.
_NO_TIMEOUT = "SELECT set_config('statement_timeout', '0', true)"
_TIMEOUT = "SELECT set_config('statement_timeout', %s, true)"
_REBUILD = "SELECT leo_graph_rebuild() AS elements"

_ANALYZE = "SELECT leo_analyze()"


@dataclass(frozen=True, slots=True)
class Difference:
    """How one label differs: rows that are not drawn, vertices or edges without a row, and those with other values."""

    label: str
    missing: int
    extra: int
    different: int

    @property
    def total(self) -> int:
        return self.missing + self.extra + self.different


async def compare(connection: AsyncConnection[DictRow], *, within_s: float | None = None) -> tuple[Difference, ...]:
    """Compare every label of the transaction's tenant; all counts are 0 if graph and tables agree.

    A label unknown to the schema counts as extra. PostgreSQL gives up after `within_s`, if given.
    """
    await connection.execute(_TIMEOUT, (str(int((within_s or 0) * 1000)),))
    return tuple(Difference(**row) for row in await (await connection.execute(_DIFFERENCES)).fetchall())


async def rebuild(connection: AsyncConnection[DictRow]) -> int:
    """Draw the graph of the transaction's tenant anew; give the number of vertices and edges.

    Other writers of this tenant wait until the transaction ends.
    """
    await connection.execute(_NO_TIMEOUT)
    row = await (await connection.execute(_REBUILD)).fetchone()
    return 0 if row is None else int(row["elements"])


async def analyze(connection: AsyncConnection[DictRow]) -> None:
    """Tell the planner the size of the tenant's graph and tables, which autovacuum would do within a minute.

    Worth a call after a bulk load; `rebuild` does it too.
    """
    await connection.execute(_NO_TIMEOUT)
    await connection.execute(_ANALYZE)
