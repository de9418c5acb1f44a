"""`leo api`, `leo worker` and `leo sandbox`: one process each, for a supervisor on any number of hosts.

The command becomes the process it names: a supervisor's signals reach it, and its exit code is the process's own. Hosts
share PostgreSQL, Redis and the keys; nothing is started beside it unless no server of yours is named.
"""

import os
import signal
import sys
from enum import StrEnum
from typing import Annotated, NoReturn

import typer

from engine.processes import table
from engine.settings import Settings
from rules.errors import Misconfigured

# What every host must have in common, and who needs it; a generated one would belong to a single LEO_HOME.
SHARED = {"api": ("platform_key", "credential_key", "redis_url"), "worker": ("credential_key", "redis_url")}
SANDBOX_SMTP, SANDBOX_HTTP = (table.PORTS[name][1] for name in ("sandbox_smtp_port", "sandbox_http_port"))


class WorkerLane(StrEnum):
    """What a worker works on; `cron` rings for what the clock asks for."""

    REALTIME = "realtime"
    BULK = "bulk"
    CRON = "cron"


def api() -> None:
    """Serve the HTTP API, webhooks and console where LEO_API_HOST and LEO_API_PORT say."""
    _become("api", "api")


def worker(
    lane: Annotated[WorkerLane, typer.Option(help="realtime: events; bulk: campaigns, upkeep; cron: only schedules.")],
) -> None:
    """Decide and send in one lane, or schedule; as many of each as you like."""
    _become("worker", "engine.worker", "--lane", lane)


def sandbox(
    smtp_port: Annotated[int | None, typer.Option(min=0, max=65535, help="LEO_SANDBOX_SMTP_PORT without it.")] = None,
    http_port: Annotated[int | None, typer.Option(min=0, max=65535, help="LEO_SANDBOX_HTTP_PORT without it.")] = None,
    host: Annotated[str, typer.Option(help="Where it listens: it asks nobody who they are.")] = "127.0.0.1",
) -> None:
    """Emulate providers, for trying things out: SMTP, Telegram, Zalo, Facebook, FCM and the rest."""
    settings = Settings.load()
    smtp = (settings.sandbox_smtp_port or SANDBOX_SMTP) if smtp_port is None else smtp_port
    http = (settings.sandbox_http_port or SANDBOX_HTTP) if http_port is None else http_port
    _run("channels.sandbox", "--smtp-port", str(smtp), "--http-port", str(http), "--host", host)


def _become(kind: str, module: str, *arguments: str) -> None:
    check_shared(Settings.load(), kind)
    _run(module, *arguments)


def check_shared(settings: Settings, kind: str) -> None:
    """Raise Misconfigured if a process on a database of yours would make keys or a Redis for its own host only."""
    if settings.database_url is None:
        return
    missing = [f"LEO_{name.upper()}" for name in SHARED[kind] if getattr(settings, name) is None]
    if missing:
        raise Misconfigured(
            f"LEO_DATABASE_URL is your own, and {' and '.join(missing)} not set: each host would make its own.",
            remedy="Give every host the same values. On one host leo up does without: its keys are in LEO_HOME.",
        )


def _run(module: str, *arguments: str) -> NoReturn:
    sys.stdout.flush()
    # The signal mask is inherited: Ctrl-C waits until the process can handle it (its `main` lets it through), instead
    # of ending an interpreter that is still loading with a traceback.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - this very interpreter
