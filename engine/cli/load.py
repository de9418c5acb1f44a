"""`leo load`: a stage of the load test on a throw-away site, and its report."""

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer
from rich.console import Console

from engine import embedded
from engine.bench import Place, throwaway
from engine.load import report
from engine.load.plan import SCRIPTS, Stage
from engine.load.run import run
from engine.settings import Settings
from rules.errors import InvalidInput


def load(
    stage: Annotated[str, typer.Argument(help="smoke, load, stress, soak or spike.")] = "load",
    seconds: Annotated[
        int | None,
        typer.Option(min=5, help="Another length, for a stage of one step: load, smoke or soak.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where summary.json and report.html go.")] = SCRIPTS / "results",
) -> None:
    """Run k6 against servers, API and workers that are started for it, and judge the result."""
    asked = Stage.read(stage, seconds=seconds)
    settings = Settings.load()
    _try_to_write(out)
    servers = embedded.ensure(settings, redis=False)
    progress = Console(stderr=True)
    with (
        throwaway.database(servers.admin_database_url) as url,
        progress.status(f"{stage}: making a database") as status,
    ):
        place = Place(admin_url=url, settings=settings, say=lambda text: status.update(f"{stage}: {text}"))
        ran = asyncio.run(run(place, asked, out.resolve()))
    (out / "summary.json").write_text(
        json.dumps(ran.as_document(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    (out / "report.html").write_text(report.page(ran), encoding="utf-8")
    console = Console(soft_wrap=True)
    for line in report.lines(ran):
        console.print(line, highlight=False)
    console.print(f"[green]met[/]: {out / 'report.html'}" if ran.is_met else f"[red]not met[/]: {out / 'report.html'}")
    if not ran.is_met:
        raise typer.Exit(1)


def _try_to_write(out: Path) -> None:
    """Raise InvalidInput now rather than after minutes of load."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written: {error.strerror}.", remedy="Name another with --out.") from error
