"""`leo graph export` and `leo graph insight`: the whole graph as GraphML, and what it shows."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from engine.cli import reach
from graph import insight
from graph.whole import MOST_ELEMENTS, Drawn, graphml, whole
from rules.errors import InvalidInput

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
MostOption = Annotated[int, typer.Option("--most", min=1, help="Refuse a graph with more nodes or edges than this.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
# As much as fits a screen; --json has everything.
FEW = 10


def export(
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead of printing it.")] = None,
    tenant: TenantOption = None,
    most: MostOption = MOST_ELEMENTS,
) -> None:
    """Write a tenant's whole graph as GraphML, for Gephi, yEd, Cytoscape or networkx."""
    drawn = asyncio.run(_drawn(tenant, most))
    text = "\n".join(graphml(drawn)) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written: {error.strerror}.", remedy="Name another file.") from error
    typer.echo(f"{drawn.number_of_nodes():,} nodes and {drawn.number_of_edges():,} edges in {out}.")


def show(tenant: TenantOption = None, most: MostOption = MOST_ELEMENTS, as_json: JsonOption = False) -> None:
    """Show how people move between touchpoints, which of these matter, who belongs together, and who may be one."""
    drawn = asyncio.run(_drawn(tenant, most))
    if as_json:
        typer.echo(json.dumps(_document(drawn), ensure_ascii=False))
        return
    _tell("flows", ("from", "to", "journeys"), [(f.origin, f.target, f.journeys) for f in insight.flows(drawn)])
    strong = [(one.touchpoint, f"{one.effect:.0%}", one.journeys) for one in insight.influence(drawn)]
    _tell("touchpoints", ("touchpoint", "buying lost without it", "journeys"), strong)
    groups = [(len(one.people), ", ".join(one.shares), ", ".join(one.people[:5])) for one in insight.communities(drawn)]
    _tell("communities", ("people", "share", "such as"), groups)
    _tell("possible duplicates", ("people",), [(", ".join(one),) for one in insight.duplicates(drawn)])


def _document(drawn: Drawn) -> dict[str, Any]:
    return {
        "flows": [asdict(one) for one in insight.flows(drawn)],
        "touchpoints": [asdict(one) for one in insight.influence(drawn)],
        "communities": [asdict(one) for one in insight.communities(drawn)],
        "duplicates": insight.duplicates(drawn),
    }


def _tell(title: str, headings: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    typer.echo(f"\n{title}")
    shown = Table(*headings)
    for row in rows[:FEW]:
        shown.add_row(*map(str, row))
    Console().print(shown)
    if len(rows) > FEW:
        typer.echo(f"and {len(rows) - FEW} more; --json has all.")


async def _drawn(slug: str | None, most: int) -> Drawn:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id, read_only=True) as connection:
            return await whole(connection, most=most)
