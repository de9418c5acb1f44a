"""`leo up`, `leo down` and `leo doctor`."""

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine import embedded
from engine.cli.db import prepare
from engine.doctor import examine
from engine.doctor.judge import Finding, is_well
from engine.embedded import Servers
from engine.embedded.home import Home
from engine.processes import background, supervise, table, track
from engine.processes.background import Part
from engine.processes.opening import Opening
from engine.settings import Settings

SERVER_NAMES = {"postgres": "PostgreSQL", "redis": "Redis"}
MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "wrong": "[red]wrong[/]"}


def up() -> None:
    """Run everything in the foreground: servers, sandbox, API, workers. Ctrl-C ends it in order."""
    console = Console()
    settings = Settings.load()
    home = Home(settings.home)
    with home.locked(timeout_s=settings.server_start_timeout_s):
        supervise.claim(home.path)
    try:
        _run_everything(settings, console)
    finally:
        supervise.release(home.path)


def _run_everything(settings: Settings, console: Console) -> None:
    settings = table.resolved(settings)
    before = set(embedded.is_running(settings))
    with supervise.ended_by_signals():
        try:
            console.print("Starting PostgreSQL, Redis, the sandbox, the API and two workers ...")
            servers = embedded.ensure(settings)
            prepare(settings, servers)
            _watch(settings, servers, console)
        finally:
            # A second Ctrl-C would leave half of it running.
            with supervise.stopped_by_signals(threading.Event()):
                embedded.stop(settings, only=embedded.ALL - before)
    console.print("Everything that leo up started has ended.")


def _watch(settings: Settings, servers: Servers, console: Console) -> None:
    parts = table.parts(settings, servers)

    def show() -> None:
        console.print(_where(settings, servers, parts), soft_wrap=True)
        console.print("End: Ctrl-C")

    opening = Opening(
        url=table.api_url(settings),
        log=str(background.log_file(settings.home, "api")),
        show=show,
        say=lambda text: _say(console, text),
    )
    supervisor = supervise.Supervisor(
        home=settings.home,
        parts=parts,
        say=lambda text: _say(console, text),
        look_after=_mend(settings, console, opening),
    )
    with supervise.stopped_by_signals(supervisor.stopping):
        supervisor.run()


def _mend(settings: Settings, console: Console, opening: Opening) -> supervise.Round:
    """Give the round that restarts an embedded server when it has ended, on the same port unless that was taken.

    It also checks whether the API answers by now.
    """

    def look() -> Sequence[Part] | None:
        opening.look()
        missing = embedded.missing(settings)
        if not missing:
            return None
        for name in missing:
            _say(console, f"{SERVER_NAMES[name]} ended; starting it again.")
        return table.parts(settings, embedded.ensure(settings))

    return look


def _say(console: Console, text: str) -> None:
    console.print(f"[dim]{datetime.now(UTC):%H:%M:%S}[/] ", end="")
    console.print(text, markup=False, soft_wrap=True)


def _where(settings: Settings, servers: Servers, parts: Sequence[Part]) -> Table:
    shown = Table("part", "where", box=None, pad_edge=False)
    runs = embedded.is_running(settings)
    for name, title in SERVER_NAMES.items():
        run = runs.get(name) if name in servers.embedded else None
        own = "your own, LEO_DATABASE_URL" if name == "postgres" else "your own, LEO_REDIS_URL"
        shown.add_row(title, f"127.0.0.1:{run.port}" if run else own)
    for part in parts:
        shown.add_row(part.name, part.where)
    shown.add_row("console", f"{table.api_url(settings)}/  (it asks for an API key: leo tenants key)")
    shown.add_row("API documents", f"{table.api_url(settings)}/docs")
    shown.add_row("logs", str(settings.home / "log"))
    shown.add_row("secrets", str(settings.home / "secrets.json"))
    return shown


def down(
    erase: Annotated[
        bool, typer.Option("--erase", help="Remove LEO_HOME too, with all data of the embedded servers.")
    ] = False,
) -> None:
    """Stop everything of this LEO_HOME that runs in the background, the embedded servers last."""
    settings = Settings.load()
    stopped: list[track.Run] = []
    if (other := supervise.stop(settings.home)) is not None:
        stopped.append(other)
    stopped += background.stop_all(settings.home)
    stopped += embedded.stop(settings)
    for run in stopped:
        typer.echo(f"stopped {'leo up' if run.name == supervise.NAME else run.name} (process {run.pid})")
    if not stopped:
        typer.echo(f"nothing was running in {settings.home}")
    if erase:
        embedded.erase(settings)
        typer.echo(f"removed {settings.home}")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Say what is used here, and what is wrong: one sentence and one remedy each. Exit code 1 if something is wrong."""
    findings = examine(Settings.load())
    well = is_well(findings)
    if as_json:
        typer.echo(json.dumps({"well": well, "findings": [asdict(finding) for finding in findings]}))
    else:
        Console().print(_findings(findings))
    raise typer.Exit(0 if well else 1)


def _findings(findings: Sequence[Finding]) -> Table:
    shown = Table("", "about", "finding", box=None, pad_edge=False)
    for finding in findings:
        text = f"{finding.text} -> {finding.remedy}" if finding.remedy else finding.text
        shown.add_row(MARKS[finding.state], finding.area, text.replace("[", r"\["))
    return shown
