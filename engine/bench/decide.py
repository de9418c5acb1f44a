"""How many people a second are decided, stored and mirrored, and how long deciding for one event takes."""

from time import perf_counter
from typing import Any

from engine.bench import Bar, Place, Result, percentile, size
from engine.bench.campaign import vacuum
from engine.bench.tenant import BATCH, Bench, begin, decide_all, fill, start
from engine.db import Database
from engine.decide import decide_batch
from engine.events import record_events
from engine.pause import seldom_collected
from engine.queries import queries
from rules.errors import Conflict

PEOPLE = 1_000_000
GROWTH = 100
# Timed batches, after a few untimed ones: a connection plans a statement anew the first five times.
BATCHES = 16
WARM_UP = 6
SINGLES = 300
LEAST_PER_S = 3_000.0
MOST_P99_MS = 30.0
MOST_GROWTH = 1.3
_SQL = queries("bench_decide")


def batches_among(people: int) -> int:
    """Give how many batches one round among this many people decides: one less than there are, if there are two."""
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


async def _people(bench: Bench, *, count: int, after: int) -> list[dict[str, Any]]:
    """Give people for whom nothing is decided yet, after writing some history for them."""
    async with bench.db.transaction(bench.tenant_id) as conn:
        rows = await (await conn.execute(_SQL["undecided"], {"after": after, "count": count})).fetchall()
        await conn.execute(_SQL["history"], {"profile_ids": [row["profile_id"] for row in rows]})
    vacuum(bench.place.admin_url)
    return rows


async def bulk(bench: Bench, *, batches: int, after: int) -> tuple[float, int]:
    """Decide batches as a worker does, this many at once; gives seconds per person, and the last person's id."""
    people = [row["profile_id"] for row in await _people(bench, count=batches * BATCH, after=after)]
    batch_ids = await start(bench, people)
    warm = min(WARM_UP, batches // 2)
    await decide_all(bench, batch_ids[:warm])
    bench.place.say(f"deciding {(batches - warm) * BATCH:,} people")
    began = perf_counter()
    await decide_all(bench, batch_ids[warm:])
    return (perf_counter() - began) / ((batches - warm) * BATCH), people[-1]


async def _singles(bench: Bench, *, count: int, after: int) -> tuple[list[float], int]:
    """Time deciding for single events, from event to commit; gives milliseconds, ascending, and the last person."""
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
