"""A sync: people who changed, who joined and left which segment, events; and, when it is full, everything compared."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from engine import identity
from engine.credentials import Vault
from engine.db import Database
from engine.ingest import fieldmap
from engine.ingest.changes import take_changes, take_in_turn
from engine.ingest.counts import SyncCounts
from engine.ingest.events import take_events
from engine.ingest.fields import FieldMap
from engine.ingest.membership import refresh_marked, take_one, take_segments
from engine.ingest.reconcile import reconcile
from engine.ingest.run import Run
from engine.ingest.sources import CONNECTED, Source, get_source, list_sources
from engine.ingest.write import Place
from engine.pause import in_small_turns, settled
from engine.queries import queries
from rules.errors import LeoError, NotFound

# A run that says nothing for so long was cut off: it tells how far it is every few seconds.
SILENT_S = 900
FULL_EVERY = timedelta(hours=24)
_SQL = queries("sources")
log = logging.getLogger(__name__)


class Mode(StrEnum):
    CHANGES = "changes"
    FULL = "full"
    SEGMENT = "segment"


def _silent(text: str) -> None:
    del text


async def sync(
    db: Database,
    source: Source,
    *,
    mode: Mode = Mode.CHANGES,
    cdp_segment_id: str | None = None,
    say: Callable[[str], None] = _silent,
    stop: asyncio.Event | None = None,
) -> SyncCounts:
    """Take what is new at a source; `stop` ends it after the page that is being written.

    Mode SEGMENT takes one segment, `cdp_segment_id`, with its members. Raises Misconfigured where the source cannot be
    read, Unavailable where it cannot be reached after some tries, Conflict where too many people would be gone.
    """
    async with _run(db, source, mode, say, stop or asyncio.Event()) as run:
        if mode is Mode.SEGMENT:
            await take_one(run, cdp_segment_id or "")
            await _merge(run)
        else:
            await _take(run, mode)
        await refresh_marked(run)
    return run.counts


async def time_pages(db: Database, source: Source, *, most: int) -> list[float]:
    """Take changed people, at most so many pages, none fetched ahead; gives what each took, in s, request to commit."""
    async with _run(db, source, Mode.CHANGES, _silent, asyncio.Event()) as run:
        return await take_in_turn(run, most=most)


async def sync_segment(db: Database, vault: Vault, *, tenant_id: UUID, cdp_segment_id: str) -> int:
    """Take one segment of the CDP with its members, at once; gives how many it has.

    Raises NotFound where the tenant has no source that is not paused, or none of them such an active segment.
    """
    async with db.transaction(tenant_id, read_only=True) as conn:
        listed = [
            one.source.key for one in await list_sources(conn, tenant_id=tenant_id) if one.source.status == CONNECTED
        ]
        sources = [await get_source(conn, vault, tenant_id=tenant_id, key=key) for key in listed]
    missing: NotFound | None = None
    for source in sources:
        try:
            async with _run(db, source, Mode.SEGMENT, _silent, asyncio.Event()) as run:
                members = await take_one(run, cdp_segment_id)
                await _merge(run)
                await refresh_marked(run)
        except NotFound as error:
            missing = error
        else:
            return members
    raise missing or NotFound("No source is connected.", remedy="Add one: leo sources add arango")


async def sync_due(db: Database, vault: Vault, *, tenant_id: UUID, now: datetime) -> dict[str, SyncCounts]:
    """Sync the tenant's sources whose time has come, each put off until its next; gives the counts by key.

    A source that fails is logged and tried again at its next time: another one's people do not wait for it.
    """
    async with db.transaction(tenant_id) as conn:
        rows = await (await conn.execute(_SQL["take_due"], {"tenant_id": tenant_id, "now": now})).fetchall()
    done: dict[str, SyncCounts] = {}
    for row in rows:
        try:
            async with db.transaction(tenant_id, read_only=True) as conn:
                source = await get_source(conn, vault, tenant_id=tenant_id, key=row["key"])
            mode = Mode.FULL if await is_full_due(db, source, now=now) else Mode.CHANGES
            done[source.key] = await sync(db, source, mode=mode)
        except LeoError as error:
            log.warning("The source %s was not synced: %s", row["key"], error)
    return done


async def is_full_due(db: Database, source: Source, *, now: datetime) -> bool:
    """Tell whether everything is to be compared: at `reconcile_at` of the tenant's day, otherwise every 24 hours."""
    values = {"tenant_id": source.tenant_id, "source_id": source.source_id}
    async with db.transaction(source.tenant_id, read_only=True) as conn:
        last = (await (await conn.execute(_SQL["last_full"], values)).fetchone() or {})["started_at"]
        zone = (await (await conn.execute(_SQL["zone"], values)).fetchone() or {})["zone"]
    wanted = source.settings.get("reconcile_at")
    if last is None:
        # The first run takes everybody anyway; the first night comes soon enough.
        return wanted is None
    if wanted is None:
        return bool(now - last >= FULL_EVERY)
    hour, minute = map(int, wanted.split(":"))
    local = now.astimezone(ZoneInfo(zone))
    latest = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    latest = latest if latest <= local else latest - timedelta(days=1)
    return bool(last < latest)


