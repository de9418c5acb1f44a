"""What a unit of each kind of work costs among few people and among many, and what it takes on disk, in one tenant.

The number of people grows; at each size the same work is done: some are imported from the CDP, everybody is frozen,
some are decided for and written to, and their journeys are read.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

from engine import trace as traces
from engine.bench import campaign, cdp, size
from engine.bench.campaign import Audience
from engine.bench.site import Site
from engine.bench.tenant import BATCH, Bench, decide_all, start
from engine.credentials import Vault
from engine.db import admin
from engine.dispatch import Adapters, dispatch_due
from engine.ingest import sources
from engine.ingest.sources import Source
from engine.ingest.sync import time_pages
from engine.lanes import PACES
from engine.pause import seldom_collected
from engine.queries import queries
from engine.segments import refresh_segment, save_segment
from engine.snapshots import create_snapshot
from rules.errors import Conflict
from rules.words import Channel, Lane

KINDS = ("sync", "snapshot", "decide", "dispatch", "trace")
# People written per statement.
PART = 50_000
PAGES, PAGE = 30, 100
# Timed batches, after some untimed ones: a connection plans a statement anew the first five times.
BATCHES, WARM_UP = 8, 4
TRACES, TRACE_WARM_UP = 200, 30
# How often everybody is frozen: the fewer people, the more often.
ROUNDS = 5
_SIZES = {"k": 1_000, "m": 1_000_000, "": 1}
_SQL = queries("bench_scale")


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds per unit at this size: a person imported, frozen, decided for, a message, a journey."""

    people: int
    us: dict[str, float]


@dataclass(frozen=True, slots=True)
class Bytes:
    """What one more person, decision and message take on disk, with indexes; and the graph's share of it."""

    profile: float
    profile_graph: float
    decision: float
    decision_graph: float
    message: float
    message_graph: float


@dataclass(slots=True)
class _Field:
    """The tenant in which the number of people grows."""

    site: Site
    audience: Audience
    source: Source
    bench: Bench
    segment_id: int
    people: int = 0
    after: int = 0
    decided: list[str] = field(default_factory=list)
    """The people of the last run."""


async def measure(site: Site, *, sizes: Sequence[int], bench: Bench) -> tuple[list[Costs], Bytes]:
    """Measure at each of `sizes` people, ascending; `bench` says where, and its tenant is replaced."""
    audience = await campaign.made(site, "growth", Channel.TELEGRAM, trigger="never")
    async with cdp.opened(len(sizes) * PAGES * PAGE) as url:
        place = await _place(site, audience, bench, url)
        costs = []
        for number in sizes:
            before = _sizes(site)
            grown = number - place.people
            await _fill(place, number)
            one_profile = _each(before, _sizes(site), grown)
            bench.place.say(f"working among {number:,} people")
            with seldom_collected():
                costs.append(await _costs(place, number))
        return costs, await _bytes(place, one_profile)


async def _place(site: Site, audience: Audience, bench: Bench, url: str) -> _Field:
    tenant_id = audience.tenant_id
    async with site.db.transaction(tenant_id) as conn:
        await conn.execute(_SQL["topics"])
        source = await sources.save_source(
            conn,
            Vault(site.servers.secrets.credential_key),
            tenant_id=tenant_id,
            key="cdp",
            settings={"url": url, "database": cdp.DATABASE, "username": "root", "page": PAGE},
            password="",
            field_map={"event": False, "segments": False},
        )
        segment = await save_segment(conn, tenant_id=tenant_id, key="all", name="Everybody", rule={"all": []})
    here = replace(bench, db=site.db, tenant_id=tenant_id, campaign_id=audience.campaign_id, now=datetime.now(UTC))
    return _Field(site, audience, source, here, segment.segment_id)


async def _fill(place: _Field, people: int) -> None:
    for first in range(place.people + 1, people + 1, PART):
        place.bench.place.say(f"writing {people:,} people: {first - 1:,}")
        await place.audience.rows(_SQL["people"], first=first, last=min(first + PART - 1, people))
    place.people = people
    campaign.vacuum(place.site.servers.admin_database_url)


async def _costs(place: _Field, people: int) -> Costs:
    us = {
        "sync": await _sync_us(place),
        "snapshot": await _snapshot_us(place),
        "decide": await _decide_us(place),
    }
    # What autovacuum does within a minute; otherwise both are planned for tables that were empty.
    campaign.vacuum(place.site.servers.admin_database_url)
    us["dispatch"] = await _dispatch_us(place)
    campaign.vacuum(place.site.servers.admin_database_url)
    us["trace"] = await _trace_us(place)
    return Costs(people, us)


