"""What the graph mirror costs a writer: the same upserts alternately with the mirror and with its triggers off.

Each side has a tenant of its own, because rows written with the mirror off are not in the graph. Both tenants are in
the same tables with the same indexes, and the sides take turns within one run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import Any, cast
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from engine.bench import Bar, Place, Result
from engine.db import Database, admin
from engine.queries import queries
from rules.errors import Conflict

BATCH = 1000
BATCHES = 5
# Eleven rounds on each side, so that a checkpoint during one of them does not move the median.
ROUNDS = 11
# People who are then written one by one, as an event does.
ONES = 400
LEAST_RATIO = 0.5
BASELINE = "the same upserts into the same tables and indexes with only the mirror's triggers off"

_CITIES = ("Hà Nội", "Đà Nẵng", "Huế", "Cần Thơ", "TP. Hồ Chí Minh")


async def run(place: Place, *, n: int | None = None) -> Result:
    """Upsert about `n` profiles (55,000) on each side, half of them new; give the medians of both sides' rounds."""
    batch = BATCH if n is None else max(2, n // (BATCHES * ROUNDS))
    mirrored, bare = uuid4(), uuid4()
    rates: dict[UUID, list[float]] = {mirrored: [], bare: []}
    ones: dict[UUID, float] = {}
    async with Database.open(place.admin_url, place.settings) as db:
        await _make_tenant(db, mirrored, "mirrored")
        await _make_tenant(db, bare, "bare")
        # The first round of each side warms caches and plans, and is not counted.
        for number in range(-1, ROUNDS):
            order = (mirrored, bare) if number % 2 else (bare, mirrored)
            for tenant_id in order:
                place.say(f"round {max(number + 1, 0)} of {ROUNDS}, mirror {'on' if tenant_id == mirrored else 'off'}")
                with _triggers(place.admin_url, are_off=tenant_id == bare):
                    rate = await _round(db, tenant_id, number=number + 1, batch=batch)
                    if number == ROUNDS - 1:
                        place.say("one by one")
                        ones[tenant_id] = await _one_by_one(db, tenant_id, number=number + 1, most=min(ONES, batch))
                if number >= 0:
                    rates[tenant_id].append(rate)
        await _check(db, mirrored, "leo_mirrored", has_vertices=True)
        await _check(db, bare, "leo_bare", has_vertices=False)
    on, off = median(rates[mirrored]), median(rates[bare])
    ratio = on / off
    return Result(
        name="mirror",
        n=batch * BATCHES * ROUNDS,
        figures={"on_per_s": on, "off_per_s": off, "one_on_us": ones[mirrored], "one_off_us": ones[bare]},
        baseline=BASELINE,
        ratio=ratio,
        bars=(Bar(f"on / off is at least {LEAST_RATIO}: {ratio:.2f}", ratio >= LEAST_RATIO),),
    )


async def _make_tenant(db: Database, tenant_id: UUID, slug: str) -> None:
    async with db.transaction(tenant_id) as connection:
        await connection.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": slug})


async def _round(db: Database, tenant_id: UUID, *, number: int, batch: int) -> float:
    """Give profiles a second; half of each batch is new, and the other half was new in the round before."""
    documents = [Jsonb(_profiles(number, place, batch)) for place in range(BATCHES)]
    started = perf_counter()
    for document in documents:
        async with db.transaction(tenant_id) as connection:
            await connection.execute(queries("bench")["upsert_profiles"], {"profiles": document})
    return batch * BATCHES / (perf_counter() - started)


async def _one_by_one(db: Database, tenant_id: UUID, *, number: int, most: int) -> float:
    """Change existing people, one per statement, in a way that shows in the graph: the median in microseconds."""
    times = []
    changed = "active" if number % 2 else "deleted"
    async with db.transaction(tenant_id) as connection:
        for key in range(most):
            document = Jsonb([_profile(key, changed)])
            started = perf_counter()
            await connection.execute(queries("bench")["upsert_profiles"], {"profiles": document})
            times.append((perf_counter() - started) * 1e6)
    return median(times)


def _profiles(number: int, place: int, batch: int) -> list[dict[str, Any]]:
    half = batch // 2
    first = (number * BATCHES + place) * half
    earlier = first - BATCHES * half
    status = "deleted" if number % 2 else "active"
    return [_profile(key, status) for start in (first, earlier) for key in range(start, start + half)]


def _profile(key: int, status: str) -> dict[str, Any]:
    attributes = {
        "city": _CITIES[key % len(_CITIES)],
        "tier": ("gold", "silver", "bronze")[key % 3],
        "spend": key % 9_000_000,
        "age": 18 + key % 60,
        "interests": ["coffee", "travel", "books"][: key % 4],
        "newsletter": key % 2 == 0,
    }
    return {"ext_id": f"customer-{key}", "status": status, "name": f"Customer {key}", "attributes": attributes}


@contextmanager
def _triggers(admin_url: str, *, are_off: bool) -> Iterator[None]:
    if not are_off:
        yield
        return
    with admin(admin_url) as connection:
        connection.execute(queries("bench")["mirror_triggers_off"])
    try:
        yield
    finally:
        with admin(admin_url) as connection:
            connection.execute(queries("bench")["mirror_triggers_on"])


async def _check(db: Database, tenant_id: UUID, graph: str, *, has_vertices: bool) -> None:
    """Refuse a figure whose sides did not do what their names say."""
    statement = cast("Any", queries("bench")["vertex_count"].replace("{graph}", graph))
    async with db.transaction(tenant_id) as connection:
        row = await (await connection.execute(statement)).fetchone()
    if row is None or row["rows"] == 0 or row["vertices"] != (row["rows"] if has_vertices else 0):
        raise Conflict(f"The benchmark did not measure what it should: {row}.", remedy="Run it again and report it.")
