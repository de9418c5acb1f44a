"""How long it takes to refresh a segment of very many people, and to recheck one of them after an event."""

from collections.abc import Mapping
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

from engine.bench import Bar, Place, Result, percentile, size
from engine.db import Database, Transaction, admin
from engine.events import record_events
from engine.queries import queries
from engine.segments import recheck_due, refresh_segment, save_segment
from rules.errors import Conflict

PEOPLE = 1_000_000
GROWTH = 100
# People written per statement.
PART = 100_000
# A connection plans a statement anew the first five times and then keeps the plan.
WARM_UP = 30
SAMPLES = 300
MOST_REFRESH_S = 5.0
MOST_PROFILE_MS = 5.0

# A tenth of the people satisfy it.
RULE: Mapping[str, Any] = {
    "all": [
        {"attribute": "city", "is": "Huế"},
        {"attribute": "orders", "at_least": 10},
        {"attribute": "labels", "contains": "VIP"},
    ]
}
BUYERS: Mapping[str, Any] = {"all": [RULE, {"event": "purchase", "in_last_days": 30}]}
_SQL = queries("bench_segment")
_VACUUM = "VACUUM (ANALYZE)"


async def run(place: Place, *, n: int | None = None) -> Result:
    """Measure among `n` / 100 people and among `n` (1,000,000): refreshes in s, one profile in ms (median, p95)."""
    large = max(GROWTH * GROWTH, n or PEOPLE)
    small = large // GROWTH
    tenant_id = uuid4()
    async with Database.open(place.admin_url, place.settings) as db:
        async with db.transaction(tenant_id) as conn:
            await conn.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": "bench"})
        await _fill(place, db, tenant_id, first=1, last=small)
        buyers = await _begin(db, tenant_id, "buyers", BUYERS)
        small_ms = await _profile_ms(place, db, tenant_id, small)
        await _fill(place, db, tenant_id, first=small + 1, last=large)
        await _refresh_s(place, db, tenant_id, buyers)
        large_ms = await _profile_ms(place, db, tenant_id, large)
        async with db.transaction(tenant_id) as conn:
            segment = await save_segment(conn, tenant_id=tenant_id, key="large", name="large", rule=RULE)
        first_fill_s = await _refresh_s(place, db, tenant_id, segment.segment_id)
        async with db.transaction(tenant_id) as conn:
            await _untimed(conn, "churn")
        refresh_s = await _refresh_s(place, db, tenant_id, segment.segment_id)
    ratio = large_ms[50] / small_ms[50]
    return Result(
        name="segment",
        n=large,
        figures={
            f"refresh_s_{size(large)}": refresh_s,
            f"first_fill_s_{size(large)}": first_fill_s,
            f"one_profile_ms_{size(small)}": small_ms[50],
            f"one_profile_ms_{size(large)}": large_ms[50],
            f"one_profile_p95_ms_{size(small)}": small_ms[95],
            f"one_profile_p95_ms_{size(large)}": large_ms[95],
        },
        baseline=f"one profile among {small:,} people, median",
        ratio=ratio,
        bars=(
            Bar(f"a refresh takes at most {MOST_REFRESH_S:g} s: {refresh_s:.2f} s", refresh_s <= MOST_REFRESH_S),
            Bar(f"and the first one too: {first_fill_s:.2f} s", first_fill_s <= MOST_REFRESH_S),
            *(
                Bar(
                    f"one profile among {people:,} takes at most {MOST_PROFILE_MS:g} ms, the median: {ms:.2f} ms",
                    ms <= MOST_PROFILE_MS,
                )
                for people, ms in ((small, small_ms[50]), (large, large_ms[50]))
            ),
        ),
    )


async def _fill(place: Place, db: Database, tenant_id: UUID, *, first: int, last: int) -> None:
    for begin in range(first, last + 1, PART):
        place.say(f"writing {last:,} people: {begin - 1:,}")
        async with db.transaction(tenant_id) as conn:
            await _untimed(conn, "people", first=begin, last=min(begin + PART - 1, last))
    # Does now what autovacuum does within a minute; in the middle of measuring it would replan everything.
    with admin(place.admin_url) as connection:
        connection.autocommit = True
        connection.execute(_VACUUM)


async def _untimed(conn: Transaction, query: str, **values: Any) -> None:
    await conn.execute("SET LOCAL statement_timeout = 0")
    await conn.execute(_SQL[query], values)


async def _begin(db: Database, tenant_id: UUID, key: str, rule: Mapping[str, Any]) -> int:
    async with db.transaction(tenant_id) as conn:
        segment = await save_segment(conn, tenant_id=tenant_id, key=key, name=key, rule=rule)
        await refresh_segment(conn, tenant_id=tenant_id, segment_id=segment.segment_id)
    return segment.segment_id


async def _refresh_s(place: Place, db: Database, tenant_id: UUID, segment_id: int) -> float:
    place.say("refreshing")
    started = perf_counter()
    async with db.transaction(tenant_id) as conn:
        await refresh_segment(conn, tenant_id=tenant_id, segment_id=segment_id)
    return perf_counter() - started


async def _profile_ms(place: Place, db: Database, tenant_id: UUID, people: int) -> Mapping[int, float]:
    """Time rechecking one person after a purchase, up to the commit; gives percentiles."""
    place.say(f"looking at one person among {people:,}")
    async with db.transaction(tenant_id) as conn:
        rows = await (await conn.execute(_SQL["some_people"], {"count": WARM_UP + SAMPLES})).fetchall()
    times = [await _time_ms(db, tenant_id, row["ext_id"]) for row in rows]
    ascending = sorted(times[min(WARM_UP, len(times) // 2) :])
    return {percent: percentile(ascending, percent) for percent in (50, 95)}


async def _time_ms(db: Database, tenant_id: UUID, ext_id: str) -> float:
    async with db.transaction(tenant_id) as conn:
        await record_events(conn, tenant_id=tenant_id, events=[{"type": "purchase", "profile": ext_id}])
    started = perf_counter()
    async with db.transaction(tenant_id) as conn:
        looked_at = await recheck_due(conn, tenant_id=tenant_id, now=datetime.now(UTC))
    took_ms = (perf_counter() - started) * 1000
    if looked_at.people != 1:
        raise Conflict(
            f"{looked_at.people} people were looked at after one event.", remedy="Run it again and report it."
        )
    return took_ms