async def _take(run: Run, mode: Mode) -> None:
    await take_changes(run)
    if run.place.again and not run.stop.is_set():
        await _keep_print(run)
    if mode is Mode.FULL and not run.stop.is_set():
        await reconcile(run)
    if run.fields.segments is not None and not run.stop.is_set():
        await take_segments(run)
    await _merge(run)
    if not run.stop.is_set():
        # Whose person was merged by now happened to the one who stays.
        await take_events(run)


async def _merge(run: Run) -> None:
    """Merge losers whose winner has come since."""
    async with run.db.transaction(run.place.tenant_id) as conn:
        run.counts.merged += await identity.redirect_roots(conn)


@asynccontextmanager
async def _run(
    db: Database, source: Source, mode: Mode, say: Callable[[str], None], stop: asyncio.Event
) -> AsyncIterator[Run]:
    """A run from its row in sync_run to the end of it, whatever happens in between."""
    fields = fieldmap.load(source.field_map)
    ids = {"tenant_id": source.tenant_id, "source_id": source.source_id}
    async with db.transaction(source.tenant_id) as conn:
        values = {**ids, "mode": mode.value, "silent_s": SILENT_S}
        row = await (await conn.execute(_SQL["begin_run"], values)).fetchone() or {}
        run_id = row["sync_run_id"]
    again = await _is_read_again(db, source, fields)
    run = Run(
        db=db,
        source=source,
        arango=source.connect(),
        fields=fields,
        place=Place(
            tenant_id=source.tenant_id,
            source_id=source.source_id,
            source=source.key,
            owned=fields.attributes.names,
            again=again,
        ),
        counts=SyncCounts(),
        say=say,
        stop=stop,
        run_id=run_id,
    )
    error: BaseException | None = None
    try:
        with settled(), in_small_turns():
            yield run
        await asyncio.gather(*run.beside)
    except BaseException as raised:
        error = raised
        raise
    finally:
        run.arango.close()
        await _leave(run)
        await _end(run, error)


async def _leave(run: Run) -> None:
    """End what still goes on beside a run that failed; its own fault is told instead."""
    for task in run.beside:
        task.cancel()
    await asyncio.gather(*run.beside, return_exceptions=True)


async def _end(run: Run, error: BaseException | None) -> None:
    run.counts.seconds = monotonic() - run.started
    if run.arango.mended:
        run.counts.mended["a text held characters that cannot be stored"] += run.arango.mended
    said = None if error is None else error.message if isinstance(error, LeoError) else type(error).__name__
    values = {
        "tenant_id": run.place.tenant_id,
        "sync_run_id": run.run_id,
        "status": "finished" if error is None and not run.stop.is_set() else "failed",
        "counts": Jsonb(run.counts.as_document()),
        "error": said if error is not None else "It was ended after a page." if run.stop.is_set() else None,
    }
    async with run.db.transaction(run.place.tenant_id) as conn:
        await conn.execute(_SQL["end_run"], values)


def _print(source: Source, fields: FieldMap) -> str:
    """What people were read with: another map, or another database, is read from the beginning."""
    where = f"{source.settings['url']}|{source.settings['database']}|{fields.print}"
    return hashlib.sha256(where.encode()).hexdigest()[:16]


async def _is_read_again(db: Database, source: Source, fields: FieldMap) -> bool:
    """Tell whether people are read once more with another map; the mark stays until they all were."""
    ids = {"tenant_id": source.tenant_id, "source_id": source.source_id}
    wanted = _print(source, fields)
    async with db.transaction(source.tenant_id) as conn:
        held = (await (await conn.execute(_SQL["map_print"], ids)).fetchone() or {"print": wanted})["print"]
        if held in (wanted, f"{wanted}!"):
            return bool(held != wanted)
        await conn.execute(_SQL["begin_again"], {**ids, "print": f"{wanted}!"})
    return True


async def _keep_print(run: Run) -> None:
    values = {"tenant_id": run.place.tenant_id, "source_id": run.place.source_id}
    async with run.db.transaction(run.place.tenant_id) as conn:
        await conn.execute(_SQL["keep_print"], {**values, "print": _print(run.source, run.fields)})
    run.place = replace(run.place, again=False)
