"""`leo outbox`: what is reported to the CDP, and how far that has got."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from engine import outbox
from engine.cli.reach import inside
from engine.db import Transaction

app = typer.Typer(no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant; the only one if absent.")]


@app.command()
def status(tenant: TenantOption = None) -> None:
    """Show, for each source, what its CDP is told and what is waiting."""

    async def work(conn: Transaction, _: UUID) -> list[outbox.Look]:
        return await outbox.look(conn)

    numbers = ("told", "waiting", "failing", "given up")
    shown = Table("source", "told to", "outcomes", *numbers, "oldest (UTC)", "last error")
    for one in asyncio.run(inside(tenant, work)):
        counts = (one.told, one.waiting, one.failing, one.given_up)
        oldest = "" if one.oldest_at is None else f"{one.oldest_at:%Y-%m-%d %H:%M:%S}"
        shown.add_row(
            one.source,
            one.url or "nobody",
            ", ".join(one.outcomes),
            *(f"{count:,}" for count in counts),
            oldest,
            one.last_error or "",
        )
    Console().print(shown)


@app.command()
def retry(tenant: TenantOption = None) -> None:
    """Have everything that failed tried again at once, even what was given up."""

    async def work(conn: Transaction, _: UUID) -> int:
        return await outbox.retry(conn, now=datetime.now(UTC))

    typer.echo(f"{asyncio.run(inside(tenant, work)):,} events are tried again within seconds.")
