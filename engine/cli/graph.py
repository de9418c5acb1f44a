"""`leo graph`: compare the graph with the tables it mirrors, or draw it anew; export it, look into it."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine import metrics
from engine.cli import insight, reach
from graph import mirror
from graph.mirror import Difference

app = typer.Typer(no_args_is_help=True)
app.command("export")(insight.export)
app.command("insight")(insight.show)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; all tenants without it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def verify(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Compare every row with its vertex or edge, and count differences; exit code 1 if there are any."""
    found = asyncio.run(_compare(tenant))
    total = sum(difference.total for differences in found.values() for difference in differences)
    if as_json:
        counted = {
            slug: {
                each.label: {"missing": each.missing, "extra": each.extra, "different": each.different}
                for each in labels
            }
            for slug, labels in found.items()
        }
        typer.echo(json.dumps({"graph_differences": total, "tenants": counted}))
    else:
        if total:
            Console().print(_table(found))
        typer.echo(f"{len(found)} graphs compared with their tables: {total} differences.")
        if total:
            typer.echo("To draw a graph anew from the tables, run: leo graph rebuild --tenant SLUG")
    raise typer.Exit(1 if total else 0)


@app.command()
def rebuild(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Draw the graph anew from the tables; writers of the tenant wait until it is done."""
    drawn = asyncio.run(_rebuild(tenant))
    if as_json:
        typer.echo(json.dumps({"rebuilt": drawn}))
        return
    for slug, elements in drawn.items():
        typer.echo(f"{slug}: {elements} vertices and edges drawn.")


async def _compare(slug: str | None) -> dict[str, tuple[Difference, ...]]:
    async with reach.database() as db:
        found = {}
        for tenant in await reach.tenants(db, slug):
            async with db.transaction(tenant.tenant_id, read_only=True) as connection:
                found[tenant.slug] = await mirror.compare(connection)
            total = sum(difference.total for difference in found[tenant.slug])
            async with db.transaction(tenant.tenant_id) as connection:
                await metrics.keep_check(connection, differences=total, now=datetime.now(UTC))
        return found


async def _rebuild(slug: str | None) -> dict[str, int]:
    async with reach.database() as db:
        drawn = {}
        for tenant in await reach.tenants(db, slug):
            async with db.transaction(tenant.tenant_id) as connection:
                drawn[tenant.slug] = await mirror.rebuild(connection)
        return drawn


def _table(found: dict[str, tuple[Difference, ...]]) -> Table:
    shown = Table("tenant", "label")
    for heading in ("missing", "extra", "different"):
        shown.add_column(heading, justify="right")
    for slug, differences in found.items():
        for each in differences:
            if each.total:
                shown.add_row(slug, each.label, str(each.missing), str(each.extra), str(each.different))
    return shown
