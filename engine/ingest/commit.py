"""A page of people in one transaction: their rows, merges, the segments they move in, and the position after them."""

import asyncio
import logging
from dataclasses import dataclass

from engine import identity
from engine.db import Transaction
from engine.ingest import write
from engine.ingest.counts import SyncCounts
from engine.ingest.page import Page
from engine.ingest.run import PEOPLE, Run, segment_key
from engine.queries import queries
from rules.errors import Unavailable

# After so many new people in a run the planner is told at once what autovacuum would tell it within a minute. What is
# planned on an almost empty table reads all of the tenant's rows for each new one, and a page of 100 took up to 650 ms
# instead of 40.
ANALYZED_AT = (1_000, 10_000, 100_000)
# Pages of 1,000 after which what waits before the GIN indexes is taken in by another session: together it costs less.
TAKEN_IN_AFTER = 4
# So many people of a page are looked at again one by one, each within some milliseconds.
MOST_RECHECKED = 100
# How often a transaction that was in another's way is tried.
TRIES = 4
# A page holds its people so long for the one before it: that one may wait for somebody who waits for them, which
# PostgreSQL cannot see. A page of 1,000 takes some 0.1 s.
LONGEST_HELD_S = 5.0
_SQL = queries("ingest")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A page that was written, and the version of its stream since."""

    version: str
    written: write.Written
    merged: int
    deleted: int


async def write_page(
    run: Run, page: Page, version: str, *, at: str | None = None, key: str | None = None
) -> str | None:
    """Write a page and move the stream of people, in one transaction; gives its new version.

    None where somebody else has written since `version`: what was read may be old by now, and nothing is written.
    """
    for tried in range(1, TRIES + 1):
        try:
            return await _write_page(run, page, version, at=at, key=key)
        except Unavailable as error:
            if tried == TRIES:
                raise
            log.warning("A page is written again: %s", error.message)
            await asyncio.sleep(0.05 * 2**tried)
    raise AssertionError


async def write_beside(
    run: Run, page: Page, before: asyncio.Future[str | None], *, at: str | None = None, key: str | None = None
) -> str | None:
    """Write a page while the one `before` it is written; it is kept after that one was, or not at all.

    Its people are others than those before (`is_apart`). None as in `write_page`, or where the page before was dropped.
    """
    try:
        return await _write_beside(run, page, before, at=at, key=key)
    except (Unavailable, TimeoutError):
        version = await before
    return None if version is None else await write_page(run, page, version, at=at, key=key)


def is_apart(before: Page, page: Page) -> bool:
    """Tell whether two pages may be written at once: both large, nobody in both, no merge that reaches further."""
    is_large = min(before.read, page.read) > MOST_RECHECKED
    return is_large and page.rows is not None and not before.rooted and before.keys.isdisjoint(page.keys)


async def _write_page(run: Run, page: Page, version: str, *, at: str | None, key: str | None) -> str | None:
    async with run.db.transaction(run.place.tenant_id) as conn:
        if not await _is_claimed(conn, run, page, version):
            return None
        written = write.Written() if page.rows is None else await write.write_people(conn, run.place, page.rows)
        done = await _finish(conn, run, page, written, at=at, key=key)
    await _go_on(run, page, done)
    return done.version


async def _write_beside(
    run: Run, page: Page, before: asyncio.Future[str | None], *, at: str | None, key: str | None
) -> str | None:
    async with run.db.transaction(run.place.tenant_id) as conn:
        await write.set_up(conn)
        written = write.Written() if page.rows is None else await write.write_people(conn, run.place, page.rows)
        version = await asyncio.wait_for(asyncio.shield(before), LONGEST_HELD_S)
        if version is None or not await _is_claimed(conn, run, page, version):
            await conn.rollback()
            return None
        done = await _finish(conn, run, page, written, at=at, key=key)
    await _go_on(run, page, done)
    return done.version


async def _is_claimed(conn: Transaction, run: Run, page: Page, version: str) -> bool:
    """Hold the stream until the transaction ends; False where it stands elsewhere by now."""
    is_bulk = page.read > MOST_RECHECKED
    stands = await write.claim(conn, run.place, PEOPLE, waits=False, is_bulk=is_bulk)
    if stands.version != version:
        run.counts.pages_dropped += 1
    return stands.version == version


async def _finish(
    conn: Transaction, run: Run, page: Page, written: write.Written, *, at: str | None, key: str | None
) -> _Done:
    """Do what reaches beyond the page's people, and move the stream to its end."""
    merged = deleted = 0
    if page.gone:
        values = {"keys": page.gone, "source": run.source.key}
        gone = [row["profile_id"] for row in await (await conn.execute(_SQL["mark_gone"], values)).fetchall()]
        await _recheck(conn, run, gone, len(gone))
        deleted = len(gone)
    if page.rooted:
        merged = await identity.redirect_roots(conn, ext_ids=page.rooted)
        await conn.execute(_SQL["delete_unmerged"], {"keys": page.unmerged})
    if page.segments:
        await mark_segments(conn, run, page.segments)
    await _recheck(conn, run, written.ids, written.new + written.changed)
    version = await write.move(conn, run.place, PEOPLE, at=at, key=key)
    return _Done(version=version, written=written, merged=merged, deleted=deleted)


async def _go_on(run: Run, page: Page, done: _Done) -> None:
    before = run.counts.new
    _count_page(run.counts, page, done)
    if any(before < bound <= run.counts.new for bound in ANALYZED_AT):
        run.beside.append(asyncio.create_task(_analyze(run)))
    if page.read > MOST_RECHECKED and run.counts.pages % TAKEN_IN_AFTER == 0:
        _take_in_beside(run)
    await run.tell()


async def _analyze(run: Run) -> None:
    """Tell the planner while pages go on: the next page would wait for it."""
    async with run.db.transaction(run.place.tenant_id) as conn:
        await conn.execute(_SQL["analyze"])


def _take_in_beside(run: Run) -> None:
    """Let another session do it while pages go on: one at a time, and what it does not get to, the next does."""
    if run.taking_in is None or run.taking_in.done():
        run.taking_in = asyncio.create_task(_take_in(run))
        run.beside.append(run.taking_in)


async def _take_in(run: Run) -> None:
    async with run.db.transaction(run.place.tenant_id) as conn:
        await conn.execute(_SQL["take_in"])


async def _recheck(conn: Transaction, run: Run, ids: str | list[int], people: int) -> None:
    """Let the tenant's own segments look again at a few who changed; after a bulk a refresh does that for less."""
    if 0 < people <= MOST_RECHECKED:
        await conn.execute(_SQL["recheck"], {"ids": ids, "prefix": segment_key(run.source, "")})


async def mark_segments(conn: Transaction, run: Run, cdp_segment_ids: set[str]) -> None:
    """Note, with the change itself, that segments want refreshing: a run that is cut off leaves the note behind."""
    keys = [segment_key(run.source, one) for one in cdp_segment_ids]
    await conn.execute(_SQL["mark_segments"], {"keys": keys})


def _count_page(counts: SyncCounts, page: Page, done: _Done) -> None:
    written = done.written
    counts.pages += 1
    counts.read += page.read
    counts.new += written.new
    counts.changed += written.changed
    refused = sum(page.refused.values())
    counts.unchanged += page.read - refused - written.new - written.changed
    counts.merged += done.merged
    counts.deleted += done.deleted
    counts.refused += page.refused
    counts.mended += page.mended
    counts.addresses_invalid += page.addresses_invalid