async def _sync_us(place: _Field) -> float:
    took = await time_pages(place.site.db, place.source, most=PAGES)
    if len(took) < PAGES:
        raise Conflict(f"{len(took)} of {PAGES} pages came.", remedy="Run it again and report it.")
    return median(took[PAGES // 3 :]) / PAGE * 1e6


async def _snapshot_us(place: _Field) -> float:
    tenant_id, took = place.audience.tenant_id, []
    members = 0
    for _ in range(1 + (ROUNDS if place.people < PART else 1)):
        async with place.site.db.transaction(tenant_id) as conn:
            await conn.execute("SET LOCAL statement_timeout = 0")
            await refresh_segment(conn, tenant_id=tenant_id, segment_id=place.segment_id)
        began = perf_counter()
        async with place.site.db.transaction(tenant_id) as conn:
            await conn.execute("SET LOCAL statement_timeout = 0")
            made = await create_snapshot(conn, tenant_id=tenant_id, segment_id=place.segment_id)
        took.append(perf_counter() - began)
        members = made.member_count
    return median(took[1:]) / members * 1e6


async def _decide_us(place: _Field) -> float:
    """Decide for the next people; their messages stay queued for the next measurement."""
    count = min((BATCHES + WARM_UP) * BATCH, place.people // 2)
    batch_ids = await _run(place, count)
    warm = min(WARM_UP, len(batch_ids) - 1)
    await decide_all(place.bench, batch_ids[:warm], least=1)
    began = perf_counter()
    await decide_all(place.bench, batch_ids[warm:], least=1)
    return (perf_counter() - began) / (count - warm * BATCH) * 1e6


async def _run(place: _Field, count: int) -> Sequence[int]:
    rows = await place.audience.rows(_SQL["undecided"], after=place.after, count=count)
    place.after, place.decided = rows[-1]["profile_id"], [row["ext_id"] for row in rows]
    return await start(place.bench, [row["profile_id"] for row in rows])


async def _dispatch_us(place: _Field) -> float:
    """Send everything that is queued, with as many parallel claims as a bulk worker; gives the time per message."""
    adapters = Adapters.of(place.site.settings)
    sent = 0

    async def send() -> int:
        done = await dispatch_due(
            place.site.db, adapters, tenant_id=place.audience.tenant_id, lane=Lane.BULK, owner="benchmark"
        )
        return done.sent

    async def send_all() -> int:
        mine = 0
        while now := await send():
            mine += now
        return mine

    try:
        await send()
        began = perf_counter()
        sent = sum(await asyncio.gather(*(send_all() for _ in range(PACES[Lane.BULK].abreast))))
        took_s = perf_counter() - began
    finally:
        await adapters.aclose()
    if not sent:
        raise Conflict("Nothing was sent.", remedy="Run it again and report it.")
    return took_s / sent * 1e6


async def _trace_us(place: _Field) -> float:
    times = [await _one_trace_us(place, ext_id) for ext_id in place.decided[: TRACES + TRACE_WARM_UP]]
    return median(times[min(TRACE_WARM_UP, len(times) // 2) :])


async def _one_trace_us(place: _Field, ext_id: str) -> float:
    began = perf_counter()
    async with place.site.db.transaction(place.audience.tenant_id, read_only=True) as conn:
        root = await traces.find(conn, ext_id, kind=traces.Kind.PROFILE)
        found = await traces.trace(conn, root)
    took = (perf_counter() - began) * 1e6
    if not found.journeys:
        raise Conflict(f"{ext_id!r} has no journey.", remedy="Run it again and report it.")
    return took


async def _bytes(place: _Field, one_profile: tuple[float, float]) -> Bytes:
    """Decide for more people, then send to them, and measure how the files grow."""
    count = min(20_000, place.people // 4)
    begun = _sizes(place.site)
    await decide_all(place.bench, await _run(place, count), least=1)
    decided = _sizes(place.site)
    await _dispatch_us(place)
    campaign.vacuum(place.site.servers.admin_database_url)
    decision, message = _each(begun, decided, count), _each(decided, _sizes(place.site), count)
    return Bytes(*one_profile, *decision, *message)


def _sizes(site: Site) -> tuple[int, int]:
    """Give the present bytes of tables and of graphs."""
    with admin(site.servers.admin_database_url) as connection:
        row: Any = connection.execute(_SQL["sizes"]).fetchone()
    return int(row[0]), int(row[1])


def _each(before: tuple[int, int], after: tuple[int, int], count: int) -> tuple[float, float]:
    """Give the bytes per item in total, and the graph's share of them."""
    tables, graph = ((now - then) / count for then, now in zip(before, after, strict=True))
    return tables + graph, graph


def figures(costs: Sequence[Costs], found: Bytes) -> dict[str, float]:
    """Give the measurements as a benchmark's figures; growth is the cost at the largest size over the smallest."""
    least, most = costs[0], costs[-1]
    grown = {f"growth_{kind}": most.us[kind] / least.us[kind] for kind in KINDS}
    each = {f"{kind}_us_{size(one.people)}": one.us[kind] for kind in KINDS for one in costs}
    taken = {f"bytes_{name}": getattr(found, name) for name in Bytes.__slots__}
    return grown | each | taken


def size_of(name: str, kind: str) -> int:
    """Give the number of people in a figure's name such as decide_us_10k; raises ValueError if there is none."""
    found = re.fullmatch(rf"{kind}_us_(\d+)([km]?)", name)
    if found is None:
        raise ValueError(f"{name} has no size")
    return int(found[1]) * _SIZES[found[2]]
