"""A person's journeys read as paths of the graph, and by joins of the tables alone."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from engine.bench import Place, percentile, trace
from engine.db import Database, admin
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
        keys = [row["ext_id"] for row in rows]
        by_graph = [await _by_graph(db, tenant_id, key) for key in keys]
    with admin(place.admin_url) as connection:
        by_joins = [_by_joins(connection, tenant_id, key) for key in keys]
    named = {"graph": by_graph, "joins": by_joins}
    return {
        f"journeys_{name}_p{share}_ms": percentile(sorted(took[WARM_UP:]), share)
        for name, took in named.items()
        for share in (50, 95)
    }


async def _by_graph(db: Database, tenant_id: UUID, ext_id: str) -> float:
    started = perf_counter()
    async with db.transaction(tenant_id, read_only=True) as conn:
        found = await read_trace(conn, await find(conn, ext_id, kind=Kind.PROFILE))
    took_ms = (perf_counter() - started) * 1000
    _check(len(found.journeys), "graph")
    return took_ms


def _by_joins(connection: Connection[tuple[Any, ...]], tenant_id: UUID, ext_id: str) -> float:
    started = perf_counter()
    with connection.transaction():
        values = {"tenant_id": tenant_id, "ext_id": ext_id}
        rows = connection.execute(_SQL["journeys"], values, prepare=True).fetchall()
    took_ms = (perf_counter() - started) * 1000
    _check(len({decision_id for decision_id, *_ in rows}), "joins")
    return took_ms


def _check(found: int, name: str) -> None:
    if found != trace.JOURNEYS:
        raise Conflict(f"By {name} a person has {found} journeys of {trace.JOURNEYS}.", remedy="Report it.")
