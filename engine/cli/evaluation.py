"""`leo eval`: how often a model turns requests into the right calls."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from engine.cli import evaluation_tables as tables
from engine.evaluation.dataset import Intent, sample
from engine.evaluation.measure import Measured, measure
from engine.evaluation.reader import reader_named
from engine.evaluation.report import Report
from engine.settings import Settings
from rules.errors import LeoError

app = typer.Typer(no_args_is_help=True)

INTERRUPTED = 130


@app.callback()
def evaluate() -> None:
    """Measure models on requests whose right calls are known."""


@app.command()
def intents(
    model: Annotated[str, typer.Option(help="functiongemma, gemini, or the name of a model of Gemini.")],
    limit: Annotated[int | None, typer.Option(min=1, help="So many requests, spread over all.")] = None,
    within: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds that one answer may take.")] = 60.0,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="So many requests at the same time.")] = 1,
    mistakes: Annotated[bool, typer.Option("--mistakes", help="Also show each request that went wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Ask a model each labelled request and say how often its calls were right; Ctrl-C ends with the results so far."""
    chosen = sample(limit)
    found: list[Measured] = []
    ended: LeoError | KeyboardInterrupt | None = None
    try:
        asyncio.run(_measure(model, chosen, found, within_s=within, at_once=at_once))
    except (LeoError, KeyboardInterrupt) as error:
        if not found:
            raise
        ended = error
    report = Report.of(found)
    if as_json:
        document = {"of": len(chosen), **report.to_document()}
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        console = Console()
        console.print(tables.of_report(report, of=len(chosen)))
        if mistakes:
            console.print(tables.of_mistakes(found))
    if isinstance(ended, KeyboardInterrupt):
        raise typer.Exit(INTERRUPTED)
    if ended is not None:
        raise ended


async def _measure(
    name: str, chosen: Sequence[Intent], found: list[Measured], *, within_s: float, at_once: int
) -> None:
    model = reader_named(Settings.load(), name, at_once=at_once)
    try:
        with Console(stderr=True).status("asking") as status:

            def seen(measured: Measured) -> None:
                found.append(measured)
                status.update(f"{len(found)} of {len(chosen)}, {measured.graded.grade}")

            await measure(model, chosen, within_s=within_s, at_once=at_once, seen=seen)
    finally:
        await model.close()
