"""`leo identity`: find profiles that may be one person, list them, merge, unmerge, refuse."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from engine import identity
from engine.cli import reach
from engine.db import Transaction
from engine.identity import Found, Merged, Proposal

BY = "command line"

app = typer.Typer(no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]


@app.command()
def find(tenant: TenantOption = None) -> None:
    """Search all active profiles for those that share an e-mail address, a phone number or a Zalo id."""

    async def work(conn: Transaction, tenant_id: UUID) -> Found:
        return await identity.find_duplicates(conn, tenant_id=tenant_id)

    found = asyncio.run(reach.inside(tenant, work))
    typer.echo(f"{found.new:,} new pairs, {found.withdrawn:,} no longer hold. See them: leo identity list")
    if found.crowds:
        shown = Table("shared by too many", "channel", title="These tell no person: nothing is proposed by them.")
        shown.add_column("profiles", justify="right")
        for crowd in found.crowds:
            shown.add_row(crowd.value, crowd.channel, f"{crowd.people:,}")
        Console().print(shown)


@app.command("list")
def list_(
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
) -> None:
    """List profiles that may be one person, why, and which one to keep."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[Proposal]:
        return await identity.proposals(conn, tenant_id=tenant_id, limit=limit)

    shown = Table("profiles", "share", "keep", "how sure", "pairs to refuse by id")
    for one in asyncio.run(reach.inside(tenant, work)):
        members = "\n".join(f"{member.ext_id} {member.name or ''}".strip() for member in one.members)
        pairs = "\n".join(f"{pair.duplicate_id}: {pair.profile} and {pair.other}" for pair in one.pairs)
        shown.add_row(members, "\n".join(one.channels), one.winner, one.confidence, pairs)
    Console().print(shown)


@app.command()
def merge(
    winner: Annotated[str, typer.Argument(help="The ext_id of the profile that stays.")],
    losers: Annotated[list[str], typer.Argument(help="The ext_ids of those that lead to it from now on.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    tenant: TenantOption = None,
) -> None:
    """Merge profiles into one: history and ids stay, messages still queued for the merged ones are cancelled."""

    async def work(conn: Transaction, tenant_id: UUID) -> Merged:
        return await identity.merge(conn, tenant_id=tenant_id, winner=winner, losers=losers, reason=reason, by=BY)

    _tell(asyncio.run(reach.inside(tenant, work)))


@app.command()
def unmerge(
    loser: Annotated[str, typer.Argument(help="The ext_id of the profile that was merged.")],
    tenant: TenantOption = None,
) -> None:
    """Make a merged profile a person of its own again."""

    async def work(conn: Transaction, tenant_id: UUID) -> Merged:
        return await identity.unmerge(conn, tenant_id=tenant_id, loser=loser, by=BY)

    _tell(asyncio.run(reach.inside(tenant, work)))


@app.command()
def refuse(
    pair: Annotated[int, typer.Argument(help="The pair's id, from leo identity list.")],
    tenant: TenantOption = None,
) -> None:
    """Say that the two profiles of a pair are not one person, so that they are not proposed again."""

    async def work(conn: Transaction, tenant_id: UUID) -> None:
        await identity.refuse(conn, tenant_id=tenant_id, duplicate_id=pair, by=BY)

    asyncio.run(reach.inside(tenant, work))
    typer.echo(f"Pair {pair} is refused.")


def _tell(done: Merged) -> None:
    typer.echo(f"{done.redirected:,} profiles point elsewhere now, {done.cancelled:,} queued messages are cancelled.")
