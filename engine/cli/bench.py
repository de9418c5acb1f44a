"""`leo bench`: measure on a throw-away database and say whether the bars are met."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine import bench as benchmarks
from engine import embedded
from engine.bench import Place, Result, throwaway
from engine.settings import Settings


def bench(
    name: Annotated[
        str | None, typer.Argument(help="Which one; without it they are listed.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
    n: Annotated[
        int | None, typer.Option(min=10, help="How much work, other than the usual.", show_default=False)
    ] = None,
) -> None:
    """Measure on a database that is created for it next to yours and dropped at the end, even after Ctrl-C."""
    if name is None:
        _list()
        return
    run = benchmarks.load(name)
    settings = Settings.load()
    servers = embedded.ensure(settings, redis=False)
    progress = Console(stderr=True)
    with throwaway.database(servers.admin_database_url) as url, progress.status(f"{name}: making a database") as status:
        place = Place(admin_url=url, settings=settings, say=lambda text: status.update(f"{name}: {text}"))
        result = asyncio.run(run(place, n=n))
    if as_json:
        _print_bars(result, progress)
        typer.echo(json.dumps(result.as_document()))
    else:
        console = Console()
        console.print(_table(result))
        _print_bars(result, console)


def _list() -> None:
    shown = Table("benchmark", "what it measures", box=None, pad_edge=False)
    for name, text in benchmarks.NAMES.items():
        shown.add_row(name, text)
    Console().print(shown)


def _table(result: Result) -> Table:
    shown = Table("figure", title=f"{result.name}, n = {result.n:,}")
    shown.add_column("value", justify="right")
    for name, value in result.figures.items():
        shown.add_row(name, f"{value:,.2f}")
    shown.add_row("ratio", f"{result.ratio:.2f}")
    shown.caption = f"ratio against {result.baseline}"
    return shown


def _print_bars(result: Result, console: Console) -> None:
    for bar in result.bars:
        met = "[green]met[/]" if bar.is_met else "[red]not met[/]"
        console.print(f"{met}: {bar.text}")
