"""How many people a second are decided, stored and mirrored, and how long one event's decision takes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from engine.bench import Bar, Place, Result, percentile, size
from engine.campaigns import start_run
from engine.db import Database, admin
from engine.decide import BatchState, decide_batch
from engine.events import record_events
from engine.lanes import DECIDING
from engine.pause import seldom_collected
from engine.queries import queries
from rules.errors import Conflict
from rules.policy import DEFAULT_POLICY
from rules.words import Channel, Lane, RunKind

PEOPLE = 1_000_000
GROWTH = 100
# People written by one statement.
PART = 50_000
BATCH = 500
# Batches that are timed, after a few that are not: a connection plans a statement anew the first five times.
BATCHES = 16
WARM_UP = 6
SINGLES = 300
LEAST_PER_S = 3_000.0
MOST_P99_MS = 30.0
MOST_GROWTH = 1.3
CHANNELS = (
    *(Channel.EMAIL, Channel.ZALO_OA, Channel.ZALO_TEMPLATE),
    *(Channel.FACEBOOK, Channel.TELEGRAM, Channel.APP_PUSH),
)
# Every gate has something to look at, and most people pass: the dearest case.
POLICY: Mapping[str, Any] = {
    **DEFAULT_POLICY,
    "eligibility": [{"name": "of age", "when": {"attribute": "age", "at_least": 18}}],
    "costs": {channel.value: 200.0 for channel in CHANNELS},
    "caps": [
        {"limit": 1, "days": 1},
        {"limit": 3, "days": 7},
        {"limit": 2, "per": "week", "scope": "channel"},
    ],
    "control_share": 0.02,
}
_SQL = queries("bench_decide")
_VACUUM = "VACUUM (ANALYZE)"


@dataclass(frozen=True, slots=True)
class Bench:
    """The tenant of the benchmark; `now` is ten in the morning there, whenever it runs."""

    place: Place
    db: Database
    tenant_id: UUID
    campaign_id: int
    now: datetime


def batches_among(people: int) -> int:
    """Give how many batches one round among so many people decides: one less than there are, where there are two."""
    return max(1, min(BATCHES + WARM_UP, people // BATCH - 1))


async def run(place: Place, *, n: int | None = None) -> Result:
    """Decide for people among `n` / 100 and among `n` (1,000,000): in batches, and one by one."""
    large = max(GROWTH * BATCH, n or PEOPLE)
    small = large // GROWTH
    # As in a worker's process.
    async with Database.open(place.admin_url, place.settings) as db:
        with seldom_collected():
            bench = await begin(place, db)
            await fill(bench, first=1, last=small)
            batches = batches_among(small)
            small_s, last = await bulk(bench, batches=batches, after=0)
            await fill(bench, first=small + 1, last=large)
            large_s, last = await bulk(bench, batches=batches, after=last)
            singles, last = await _singles(bench, count=min(SINGLES, small), after=last)
    one_by_one_per_s = 1000 / (sum(singles) / len(singles))
    growth, per_s, p99 = large_s / small_s, 1 / large_s, percentile(singles, 99)
    return Result(
        name="decide",
        n=large,
        figures={
            "per_s": per_s,
            f"per_s_{size(small)}": 1 / small_s,
            "realtime_p50_ms": percentile(singles, 50),
            "realtime_p99_ms": p99,
            f"growth_{size(large)}_over_{size(small)}": growth,
        },
        baseline="people decided one by one, a transaction each",
        ratio=per_s / one_by_one_per_s,
        bars=(
            Bar(f"at least {LEAST_PER_S:,.0f} people a second: {per_s:,.0f}", per_s >= LEAST_PER_S),
            Bar(f"p99 of one decision is at most {MOST_P99_MS:g} ms: {p99:.1f} ms", p99 <= MOST_P99_MS),
            Bar(
                f"a person among {large:,} costs at most {MOST_GROWTH} times one among {small:,}: {growth:.2f}",
                growth <= MOST_GROWTH,
            ),
        ),
    )


async def begin(place: Place, db: Database) -> Bench:
    """Make the tenant, its channels, templates and campaign."""
    tenant_id = uuid4()
    async with db.transaction(tenant_id) as conn:
        await conn.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": "bench"})
        row = await (
            await conn.execute(_SQL["campaign"], {"channels": list(CHANNELS), "policy": Jsonb(dict(POLICY))})
        ).fetchone()
    morning = datetime.combine(datetime.now(UTC).date(), time(3), tzinfo=UTC)
    return Bench(place, db, tenant_id, row["campaign_id"] if row else 0, morning)


async def fill(bench: Bench, *, first: int, last: int) -> None:
    """Write people who agreed to everything and can be reached on each channel."""
    for begin in range(first, last + 1, PART):
        bench.place.say(f"writing {last:,} people: {begin - 1:,}")
        async with bench.db.transaction(bench.tenant_id) as conn:
            await conn.execute("SET LOCAL statement_timeout = 0")
            values = {"first": begin, "last": min(begin + PART - 1, last), "channels": list(CHANNELS)}
            await conn.execute(_SQL["people"], values)
    _vacuum(bench)


def _vacuum(bench: Bench) -> None:
    """Do now what autovacuum does within a minute: in the middle of the measuring it makes every plan anew."""
    with admin(bench.place.admin_url) as connection:
        connection.autocommit = True
        connection.execute(_VACUUM)


async def _people(bench: Bench, *, count: int, after: int) -> list[dict[str, Any]]:
    """Give people for whom nothing is decided, after some history was written for them."""
    async with bench.db.transaction(bench.tenant_id) as conn:
        rows = await (await conn.execute(_SQL["undecided"], {"after": after, "count": count})).fetchall()
        await conn.execute(_SQL["history"], {"profile_ids": [row["profile_id"] for row in rows]})
    _vacuum(bench)
    return rows


async def bulk(bench: Bench, *, batches: int, after: int) -> tuple[float, int]:
    """Decide batches as a worker does, so many at once; gives seconds a person, and the last person's id."""
    people = [row["profile_id"] for row in await _people(bench, count=batches * BATCH, after=after)]
    async with bench.db.transaction(bench.tenant_id) as conn:
        started = await start_run(
            conn,
            tenant_id=bench.tenant_id,
            campaign_id=bench.campaign_id,
            kind=RunKind.REQUEST,
            lane=Lane.BULK,
            profile_ids=people,
        )
    warm = min(WARM_UP, batches // 2)
    await decide_all(bench, started.batch_ids[:warm])
    bench.place.say(f"deciding {(batches - warm) * BATCH:,} people")
    began = perf_counter()
    await decide_all(bench, started.batch_ids[warm:])
    return (perf_counter() - began) / ((batches - warm) * BATCH), people[-1]


async def decide_all(bench: Bench, batch_ids: Sequence[int], *, least: int = BATCH // 2) -> None:
    """Decide batches as one worker does, so many at once; `least`: the fewest messages that one may come to."""
    waiting = iter(batch_ids)

    async def decide() -> None:
        for batch_id in waiting:
            async with bench.db.transaction(bench.tenant_id) as conn:
                done = await decide_batch(conn, tenant_id=bench.tenant_id, batch_id=batch_id, now=bench.now)
            if done.state is not BatchState.DECIDED or done.deliveries < least:
                raise Conflict(f"Batch {batch_id} came to {done}.", remedy="Run it again and report it.")

    await asyncio.gather(*(decide() for _ in range(DECIDING)))


async def _singles(bench: Bench, *, count: int, after: int) -> tuple[list[float], int]:
    """Time an event's decision, from the event to the commit; gives milliseconds, ascending, and the last person."""
    people = await _people(bench, count=count + WARM_UP, after=after)
    bench.place.say(f"deciding {count:,} people one by one")
    times = [await _single_ms(bench, row["ext_id"]) for row in people]
    return sorted(times[WARM_UP:]), people[-1]["profile_id"]


async def _single_ms(bench: Bench, ext_id: str) -> float:
    started = perf_counter()
    async with bench.db.transaction(bench.tenant_id) as conn:
        event = {"type": "cart_abandoned", "profile": ext_id}
        recorded = await record_events(conn, tenant_id=bench.tenant_id, events=[event])
    async with bench.db.transaction(bench.tenant_id) as conn:
        batch_id = recorded.runs[0].batch_id
        done = await decide_batch(conn, tenant_id=bench.tenant_id, batch_id=batch_id, now=bench.now)
    took_ms = (perf_counter() - started) * 1000
    if len(done.made) != 1:
        raise Conflict(f"The event of {ext_id!r} came to {done}.", remedy="Run it again and report it.")
    return took_ms
