"""`leo sync`: take what is new at a tenant's sources, now."""

import asyncio
import json
import signal
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

from engine.cli import reach
from engine.cli.sources import opened
from engine.db import Database
from engine.ingest import sources
from engine.ingest.counts import SyncCounts
from engine.ingest.sources import CONNECTED, Source
from engine.ingest.sync import Mode
from engine.ingest.sync import sync as run_sync
from rules.errors import InvalidInput, NotFound


def sync(
    tenant: Annotated[str | None, typer.Option(help="The tenant's slug; not needed where there is one.")] = None,
    source: Annotated[
        str | None, typer.Option(help="The source's key; every connected one without it.", show_default=False)
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compare every key and revision too: finds what was deleted.")
    ] = False,
    segment: Annotated[str | None, typer.Option(help="Only this segment of the CDP, by its id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Take changed people, segment membership and events from the CDP. Ctrl-C ends it after the page under way."""
    if full and segment is not None:
        raise InvalidInput("A full sync is of everybody.", remedy="Give --full or --segment.")
    mode = Mode.SEGMENT if segment is not None else Mode.FULL if full else Mode.CHANGES
    done, every_s, was_stopped = asyncio.run(_sync(tenant, source, mode, segment))
    if as_json:
        typer.echo(json.dumps({key: counts.as_document() for key, counts in done.items()}, ensure_ascii=False))
    else:
        console = Console()
        for key, counts in done.items():
            console.print(_table(key, counts))
            if mode is Mode.CHANGES and counts.is_nothing:
                console.print(
                    f"Nothing is new there. Workers read {key} every {every_s[key]:,} s by themselves and may have "
                    "been faster: leo sources list",
                    markup=False,
                    soft_wrap=True,
                )
    if was_stopped:
        raise typer.Exit(130)


async def _sync(
    slug: str | None, key: str | None, mode: Mode, segment: str | None
) -> tuple[dict[str, SyncCounts], dict[str, int], bool]:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    done: dict[str, SyncCounts] = {}
    progress = Console(stderr=True)
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        chosen = await _chosen(db, tenant, key)
        for source in chosen:
            with progress.status(f"{source.key}: reading") as status:
                done[source.key] = await run_sync(
                    db, source, mode=mode, cdp_segment_id=segment, say=_teller(status, source.key), stop=stop
                )
            if stop.is_set():
                break
    return done, {one.key: one.every_s for one in chosen}, stop.is_set()


def _teller(status: Status, key: str) -> Callable[[str], None]:
    return lambda text: status.update(f"{key}: {text}")


async def _chosen(db: Database, tenant: reach.Tenant, key: str | None) -> list[Source]:
    if key is not None:
        return [await opened(db, tenant.tenant_id, key)]
    async with db.transaction(tenant.tenant_id, read_only=True) as conn:
        listed = await sources.list_sources(conn, tenant_id=tenant.tenant_id)
    keys = [one.source.key for one in listed if one.source.status == CONNECTED]
    if not keys:
        raise NotFound(f"The tenant {tenant.slug} has no connected source.", remedy="Add one: leo sources add arango")
    return [await opened(db, tenant.tenant_id, one) for one in keys]


def _table(key: str, counts: SyncCounts) -> Table:
    shown = Table("what", title=f"source {key}", box=None, pad_edge=False)
    shown.add_column("count", justify="right")
    rows: list[tuple[str, int]] = [
        ("people read", counts.read),
        ("new", counts.new),
        ("changed", counts.changed),
        ("unchanged", counts.unchanged),
        ("merged or un-merged", counts.merged),
        ("no longer there", counts.deleted),
        ("joined a segment", counts.joined),
        ("left a segment", counts.left),
        ("segments refreshed", counts.segments),
        ("events", counts.events),
        ("events known already", counts.events_known),
        ("events of nobody", counts.events_of_nobody),
        *((f"refused: {reason}", count) for reason, count in sorted(counts.refused.items())),
        *((f"mended: {reason}", count) for reason, count in sorted(counts.mended.items())),
        *((f"address kept as invalid: {reason}", count) for reason, count in sorted(counts.addresses_invalid.items())),
    ]
    for what, count in rows:
        shown.add_row(what, f"{count:,}")
    shown.add_row("seconds", f"{counts.seconds:,.1f}")
    shown.add_row("people a second", f"{counts.per_s:,.0f}")
    return shown
