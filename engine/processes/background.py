"""Our Python processes that run in the background: the API, the workers, the sandbox.

A part is started once: if it already runs with the same arguments and settings it is kept, if it runs with others it is
replaced, and if it died it is started again.
"""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.processes import track
from rules.errors import Unavailable

# A worker has ended within 10 s of a SIGTERM; an API finishes what was asked for as long, after it said that it ends.
GRACE_S = 15.0
SERVERS = ("redis", "postgres")  # run files of engine.embedded in the same directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One background process: `python -m <module> <arguments>`. `where` is what a person needs to reach it.

    `before` is a program that runs it elsewhere, such as in a network namespace, and becomes it.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    port: int | None = None
    where: str = ""
    before: tuple[str, ...] = ()

    def argv(self) -> list[str]:
        return [*self.before, sys.executable, "-m", self.module, *self.arguments]

    def fingerprint(self) -> str:
        """Distinguish sets of arguments and settings without writing a secret down."""
        document = json.dumps([self.argv(), sorted(self.environment.items())])
        return hashlib.sha256(document.encode()).hexdigest()


def log_file(home: Path, name: str) -> Path:
    return home / "log" / f"{name}.log"


def running(home: Path, name: str) -> track.Run | None:
    run = track.read(home / "run", name)
    return run if track.is_running(run) else None


def start(home: Path, part: Part) -> track.Run:
    """Make sure the part is running, and give its run; raises Unavailable if it ends at once."""
    run = running(home, part.name)
    if run is not None and run.extra.get("fingerprint") == part.fingerprint():
        return run
    stop(home, part.name)
    log = log_file(home, part.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    # Only what the caller decided on applies: the shell's LEO_ variables are already in `environment`, through
    # Settings.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LEO_")}
    environment = inherited | {"PYTHONUNBUFFERED": "1"} | dict(part.environment)
    pid = track.spawn(part.argv(), log=log, environment=environment, cwd=home)
    try:
        run = track.describe(part.name, pid, argv=_public(part), port=part.port, log=log)
    except ProcessLookupError:
        raise Unavailable(
            f"The process {part.name} ended at once: {track.log_tail(log)}.", remedy=f"Read {log}."
        ) from None
    run = replace(run, extra={"fingerprint": part.fingerprint(), "where": part.where})
    track.write(home / "run", run)
    return run


def stop(home: Path, name: str, *, grace_s: float = GRACE_S) -> track.Run | None:
    """Stop the part if it is running (SIGTERM, after `grace_s` SIGKILL); give what was stopped."""
    run = running(home, name)
    if run is not None:
        track.stop(run, grace_s=grace_s)
    track.forget(home / "run", name)
    return run


def stop_all(home: Path, *, grace_s: float = GRACE_S) -> list[track.Run]:
    """Stop every part that has a run file, the last started first; the embedded servers are left running."""
    runs = [run for run in track.read_all(home / "run") if run.name not in SERVERS]
    stopped = [stop(home, run.name, grace_s=grace_s) for run in sorted(runs, key=lambda run: -run.create_time)]
    with contextlib.suppress(OSError):
        for torn in (home / "run").glob("*.json"):
            if track.read(home / "run", torn.stem) is None:
                torn.unlink()
    return [run for run in stopped if run is not None]


def _public(part: Part) -> list[str]:
    """Give the arguments without the value after `--secret`, because run files are shown to people."""
    argv = part.argv()
    hidden = {index + 1 for index, word in enumerate(argv) if word == "--secret"}
    return ["..." if index in hidden else word for index, word in enumerate(argv)]
