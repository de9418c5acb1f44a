"""`leo profile`: what a person may demand by law: a copy of their data, and its erasure."""

import asyncio
import getpass
import json
from typing import Annotated, Any
from uuid import UUID

import typer

from engine import privacy
from engine.cli.reach import inside
from engine.db import Transaction

app = typer.Typer(no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(metavar="EXT_ID", help="The person's key in the source.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]


@app.command()
def export(ext_id: KeyArgument, tenant: TenantOption = None) -> None:
    """Print everything that is stored about a person as one JSON document."""

    async def work(conn: Transaction, _: UUID) -> dict[str, Any]:
        return await privacy.export_profile(conn, ext_id=ext_id)

    typer.echo(json.dumps(asyncio.run(inside(tenant, work)), ensure_ascii=False, default=str))


@app.command()
def erase(
    ext_id: KeyArgument,
    reason: Annotated[str, typer.Option(help="Why; it is kept, so name nobody in it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be taken back.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Erase everything that identifies a person; records stay without it."""
    if not yes:
        typer.confirm(f"Erase {ext_id} for good?", abort=True)

    async def work(conn: Transaction, _: UUID) -> privacy.Erased:
        return await privacy.erase_profile(conn, ext_id=ext_id, reason=reason, by=f"cli {getpass.getuser()}")

    done = asyncio.run(inside(tenant, work))
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(done.counts.items()))
    typer.echo(f"Erased; what stays is called {done.profile_id}: {counts}.")
    if done.is_archived:
        typer.echo("Exports of the archive that were made before still hold this person: leo archive erase DIR...")
