"""`leo demo`: the whole journey on real servers in miniature, shown as it happens."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax

from engine import embedded
from engine.cli.db import prepare
from engine.cli.journey import drawn
from engine.demo import hillstrom
from engine.demo.play import Played, opened
from engine.demo.report import show
from engine.embedded import Servers
from engine.processes import table
from engine.settings import Settings

RUNS_ON = "What was started runs on until: .venv/bin/leo down"


class _Shown:
    """Stages as bars of rich; a stage of unknown length only counts."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def stage(self, name: str, total: int | None) -> Callable[[int], None]:
        task = self._progress.add_task(name, total=total)

        def advance(steps: int) -> None:
            self._progress.advance(task, steps)

        return advance

    def say(self, text: str) -> None:
        self._progress.console.print(text, style="yellow")


def demo(
    customers: Annotated[
        Path | None,
        typer.Option(help="A CSV file of a real e-mail test, gzipped or not, instead of generated customers."),
    ] = None,
    people: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many customers to generate.")] = 2_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object last.")] = False,
) -> None:
    """Run the whole journey: customers, decisions with reasons, deliveries, outcomes, one traced path."""
    read = None if customers is None else hillstrom.read(customers)
    settings = table.resolved(Settings.load())
    console = Console(stderr=as_json)
    console.print("Starting PostgreSQL, Redis, the sandbox, the API and two workers ...")
    try:
        servers = embedded.ensure(settings)
        prepare(settings, servers)
        played = asyncio.run(_play(settings, servers, console, read, people))
    except KeyboardInterrupt:
        console.print(f"\n{RUNS_ON}")
        raise
    _tell(console, settings, played)
    if as_json:
        typer.echo(json.dumps(played.summary.as_document(), ensure_ascii=False))


async def _play(
    settings: Settings, servers: Servers, console: Console, read: list[hillstrom.Customer] | None, count: int
) -> Played:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        async with opened(settings, servers, _Shown(progress)) as opened_demo:
            return await opened_demo.play(read, count=count)


def _tell(console: Console, settings: Settings, played: Played) -> None:
    console.print()
    if played.sql is not None:
        # First, so that what came of it all is what is on the screen at the end.
        console.print("The one SQL statement that the journey below is read with, for psql:", style="bold")
        console.print(Syntax(played.sql, "sql", word_wrap=True, background_color="default"))
        console.print()
    show(console, played.summary, played.campaigns)
    if played.trace is not None:
        console.print("\nOne journey, from the SQL statement above:", style="bold")
        console.print(drawn(played.trace, tenant=played.tenant.slug))
        console.print(
            f"\nThe statement alone: .venv/bin/leo trace {played.delivery_id} --as delivery"
            f" --tenant {played.tenant.slug} --sql",
            soft_wrap=True,
        )
    api = table.api_url(settings)
    console.print(f"\nLook further, in a browser: {api}/ with the key {played.tenant.key}", soft_wrap=True)
    console.print(f"The API with examples: {api}/docs", soft_wrap=True)
    console.print(f"What the sandbox received: {settings.home / 'sandbox.jsonl'}", soft_wrap=True)
    console.print(RUNS_ON)
