"""`leo stuck`: what is not moving, and taking it up again from its last committed step."""

import asyncio
import dataclasses
import getpass
import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine import operations
from engine import stuck as engine
from engine.cli.reach import inside
from engine.db import Transaction

app = typer.Typer(no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """List what is overdue, what could not be decided, and what the CDP was not told."""

    async def work(conn: Transaction, _: UUID) -> dict[str, list[Any]]:
        return {
            "stuck": list((await operations.overview(conn)).stuck),
            "put_off": list(await engine.put_off(conn)),
            "untold": list(await engine.untold(conn)),
        }

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(_json({kind: [dataclasses.asdict(one) for one in rows] for kind, rows in found.items()}))
        return
    table = Table("what", "id", "of", "why", "how much")
    for one in found["stuck"]:
        runs = ", ".join(str(run_id) for run_id in one.run_ids)
        table.add_row("run", runs, Text(one.campaign_name), one.why, f"{one.count:,} {one.what}s")
    for one in found["put_off"]:
        table.add_row("batch", str(one.batch_id), Text(one.campaign_name), "put_off", f"{one.setbacks:,} times")
    for one in found["untold"]:
        why = "given_up" if one.is_given_up else "failing"
        table.add_row("outbox", str(one.outbox_id), Text(one.source or ""), why, Text(one.error))
    Console().print(table)


@app.command("take-up")
def take_up(
    what: Annotated[engine.What, typer.Argument(help="run, batch, message or outbox.")],
    record_id: Annotated[int, typer.Argument(help="Its id.", min=1)],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Continue from the last committed step; what is done stays done."""

    async def work(conn: Transaction, _: UUID) -> engine.TakeUp:
        taken, _batches = await engine.take_up(
            conn, what=what, record_id=record_id, reason=reason, by=f"cli {getpass.getuser()}", now=datetime.now(UTC)
        )
        return taken

    taken = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(_json(dataclasses.asdict(taken)))
    elif taken.refused:
        typer.echo(f"The {what} {record_id} was left as it is: {taken.refused}.")
    else:
        typer.echo(f"The {what} {record_id} goes on: {taken.moved:,} became due. The workers see it within a second.")
    if taken.refused:
        raise typer.Exit(1)


@app.command()
def log(
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50, tenant: TenantOption = None
) -> None:
    """Show who took up what and why, the newest first."""

    async def work(conn: Transaction, _: UUID) -> list[engine.TakeUp]:
        return await engine.taken_up(conn, limit=limit)

    table = Table("at (UTC)", "what", "id", "by", "became due", "refused", "reason")
    for one in asyncio.run(inside(tenant, work)):
        at = f"{one.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        cells = (at, one.what, str(one.record_id), one.asked_by, f"{one.moved:,}", one.refused or "", one.reason)
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(table)


def _json(document: Any) -> str:
    return json.dumps(document, default=str, ensure_ascii=False, indent=2)
