"""People from the CDP to commit, the graph mirrored, against a page of two with a statement for each row."""

import asyncio
import math
import resource
import sys
from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from engine.bench import Bar, Place, Result, cdp, percentile, rowwise
from engine.credentials import Vault
from engine.db import Database, admin
from engine.ingest import sources
from engine.ingest.sources import Source
from engine.ingest.sync import sync, time_pages
from engine.queries import queries
from rules.errors import Conflict

PEOPLE = 20_000
# So many pages of 100 are timed one after the other, and so many people go the baseline's way.
TIMED = 200
BASELINE_PEOPLE = 2_000
MOST_BATCH_MS = 50.0
LEAST_PER_S = 5_000.0
LEAST_RATIO = 5.0
MOST_RSS_MB = 300.0
MOST_END_S = 10.0
BASELINE = "pages of 2 by a growing offset and one upsert of 22 columns a person, every one written, one commit"
_SQL = queries("bench_sync")
_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


async def run(place: Place, *, n: int | None = None) -> Result:
    """Sync `n` people (20,000) from a sandbox in a process of its own; percentiles in ms, rates in people a second."""
    people = n or PEOPLE
    place.say(f"generating {people:,} people")
    async with cdp.opened(people) as url:
        place.say("timing pages of 100")
        batch_ms = sorted(await _time_batches(place, url, pages=min(TIMED, math.ceil(people / 100))))
        place.say(f"taking {people:,} people")
        per_s, rss_mb, again = await _time_sync(place, url, people)
        place.say("taking unchanged people again")
        written = await _count_unchanged(place, again)
        place.say("the baseline")
        baseline_per_s = await _time_baseline(place, url, min(people, BASELINE_PEOPLE))
    p50, p99 = percentile(batch_ms, 50), percentile(batch_ms, 99)
    ratio = per_s / baseline_per_s
    return Result(
        name="sync",
        n=people,
        figures={
            "batch100_p50_ms": p50,
            "batch100_p99_ms": p99,
            "per_s": per_s,
            "baseline_per_s": baseline_per_s,
            "unchanged_rows_written": written,
            "rss_mb": rss_mb,
        },
        baseline=BASELINE,
        ratio=ratio,
        bars=(
            Bar(f"p99 of a page of 100 is at most {MOST_BATCH_MS:g} ms: {p99:.1f} ms", p99 <= MOST_BATCH_MS),
            Bar(f"at least {LEAST_PER_S:,.0f} people a second: {per_s:,.0f}", per_s >= LEAST_PER_S),
            Bar(f"a second run of unchanged people writes no row: {written:,}", written == 0),
            Bar(f"at least {LEAST_RATIO:g} times the baseline: {ratio:.1f}", ratio >= LEAST_RATIO),
            Bar(f"at most {MOST_RSS_MB:g} MB of memory: {rss_mb:.0f} MB", rss_mb <= MOST_RSS_MB),
        ),
    )


async def _time_batches(place: Place, url: str, *, pages: int) -> Sequence[float]:
    """Take people in pages of 100, from the request to the commit, none fetched ahead."""
    async with Database.open(place.admin_url, place.settings) as db:
        source = await _source(db, "batches", url, page=100)
        times = [took_s * 1000 for took_s in await time_pages(db, source, most=pages)]
    # The first pages plan statements and fill caches.
    return times[min(10, len(times) // 2) :]


async def _time_sync(place: Place, url: str, people: int) -> tuple[float, float, Source]:
    async with Database.open(place.admin_url, place.settings) as db:
        source = await _source(db, "sustained", url)
        counts = await sync(db, source, say=lambda text: place.say(f"taking {people:,} people: {text}"))
    if counts.new != people:
        raise Conflict(f"{counts.new:,} of {people:,} people came.", remedy="Run it again and report it.")
    return counts.per_s, _rss_mb(), source


async def _count_unchanged(place: Place, source: Source) -> int:
    before = _rows_written(place.admin_url)
    # A database of its own: its connections tell what they wrote when they close.
    async with Database.open(place.admin_url, place.settings) as db:
        async with db.transaction(source.tenant_id) as conn:
            await conn.execute(_SQL["read_anew"])
        await sync(db, source)
    return _rows_written(place.admin_url) - before


def _rows_written(admin_url: str) -> int:
    with admin(admin_url) as connection:
        # What a session wrote is told when it has ended, which is a moment after it was closed.
        ends = monotonic() + MOST_END_S
        while (connection.execute(_SQL["other_sessions"]).fetchone() or (0,))[0] and monotonic() < ends:
            sleep(0.02)
        row = connection.execute(_SQL["rows_written"]).fetchone()
    return 0 if row is None else int(row[0])


async def _time_baseline(place: Place, url: str, people: int) -> float:
    with admin(place.admin_url) as connection:
        rowwise.prepare(connection)
    return await asyncio.to_thread(rowwise.take, url, place.admin_url, most=people)


async def _source(db: Database, slug: str, url: str, **settings: Any) -> Source:
    tenant_id = uuid4()
    async with db.transaction(tenant_id) as conn:
        await conn.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": slug})
        return await sources.save_source(
            conn,
            Vault(_KEY),
            tenant_id=tenant_id,
            key="cdp",
            settings={"url": url, "database": cdp.DATABASE, "username": "root", **settings},
            password="",
            field_map={"event": False, "segments": False},
        )


def _rss_mb() -> float:
    """The most that this process ever held, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024 if sys.platform != "darwin" else most / 1024**2
