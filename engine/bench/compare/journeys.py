"""A person's journeys read as paths of the graph, and by joins of the tables alone."""

from collections.abc import Mapping
from time import perf_counter
from uuid import uuid4

from engine.bench import Place, percentile, trace
from engine.db import Database, Transaction
from engine.queries import queries
from engine.trace import Kind, find
from engine.trace import trace as read_trace
from rules.errors import Conflict

PEOPLE = 5_000
WARM_UP, SAMPLES = 20, 300
_SQL = queries("bench_compare")


async def times(place: Place) -> Mapping[str, float]:
    """Give p50 and p95 in milliseconds of both, for the same people."""
    tenant_id = uuid4()
    async with Database.open(place.admin_url, place.settings) as db:
        await trace.begin(db, tenant_id)
        await trace.fill(db, tenant_id, first=1, last=PEOPLE)
        trace.vacuum(place.admin_url)
        async with db.transaction(tenant_id) as conn:
            rows = await (await conn.execute(_SQL["persons"], {"count": WARM_UP + SAMPLES})).fetchall()
        figures: dict[str, float] = {}
        for name, read in (("graph", _by_graph), ("joins", _by_joins)):
            took = []
            for row in rows:
                started = perf_counter()
                async with db.transaction(tenant_id, read_only=True) as conn:
                    found = await read(conn, row["ext_id"])
                took.append((perf_counter() - started) * 1000)
                _check(found, name)
            ascending = sorted(took[WARM_UP:])
            figures |= {f"journeys_{name}_p{share}_ms": percentile(ascending, share) for share in (50, 95)}
    return figures


async def _by_graph(conn: Transaction, ext_id: str) -> int:
    found = await read_trace(conn, await find(conn, ext_id, kind=Kind.PROFILE))
    return len(found.journeys)


async def _by_joins(conn: Transaction, ext_id: str) -> int:
    rows = await (await conn.execute(_SQL["journeys"], {"ext_id": ext_id}, prepare=True)).fetchall()
    return len({row["decision_id"] for row in rows})


def _check(found: int, name: str) -> None:
    if found != trace.JOURNEYS:
        raise Conflict(f"By {name} a person has {found} journeys of {trace.JOURNEYS}.", remedy="Report it.")
