"""`leo campaigns`: what a campaign would lead to, before anything is decided; starting, pausing and ending one."""

import asyncio
import json
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine import campaigns, explain
from engine.cli import explain_tables as tables
from engine.cli.instants import instant
from engine.cli.reach import inside
from engine.db import Transaction
from engine.explain import DryRun, Forecast
from engine.explain.forecast import MOST, MOST_SHOWN, USUAL

app = typer.Typer(no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(help="The campaign's key.")]
AtOption = Annotated[
    datetime | None,
    typer.Option("--at", parser=instant, metavar="INSTANT", help="As of then: 2026-05-01T09:00+07:00."),
]
SnapshotOption = Annotated[
    int | None, typer.Option("--snapshot", min=1, help="Its members instead of the segment's as of now.")
]
VersionOption = Annotated[
    int | None, typer.Option("--policy-version", min=1, help="Under that version of its policy, drafts too.")
]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_(
    after: Annotated[int, typer.Option(min=0, help="Those beyond this id.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 100,
    tenant: TenantOption = None,
) -> None:
    """Show the campaigns, the oldest first."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[campaigns.Campaign]:
        return await campaigns.list_campaigns(conn, tenant_id=tenant_id, after=after, limit=limit)

    table = Table("id", "key", "name", "status", "started by")
    for one in asyncio.run(inside(tenant, work)):
        cells = (str(one.campaign_id), one.key, one.name, one.status, one.trigger_type or one.trigger_segment or "")
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(table)


@app.command()
def forecast(
    key: KeyArgument,
    at: AtOption = None,
    sample: Annotated[int, typer.Option(min=1, max=MOST, help="Decide for so many people at most.")] = USUAL,
    snapshot: SnapshotOption = None,
    policy_version: VersionOption = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count what a campaign would lead to for the people of its segment; nothing is written."""

    async def work(conn: Transaction, tenant_id: UUID) -> Forecast:
        return await explain.forecast(
            conn,
            tenant_id=tenant_id,
            campaign=key,
            at=at,
            sample=sample,
            snapshot_id=snapshot,
            policy_version=policy_version,
        )

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps(found.to_document(), ensure_ascii=False))
    else:
        Console().print(tables.of_forecast(found))


@app.command()
def start(key: KeyArgument, tenant: TenantOption = None) -> None:
    """Freeze its segment now and decide for the people in it; workers find what is due within seconds."""

    async def work(conn: Transaction, tenant_id: UUID) -> campaigns.Activated:
        campaign_id = await campaigns.id_of_campaign(conn, tenant_id=tenant_id, key=key)
        return await campaigns.activate_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id)

    done = asyncio.run(inside(tenant, work))
    for one in done.lacking:
        typer.echo(str(one))
    if done.run is None:
        typer.echo(f"{key} is active and waits for its trigger.")
    else:
        typer.echo(
            f"{key} is active: it decides for {done.run.people:,} people in {len(done.run.batch_ids):,} batches."
        )


@app.command()
def pause(key: KeyArgument, tenant: TenantOption = None) -> None:
    """Stop deciding and sending for a campaign until it is resumed."""

    async def work(conn: Transaction, tenant_id: UUID) -> None:
        campaign_id = await campaigns.id_of_campaign(conn, tenant_id=tenant_id, key=key)
        await campaigns.pause_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id)

    asyncio.run(inside(tenant, work))
    typer.echo(f"{key} is paused. Go on with it: leo campaigns resume {key}")


@app.command()
def resume(
    key: KeyArgument,
    without_runs: Annotated[
        bool, typer.Option("--without-runs", help="Do not decide for who waits in its paused runs.")
    ] = False,
    tenant: TenantOption = None,
) -> None:
    """Continue a paused campaign; workers find what is waiting within seconds."""

    async def work(conn: Transaction, tenant_id: UUID) -> int:
        campaign_id = await campaigns.id_of_campaign(conn, tenant_id=tenant_id, key=key)
        _, batches = await campaigns.resume_campaign(
            conn, tenant_id=tenant_id, campaign_id=campaign_id, without_runs=without_runs
        )
        return len(batches)

    typer.echo(f"{key} goes on; {asyncio.run(inside(tenant, work)):,} batches are due.")


@app.command()
def cancel(
    key: KeyArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be taken back.")] = False,
    tenant: TenantOption = None,
) -> None:
    """End a campaign for good: whatever is not decided or sent yet never will be."""
    if not yes:
        typer.confirm(f"End {key} for good?", abort=True)

    async def work(conn: Transaction, tenant_id: UUID) -> None:
        campaign_id = await campaigns.id_of_campaign(conn, tenant_id=tenant_id, key=key)
        await campaigns.cancel_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id)

    asyncio.run(inside(tenant, work))
    typer.echo(f"{key} has ended.")


@app.command("dry-run")
def dry_run(
    key: KeyArgument,
    profile: Annotated[list[str] | None, typer.Option(help="This person, by ext_id; may be given again.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_SHOWN, help="Else so many of the segment.")] = 20,
    at: AtOption = None,
    snapshot: SnapshotOption = None,
    policy_version: VersionOption = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a campaign would decide for a few people; nothing is written."""

    async def work(conn: Transaction, tenant_id: UUID) -> DryRun:
        return await explain.dry_run(
            conn,
            tenant_id=tenant_id,
            campaign=key,
            profiles=profile or (),
            at=at,
            limit=limit,
            snapshot_id=snapshot,
            policy_version=policy_version,
        )

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps(found.to_document(), ensure_ascii=False))
    else:
        Console().print(tables.of_dry_run(found))
