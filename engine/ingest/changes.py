"""People that changed, page by page: two are written at once, the next is mapped, and the one after that looked for."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from engine.ingest import unread
from engine.ingest.commit import is_apart, write_beside, write_page
from engine.ingest.page import Page, prepare
from engine.ingest.paths import Document
from engine.ingest.run import Run, position
from engine.ingest.unread import Unread
from engine.ingest.write import Position
from engine.queries import queries

# By key a request carries so many: each is 22 characters.
KEYS = 1_000
# Nothing is written until the first page is ready, so that one is small; each after it is twice as large up to a whole.
FIRST = 250
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """People who were asked for, at most `n` of them."""

    found: asyncio.Task[list[Unread]]
    n: int


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A page and where it ends; `following` is what was asked for after it, None where the source had no more."""

    page: Page
    at: str
    key: str
    following: _Asked | None


@dataclass(frozen=True, slots=True)
class _Written:
    """A page that is being written; `version` will be that of its stream, None where somebody else has moved it."""

    page: Page | None
    version: asyncio.Future[str | None]


async def take_changes(run: Run) -> None:
    """Take everybody who changed since the stored position."""
    stands = await position(run)
    while not await _take_from(run, stands):
        log.info("Another sync of source %s goes on as well: reading from where it stands.", run.source.key)
        stands = await position(run)


async def _take_from(run: Run, stands: Position) -> bool:
    """Take pages until there are no more; False where somebody else has moved the stream."""
    asking = _begin_asking(run, stands.at, stands.key, FIRST)
    ahead = asyncio.create_task(_fetch(run, asking))
    before = this = _Written(None, asyncio.get_running_loop().create_future())
    this.version.set_result(stands.version)
    try:
        while not run.stop.is_set() and (now := await ahead) is not None:
            if now.following is not None:
                asking = now.following
                ahead = asyncio.create_task(_fetch(run, asking))
            is_beside = this.page is not None and is_apart(this.page, now.page)
            if not is_beside and await this.version is None:
                return False
            if run.stop.is_set():
                break
            before, this = this, _Written(now.page, asyncio.create_task(_write(run, now, this.version)))
            if await before.version is None:
                return False
            if now.following is None:
                break
        return await this.version is not None
    finally:
        # The later first: it waits for the one before it.
        for left in (this.version, before.version, ahead, asking.found):
            await _drop(left)


async def _write(run: Run, now: _Ahead, before: asyncio.Future[str | None]) -> str | None:
    """Write a page after the one before it, or beside it while that is being written."""
    if not before.done():
        return await write_beside(run, now.page, before, at=now.at, key=now.key)
    version = before.result()
    return None if version is None else await write_page(run, now.page, version, at=now.at, key=now.key)


async def take_in_turn(run: Run, *, most: int) -> list[float]:
    """Take at most so many pages, none fetched ahead; gives what each took from its request to its commit, in s."""
    times: list[float] = []
    while len(times) < most:
        stands = await position(run)
        started = perf_counter()
        found = await _ask(run, stands.at, stands.key, run.page)
        if not found:
            break
        at, key = _end(run, found)
        if await write_page(run, await prepare(run, found), stands.version, at=at, key=key) is None:
            break
        times.append(perf_counter() - started)
    return times


async def take_keys(run: Run, keys: Sequence[str]) -> None:
    """Take these people as they are now; those that the source has no more are deleted here."""
    for start in range(0, len(keys), KEYS):
        if run.stop.is_set():
            return
        chunk = list(keys[start : start + KEYS])
        moved = None
        while moved is None:
            # What is fetched after this look is no older than any page that was written before it.
            version = (await position(run)).version
            found = await run.ask_people("profiles_by_key", keys=chunk)
            moved = await write_page(run, await prepare(run, found, asked=chunk), version)


async def ids_of(run: Run, keys: Sequence[str]) -> list[int]:
    """Give the ids of those of these people who are here, in no order."""
    if not keys:
        return []
    values = {"keys": list(keys), "source": run.source.key}
    async with run.db.transaction(run.place.tenant_id, read_only=True) as conn:
        row = await (await conn.execute(queries("ingest")["ids_of"], values)).fetchone() or {}
    return list(row["ids"])


async def _ask(run: Run, at: str, key: str, n: int) -> list[Unread]:
    return await run.ask_people("profiles_changed", ts=at, key=key, n=n, updated=run.fields.time_field)


def _begin_asking(run: Run, at: str, key: str, n: int) -> _Asked:
    n = min(n, run.page)
    return _Asked(asyncio.create_task(_ask(run, at, key, n)), n)


async def _fetch(run: Run, asking: _Asked) -> _Ahead | None:
    """Make the page that was asked for ready, while the source looks for the one after it."""
    found = await asking.found
    if not found:
        return None
    at, key = _end(run, found)
    following = _begin_asking(run, at, key, asking.n * 2) if len(found) >= asking.n else None
    try:
        return _Ahead(await prepare(run, found), at, key, following)
    except BaseException:
        if following is not None:
            await _drop(following.found)
        raise


def _end(run: Run, found: Sequence[Unread]) -> tuple[str, str]:
    # What is mended in it is counted when its page is made ready.
    return end(unread.read(found[-1]).value, run.fields.time_field)


def end(document: Document, time_field: str) -> tuple[str, str]:
    """Give where a page ends that ends with this document; what has no text for a time stands before all times."""
    at = document.get(time_field)
    return (at if type(at) is str else "", str(document["_key"]))


async def _drop(ahead: asyncio.Future[Any]) -> None:
    """What nobody waits for any more, and what it began: its fault, if it has one, is not told."""
    if not ahead.done():
        ahead.cancel()
    for left in await asyncio.gather(ahead, return_exceptions=True):
        if isinstance(left, _Ahead) and left.following is not None:
            await _drop(left.following.found)
