"""How long a journey takes among many deliveries, through the functions that `leo trace` and the API call."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from engine import trace as traces
from engine.bench import Bar, Place, Result, percentile, size
from engine.db import Database, admin
from engine.queries import queries
from rules.errors import Conflict
from rules.facts import Candidate
from rules.verdicts import Verdict
from rules.words import Action, Channel

DELIVERIES = 1_000_000
GROWTH = 10
# Decisions per person: one after an event and three in runs for everybody.
JOURNEYS = 4
# A connection plans a statement anew the first five times and then keeps the plan.
WARM_UP = 30
SAMPLES = 400
MOST_MS = 10.0
MOST_RATIO = 1.5

_VERDICTS = (
    Verdict(Candidate(0, Action.SEND, Channel.EMAIL, 1, "welcome", 1), eligible=True, score=0.7),
    Verdict(Candidate(1, Action.DO_NOTHING), eligible=True, score=0.0),
)
_INPUTS = {"profile": {"city": "Huế", "tier": "gold"}, "policy": {"version": 1}}
_VACUUM = "VACUUM (ANALYZE)"


async def run(place: Place, *, n: int | None = None) -> Result:
    """Time journeys at `n` / 10 deliveries and at `n` (1,000,000), as percentiles in milliseconds."""
    large = max(JOURNEYS * GROWTH * GROWTH, n or DELIVERIES)
    small = large // GROWTH
    tenant_id = uuid4()
    figures: dict[str, float] = {}
    p95: list[float] = []
    async with Database.open(place.admin_url, place.settings) as db:
        await begin(db, tenant_id)
        people = 0
        for deliveries in (small, large):
            place.say(f"writing {deliveries:,} deliveries")
            await fill(db, tenant_id, first=people + 1, last=deliveries // JOURNEYS)
            people = deliveries // JOURNEYS
            vacuum(place.admin_url)
            place.say(f"tracing among {deliveries:,} deliveries")
            times_ms = await _times_ms(db, tenant_id)
            p95.append(percentile(times_ms, 95))
            figures[f"p50_ms_{size(deliveries)}"] = percentile(times_ms, 50)
            figures[f"p95_ms_{size(deliveries)}"] = p95[-1]
    ratio = p95[1] / p95[0]
    return Result(
        name="trace",
        n=large,
        figures=figures,
        baseline=f"p95 at {small:,} deliveries",
        ratio=ratio,
        bars=(
            Bar(f"p95 at {large:,} deliveries is at most {MOST_MS:g} ms: {p95[1]:.2f} ms", p95[1] <= MOST_MS),
            Bar(f"and at most {MOST_RATIO} times that at {small:,}: {ratio:.2f}", ratio <= MOST_RATIO),
        ),
    )


async def begin(db: Database, tenant_id: UUID) -> None:
    """Make a tenant with one campaign, its segment, template and channel."""
    async with db.transaction(tenant_id) as connection:
        await connection.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": "bench"})
        await connection.execute(queries("bench")["campaign"])


async def fill(db: Database, tenant_id: UUID, *, first: int, last: int) -> None:
    """Write people with four decisions each that were all sent, delivered and sometimes clicked."""
    sql = queries("bench")
    async with db.transaction(tenant_id) as connection:
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute(sql["people"], {"first": first, "last": last})
        await connection.execute(sql["runs"])
        candidates = [verdict.to_document() for verdict in _VERDICTS]
        await connection.execute(sql["decisions"], {"candidates": Jsonb(candidates), "inputs": Jsonb(_INPUTS)})
        await connection.execute(sql["runs_finished"])
        await connection.execute(sql["deliveries"])
        await connection.execute(sql["outcomes"])
        row = await (await connection.execute(sql["delivery_count"])).fetchone()
    if row is None or row["deliveries"] != last * JOURNEYS:
        raise Conflict(f"The benchmark wrote {row} for {last} people.", remedy="Run it again and report it.")


def vacuum(admin_url: str) -> None:
    """Do now what autovacuum does within a minute; in the middle of measuring it would replan everything."""
    with admin(admin_url) as connection:
        connection.autocommit = True
        connection.execute(_VACUUM)


async def _times_ms(db: Database, tenant_id: UUID) -> Sequence[float]:
    async with db.transaction(tenant_id) as connection:
        rows = await (await connection.execute(queries("bench")["arguments"], {"count": WARM_UP + SAMPLES})).fetchall()
    times = [await _time_ms(db, tenant_id, row["argument"]) for row in rows]
    return sorted(times[min(WARM_UP, len(times) // 2) :])


async def _time_ms(db: Database, tenant_id: UUID, argument: Any) -> float:
    started = perf_counter()
    async with db.transaction(tenant_id, read_only=True) as connection:
        found = await traces.trace(connection, await traces.find(connection, argument))
    took_ms = (perf_counter() - started) * 1000
    if not found.journeys or any(journey.steps[-1].is_absent for journey in found.journeys):
        raise Conflict(f"The journey of {argument!r} does not end in an outcome.", remedy="Run it again and report it.")
    return took_ms
