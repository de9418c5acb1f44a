"""`leo callbacks`: what providers posted, and reading it again."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from engine import callbacks as inbox
from engine.callbacks import Reading, Status
from engine.cli.reach import database, inside, one_tenant
from engine.db import Transaction
from engine.dispatch.adapters import Adapters
from engine.processes import table
from engine.settings import Settings

app = typer.Typer(no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant; the only one if absent.")]
PAGE = 500
MAIL_LIMIT = 1_048_576
"""Bytes; of a longer mail only the beginning is read, which is where a report says what happened."""


@app.command("list")
def list_(
    status: Annotated[Status | None, typer.Option(help="Only those of this status.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only those beyond this id.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="At most so many.")] = 50,
    tenant: TenantOption = None,
) -> None:
    """List the callbacks that were stored."""

    async def work(conn: Transaction, _: UUID) -> list[inbox.Callback]:
        return await inbox.list_callbacks(conn, status=status, after=after, limit=limit)

    shown = Table("callback", "channel", "status", "told", "read", "new", "known", "unknown", "received (UTC)", "error")
    for one in asyncio.run(inside(tenant, work)):
        counts = (one.told, one.readings, one.new, one.duplicate, one.unknown)
        shown.add_row(
            str(one.callback_id),
            str(one.channel_id),
            one.status,
            *map(str, counts),
            f"{one.received_at:%Y-%m-%d %H:%M:%S}",
            one.error or "",
        )
    Console().print(shown)


@app.command()
def show(callback_id: Annotated[int, typer.Argument(min=1)], tenant: TenantOption = None) -> None:
    """Print a callback's body as it was posted."""

    async def work(conn: Transaction, _: UUID) -> inbox.Callback:
        return await inbox.get_callback(conn, callback_id=callback_id)

    typer.echo(asyncio.run(inside(tenant, work)).body.decode("utf-8", "replace"))


@app.command()
def replay(
    callback_id: Annotated[int | None, typer.Argument(min=1)] = None,
    status: Annotated[Status | None, typer.Option(help="All of this status, oldest first.")] = None,
    tenant: TenantOption = None,
) -> None:
    """Read a callback again, or all with a status; what is already known is not stored twice."""
    if (callback_id is None) == (status is None):
        raise typer.BadParameter("Give the id of a callback, or a --status.")
    read = asyncio.run(_replay(tenant, callback_id, status))
    new, unknown = sum(one.recorded.new for one in read), sum(one.recorded.unknown for one in read)
    typer.echo(f"{len(read):,} callbacks read again: {new:,} new, {unknown:,} still unknown.")


@app.command()
def mail(
    channel: Annotated[str, typer.Argument(help="The name of the channel whose mail came back.")],
    tenant: TenantOption = None,
) -> None:
    """Take one mail from standard input: a bounce, a complaint or a reply, as a mail server's pipe passes it on."""
    body = sys.stdin.buffer.read(MAIL_LIMIT)
    reading = asyncio.run(_take(tenant, channel, body))
    typer.echo(f"{reading.status}: {reading.recorded.new} new, {reading.recorded.unknown} unknown.")


async def _take(slug: str | None, name: str, body: bytes) -> Reading:
    adapters = Adapters.of(table.as_kept(Settings.load()))
    try:
        async with database() as db:
            tenant_id = (await one_tenant(db, slug)).tenant_id
            async with db.transaction(tenant_id) as conn:
                return await inbox.take_mail(
                    conn, adapters, tenant_id=tenant_id, channel=name, body=body, now=datetime.now(UTC)
                )
    finally:
        await adapters.aclose()


async def _replay(slug: str | None, callback_id: int | None, status: Status | None) -> list[Reading]:
    adapters = Adapters.of(table.as_kept(Settings.load()))
    read: list[Reading] = []
    try:
        async with database() as db:
            tenant_id = (await one_tenant(db, slug)).tenant_id
            ids, after = ([callback_id] if callback_id else []), 0
            while ids or status is not None:
                for one in ids:
                    async with db.transaction(tenant_id) as conn:
                        now = datetime.now(UTC)
                        read.append(await inbox.replay(conn, adapters, tenant_id=tenant_id, callback_id=one, now=now))
                if status is None:
                    break
                async with db.transaction(tenant_id) as conn:
                    found = await inbox.list_callbacks(conn, status=status, after=after, limit=PAGE)
                ids = [one.callback_id for one in found]
                if not ids:
                    break
                after = ids[-1]
    finally:
        await adapters.aclose()
    return read
