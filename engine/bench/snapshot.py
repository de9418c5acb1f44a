"""How long freezing a segment takes: refresh, header, members, hash and the checks at commit, few people and many.

It is compared with the public leo-activation's way, re-enacted on the same server and people: header and members in two
statements, a foreign key per member, and nothing refreshed, hashed or checked.
"""

from statistics import median
from time import perf_counter
from uuid import UUID, uuid4

from psycopg import Connection

from engine.bench import Bar, Place, Result, size
from engine.db import Database, admin
from engine.queries import queries
from engine.segments import refresh_segment, save_segment
from engine.snapshots import create_snapshot

PEOPLE = 1_000_000
GROWTH = 100
# People written per statement.
PART = 100_000
ROUNDS_SMALL, ROUNDS_LARGE = 15, 3
MOST_MS_10K = 100.0
MOST_S_1M = 10.0
MOST_GROWTH = 1.5
_SQL = queries("bench_snapshot")
_VACUUM = "VACUUM (ANALYZE)"


async def run(place: Place, *, n: int | None = None) -> Result:
    """Freeze `n` / 100 people and `n` (1,000,000), medians of several; and the small list in the baseline's way."""
    large = max(GROWTH, n or PEOPLE)
    small = large // GROWTH
    tenant_id = uuid4()
    async with Database.open(place.admin_url, place.settings) as db:
        await _fill(place, db, tenant_id, small=small, large=large)
        some = await _segment(db, tenant_id, "small", {"attribute": "first", "is": True})
        everybody = await _segment(db, tenant_id, "large", {"all": []})
        _vacuum(place)
        small_s = [await _time_s(place, db, tenant_id, some) for _ in range(ROUNDS_SMALL)]
        large_s = [await _time_s(place, db, tenant_id, everybody) for _ in range(ROUNDS_LARGE)]
    baseline_s = _baseline_s(place, tenant_id)
    small_ms, whole_s = median(small_s) * 1000, median(large_s)
    growth = (whole_s / large) / (median(small_s) / small)
    return Result(
        name="snapshot",
        n=large,
        figures={
            f"ms_{size(small)}": small_ms,
            f"s_{size(large)}": whole_s,
            "growth_per_member": growth,
            f"baseline_ms_{size(small)}": baseline_s * 1000,
        },
        baseline=f"time per member at {small:,}",
        ratio=growth,
        bars=(
            Bar(f"{small:,} members take at most {MOST_MS_10K:g} ms: {small_ms:.1f} ms", small_ms <= MOST_MS_10K),
            Bar(f"{large:,} members take at most {MOST_S_1M:g} s: {whole_s:.2f} s", whole_s <= MOST_S_1M),
            Bar(f"a member costs at most {MOST_GROWTH} times that: {growth:.2f}", growth <= MOST_GROWTH),
        ),
    )


async def _fill(place: Place, db: Database, tenant_id: UUID, *, small: int, large: int) -> None:
    async with db.transaction(tenant_id) as conn:
        await conn.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": "bench"})
    for first in range(1, large + 1, PART):
        place.say(f"writing {large:,} people: {first - 1:,}")
        async with db.transaction(tenant_id) as conn:
            await conn.execute("SET LOCAL statement_timeout = 0")
            await conn.execute(_SQL["people"], {"small": small, "first": first, "last": min(first + PART - 1, large)})
    _vacuum(place)


async def _segment(db: Database, tenant_id: UUID, key: str, rule: dict[str, object]) -> int:
    async with db.transaction(tenant_id) as conn:
        await conn.execute("SET LOCAL statement_timeout = 0")
        segment = await save_segment(conn, tenant_id=tenant_id, key=key, name=key, rule=rule)
        await refresh_segment(conn, tenant_id=tenant_id, segment_id=segment.segment_id)
    return segment.segment_id


async def _time_s(place: Place, db: Database, tenant_id: UUID, segment_id: int) -> float:
    place.say("freezing")
    started = perf_counter()
    async with db.transaction(tenant_id) as conn:
        await create_snapshot(conn, tenant_id=tenant_id, segment_id=segment_id)
    return perf_counter() - started


def _vacuum(place: Place) -> None:
    """Do now what autovacuum does within a minute; in the middle of measuring it would replan everything."""
    with admin(place.admin_url) as connection:
        connection.autocommit = True
        connection.execute(_VACUUM)


def _baseline_s(place: Place, tenant_id: UUID) -> float:
    place.say("the baseline's way")
    with admin(place.admin_url) as connection:
        connection.execute(_SQL["baseline_tables"])
        connection.execute(_SQL["baseline_people"])
    _vacuum(place)
    with admin(place.admin_url) as connection:
        connection.autocommit = True
        return median(_baseline_once(connection, tenant_id, number) for number in range(ROUNDS_SMALL))


def _baseline_once(connection: Connection[tuple[object, ...]], tenant_id: UUID, number: int) -> float:
    values = {"tenant_id": tenant_id, "snapshot_id": f"snapshot-{number}"}
    started = perf_counter()
    connection.execute(_SQL["baseline_header"], values)
    connection.execute(_SQL["baseline_members"], values)
    return perf_counter() - started
