"""`leo archive`: how long decisions and deliveries stay live, and moving those that are older."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import typer

from engine import archive
from engine.cli.reach import database, inside, one_tenant
from engine.db import Transaction

app = typer.Typer(no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DaysOption = Annotated[int | None, typer.Option(min=1, max=archive.MOST_DAYS, help="What is older is archived.")]


@app.command()
def keep(
    days: DaysOption = archive.KEEP_DAYS,
    off: Annotated[bool, typer.Option("--off", help="Archive nothing more; what is archived stays there.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Set how many days stay live: from then on workers archive what is older, every hour."""
    wanted = None if off else days

    async def work(conn: Transaction, _: UUID) -> None:
        await archive.keep(conn, days=wanted)

    asyncio.run(inside(tenant, work))
    typer.echo("Nothing more is archived." if wanted is None else f"{wanted} days stay live.")


@app.command()
def run(days: DaysOption = None, tenant: TenantOption = None) -> None:
    """Archive what is older now, without waiting for the workers."""
    moved = asyncio.run(_run(days, tenant))
    if moved is None:
        typer.echo("This tenant keeps everything live. Run: leo archive keep, or give --days")
        raise typer.Exit(1)
    typer.echo(f"{moved.decisions:,} decisions and {moved.deliveries:,} deliveries archived.")


@app.command()
def status(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Count what is live and what is archived."""
    found = asyncio.run(inside(tenant, _standing))
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    days = "everything" if found["days"] is None else f"{found['days']} days"
    typer.echo(
        f"live      {found['live_decisions']:,} decisions, {found['live_deliveries']:,} deliveries; kept: {days}"
    )
    since = "" if found["oldest"] is None else f", decided {found['oldest']:%Y-%m-%d} to {found['newest']:%Y-%m-%d}"
    typer.echo(
        f"archived  {found['archived_decisions']:,} decisions, {found['archived_deliveries']:,} deliveries{since}"
    )
    typer.echo(f"policies look {found['least']} days back")


async def _run(days: int | None, slug: str | None) -> archive.Moved | None:
    async with database() as db:
        tenant = await one_tenant(db, slug)
        return await archive.archive_old(db, tenant_id=tenant.tenant_id, days=days)


async def _standing(conn: Transaction, _: UUID) -> dict[str, Any]:
    return asdict(await archive.retention(conn)) | asdict(await archive.standing(conn))
