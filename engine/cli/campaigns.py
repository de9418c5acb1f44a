"""`leo campaigns`: what a campaign would come to, before anything is decided or sent; and going on with one."""

import asyncio
import json
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from engine import explain
from engine.campaigns import resume_by_key
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
    """Count what a campaign would come to over the people of its segment; nothing is written."""

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
def resume(
    key: KeyArgument,
    without_runs: Annotated[
        bool, typer.Option("--without-runs", help="Do not decide for who waits in its paused runs.")
    ] = False,
    tenant: TenantOption = None,
) -> None:
    """Go on with a paused campaign; workers find within seconds what waits."""

    async def work(conn: Transaction, tenant_id: UUID) -> int:
        _, batches = await resume_by_key(conn, tenant_id=tenant_id, key=key, without_runs=without_runs)
        return len(batches)

    typer.echo(f"{key} goes on; {asyncio.run(inside(tenant, work)):,} batches are due.")


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
