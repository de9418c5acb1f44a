"""The table of commands. To add one: write `engine/cli/<name>.py` with a function or a Typer app, add a line here.

Only the module of the command that is called is imported, so `leo --help` costs no more than this file.
"""

import importlib
import importlib.metadata
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

SERVERS, WORK, LOOK = "Servers", "Work", "Look"


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is ("module:attribute", a function or a Typer app) and its line in `leo --help`."""

    target: str
    help: str
    panel: str


COMMANDS: dict[str, Command] = {
    "demo": Command("engine.cli.demo:demo", "Run the whole journey on generated or your own customers.", WORK),
    "tenants": Command("engine.cli.tenants:app", "Create, list and drop tenants and their API keys.", WORK),
    "import": Command("engine.cli.imports:import_", "Take people in from a CSV or JSON Lines file.", WORK),
    "sources": Command("engine.cli.sources:app", "Name the CDP databases that people are taken from.", WORK),
    "sync": Command("engine.cli.sync:sync", "Take changed people, segments and events from the CDP.", WORK),
    "profile": Command("engine.cli.profile:app", "Give a person what is kept of them, or erase it.", WORK),
    "identity": Command("engine.cli.identity:app", "Find profiles that are one person; merge and un-merge.", WORK),
    "segments": Command("engine.cli.segments:app", "Save, try, refresh and explain segments.", WORK),
    "snapshot": Command("engine.cli.snapshots:app", "Freeze who is in a segment; verify and compare.", WORK),
    "credentials": Command("engine.cli.credentials:app", "Change the key that secrets are sealed with.", WORK),
    "channels": Command(
        "engine.cli.channels:app", "List channels; pause, resume, renew their tokens; connect Zalo.", WORK
    ),
    "templates": Command("engine.cli.templates:app", "Show, try out and approve templates.", WORK),
    "campaigns": Command("engine.cli.campaigns:app", "List campaigns; try, start, pause and end one.", WORK),
    "decisions": Command("engine.cli.decisions:app", "List, explain and replay decisions.", LOOK),
    "why-not": Command("engine.cli.why_not:why_not", "Say why somebody got nothing of a campaign.", LOOK),
    "outbox": Command("engine.cli.outbox:app", "Show what the CDP is told of outcomes, and what waits.", LOOK),
    "callbacks": Command("engine.cli.callbacks:app", "Show what providers posted; read it again.", LOOK),
    "task": Command("engine.cli.tasks:app", "Ask for agent tasks; approve, follow and cancel them.", WORK),
    "deadletters": Command("engine.cli.letters:app", "See, queue again and settle what did not arrive.", WORK),
    "stuck": Command("engine.cli.stuck:app", "See what does not get on; take it up again.", WORK),
    "policy": Command("engine.cli.policies:app", "Draft, check, compare and switch on policies.", WORK),
    "trace": Command("engine.cli.trace:trace", "Show the journey of a profile, event or delivery.", LOOK),
    "cypher": Command("engine.cli.cypher:cypher", "Ask the graph in Cypher, or run an audit query.", LOOK),
    "graph": Command("engine.cli.graph:app", "Compare, rebuild, export the graph; show what it tells.", LOOK),
    "audit": Command("engine.cli.audit:app", "Seal, verify and prove what was recorded.", LOOK),
    "eval": Command("engine.cli.evaluation:app", "Measure how often a model means the right calls.", LOOK),
    "export": Command("engine.cli.export:app", "Write what a model may be trained on.", LOOK),
    "bench": Command("engine.cli.bench:bench", "Measure on a throw-away database.", LOOK),
    "load": Command("engine.cli.load:load", "Put load on a throw-away site with k6; write a report.", LOOK),
    "model": Command("engine.cli.model:model", "Hold FunctionGemma in a process of its own.", SERVERS),
    "api": Command("engine.cli.processes:api", "Serve the HTTP API: one process, on any number of hosts.", SERVERS),
    "worker": Command("engine.cli.processes:worker", "Work on one lane, or schedule: one process each.", SERVERS),
    "sandbox": Command("engine.cli.processes:sandbox", "Emulate providers: one process.", SERVERS),
    "up": Command("engine.cli.servers:up", "Run everything in the foreground and print where it listens.", SERVERS),
    "down": Command("engine.cli.servers:down", "Stop everything that runs in the background.", SERVERS),
    "doctor": Command("engine.cli.servers:doctor", "Say what is used, and what is wrong with it.", SERVERS),
    "backup": Command("engine.cli.backup:backup", "Write everything the database holds into a directory.", SERVERS),
    "restore": Command("engine.cli.backup:restore", "Bring a backup back, with everything held.", SERVERS),
    "archive": Command("engine.cli.archive:app", "Move old decisions and deliveries out of the way.", SERVERS),
    "db": Command("engine.cli.db:app", "Set the database up, upgrade it, show its state.", SERVERS),
}


def build(arguments: Sequence[str]) -> typer.Typer:
    """Make the application for this call: the called command in full, the others only with their line of help."""
    app = typer.Typer(
        name="leo",
        help="LEO Activation: from customer data to an explained, delivered, traced action.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,  # locals contain passwords
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    called = next((word for word in arguments if not word.startswith("-")), None)
    wants_all = "_LEO_COMPLETE" in os.environ  # a shell asks for completions
    for name, command in COMMANDS.items():
        if wants_all or name == called:
            _add(app, name, command)
        else:
            app.command(name, help=command.help, rich_help_panel=command.panel)(_not_called)
    return app


def _add(app: typer.Typer, name: str, command: Command) -> None:
    module, _, attribute = command.target.partition(":")
    target = getattr(importlib.import_module(module), attribute)
    if isinstance(target, typer.Typer):
        app.add_typer(target, name=name, help=command.help, rich_help_panel=command.panel)
    else:
        app.command(name, rich_help_panel=command.panel)(target)


def _not_called() -> None:
    """Stand in for a command that this call does not use."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"leo-activation {importlib.metadata.version('leo-activation')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    del version
