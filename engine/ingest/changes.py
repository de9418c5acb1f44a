"""People that changed, page by page: while one page is written the next is fetched and mapped."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from engine.ingest.commit import write_page
from engine.ingest.page import Page, prepare
from engine.ingest.paths import Document
from engine.ingest.run import Run, position
from engine.ingest.write import Position
from engine.queries import queries

# By key a request carries so many: each is 22 characters.
KEYS = 1_000
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A page and where it ends; `is_last` where the source had no more."""

    page: Page
    at: str
    key: str
    is_last: bool


async def take_changes(run: Run) -> None:
    """Take everybody who changed since the stored position."""
    stands = await position(run)
    while not await _take_from(run, stands):
        log.info("Another sync of source %s goes on as well: reading from where it stands.", run.source.key)
        stands = await position(run)


async def _take_from(run: Run, stands: Position) -> bool:
    """Take pages until there are no more; False where somebody else has moved the stream."""
    version = stands.version
    ahead = _begin(_fetch(run, stands.at, stands.key))
    try:
        while not run.stop.is_set():
            now = await ahead
            if now is None:
                return True
            if not now.is_last:
                ahead = _begin(_fetch(run, now.at, now.key))
            moved = await write_page(run, now.page, version, at=now.at, key=now.key)
            if moved is None:
                return False
            version = moved
            if now.is_last:
                return True
    finally:
        await _drop(ahead)
    return True


async def take_in_turn(run: Run, *, most: int) -> list[float]:
    """Take at most so many pages, none fetched ahead; gives what each took from its request to its commit, in s."""
    times: list[float] = []
    while len(times) < most:
        stands = await position(run)
        started = perf_counter()
        now = await _fetch(run, stands.at, stands.key)
        if now is None or await write_page(run, now.page, stands.version, at=now.at, key=now.key) is None:
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


async def _fetch(run: Run, at: str, key: str) -> _Ahead | None:
    found = await run.ask_people("profiles_changed", ts=at, key=key, n=run.page, updated=run.fields.time_field)
    if not found:
        return None
    ends_at, ends_key = end(found[-1], run.fields.time_field)
    return _Ahead(await prepare(run, found), ends_at, ends_key, is_last=len(found) < run.page)


def end(document: Document, time_field: str) -> tuple[str, str]:
    """Give where a page ends that ends with this document; what has no text for a time stands before all times."""
    at = document.get(time_field)
    return (at if type(at) is str else "", str(document["_key"]))


def _begin(fetching: Coroutine[Any, Any, _Ahead | None]) -> asyncio.Task[_Ahead | None]:
    return asyncio.create_task(fetching)


async def _drop(ahead: asyncio.Task[Any]) -> None:
    """A page that nobody waits for any more: its fault, if it has one, is not told."""
    if not ahead.done():
        ahead.cancel()
    await asyncio.gather(ahead, return_exceptions=True)
