"""`leo trace`: the journey of a person, an event or a delivery; its SQL statement; records that are not connected."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine import trace as traces
from engine.cli import reach
from engine.cli.journey import drawn
from engine.trace import NEWEST, Kind, Orphans, Trace
from rules.errors import InvalidInput


def trace(
    record: Annotated[
        str | None,
        typer.Argument(
            metavar="PROFILE|EVENT|DELIVERY",
            help="An id, a profile's or event's own key, or a delivery's event id.",
            show_default=False,
        ),
    ] = None,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Count records that hang loose; ends with 1 if any.")
    ] = False,
    tenant: Annotated[str | None, typer.Option(help="The tenant's slug; not needed where there is one.")] = None,
    kind: Annotated[Kind | None, typer.Option("--as", help="What it is, where it could be several.")] = None,
    newest: Annotated[int, typer.Option(min=1, max=1000, help="At most so many journeys.")] = NEWEST,
    as_sql: Annotated[bool, typer.Option("--sql", help="Print the statement for psql, with its values.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the journey of a profile, event or delivery: who decided what, when, why, and what came of it."""
    if orphans == (record is not None):
        raise InvalidInput("A trace is of one record.", remedy="Name a profile, an event or a delivery, or --orphans.")
    if record is None:
        _tell_orphans(asyncio.run(_orphans(tenant)), as_json=as_json)
    elif as_sql:
        typer.echo(asyncio.run(_sql(record, kind, tenant, newest)))
    else:
        slug, found = asyncio.run(_trace(record, kind, tenant, newest))
        if as_json:
            typer.echo(json.dumps({"tenant": slug, **found.as_document()}, ensure_ascii=False))
        else:
            Console().print(drawn(found, tenant=slug))


async def _trace(record: str, kind: Kind | None, slug: str | None, newest: int) -> tuple[str, Trace]:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id, read_only=True) as connection:
            root = await traces.find(connection, record, kind=kind)
            return tenant.slug, await traces.trace(connection, root, newest=newest)


async def _sql(record: str, kind: Kind | None, slug: str | None, newest: int) -> str:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id, read_only=True) as connection:
            root = await traces.find(connection, record, kind=kind)
            return await traces.auditor_sql(connection, root, tenant_id=tenant.tenant_id, newest=newest)


async def _orphans(slug: str | None) -> dict[str, tuple[Orphans, ...]]:
    async with reach.database() as db:
        found = {}
        for tenant in await reach.tenants(db, slug):
            async with db.transaction(tenant.tenant_id, read_only=True) as connection:
                found[tenant.slug] = await traces.orphans(connection)
        return found


def _tell_orphans(found: dict[str, tuple[Orphans, ...]], *, as_json: bool) -> None:
    total = sum(orphans.count for kinds in found.values() for orphans in kinds)
    if as_json:
        counted = {slug: {orphans.kind: orphans.count for orphans in kinds} for slug, kinds in found.items()}
        typer.echo(json.dumps({"orphans": total, "tenants": counted}))
    else:
        shown = Table("tenant", "hangs loose")
        shown.add_column("records", justify="right")
        for slug, kinds in found.items():
            for orphans in kinds:
                shown.add_row(slug, orphans.kind, str(orphans.count), style="bold red" if orphans.count else None)
        Console().print(shown)
        typer.echo(f"{total} records hang loose.")
    raise typer.Exit(1 if total else 0)
