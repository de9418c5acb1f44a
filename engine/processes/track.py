"""Start, recognise and stop processes of our own that outlive the command which started them.

A process is only signalled if its run file's pid still belongs to the very process that was started: the system reuses
pids, so the start time is compared as well. Nothing here knows what the processes do.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

POLL_S = 0.02
LOG_MAX_BYTES = 10 * 1024 * 1024
_children: dict[int, subprocess.Popen[bytes]] = {}  # ours to reap: a child nobody waits for stays as a zombie


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The user that runs a server if we are root; `home` is a directory that this user can enter."""

    uid: int
    gid: int
    name: str


@dataclass(frozen=True, slots=True)
class Run:
    """What a run file contains.

    `started` is the system's own start mark, `create_time` the same for people (epoch s).
    """

    name: str
    pid: int
    started: str
    create_time: float
    argv: tuple[str, ...] = ()
    port: int | None = None
    log: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def started_mark(pid: int) -> str | None:
    """Identify the process behind `pid` for good; None if there is none (a zombie is none)."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        _children.pop(pid, None)  # another thread may have looked as well
        return None
    try:
        process = psutil.Process(pid)
        # Its first thread may have ended while others still hold its sockets: it has ended when all have.
        if process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1:
            return None
        # create_time comes from the wall clock, which steps (NTP, a laptop that slept); ticks since boot do not
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
            return f"{boot}:{stat.read_text(encoding='utf-8', errors='replace').rpartition(')')[2].split()[19]}"
        return f"{process.create_time():.2f}"
    except (psutil.Error, OSError):
        return None


def is_running(run: Run | None) -> bool:
    return run is not None and started_mark(run.pid) == run.started


def listens(run: Run) -> bool:
    """Whether the process itself listens on its port: what answers there may be somebody else's."""
    try:
        held = psutil.Process(run.pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == run.port for one in held)


def most_memory_mb(run: Run) -> float:
    """Give the most memory a living process has ever held, in MB (what it holds now, if the system keeps no record)."""
    try:
        status = Path(f"/proc/{run.pid}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        return float(psutil.Process(run.pid).memory_info().rss) / 1024**2


def memory_mb(run: Run) -> float | None:
    """Give the memory that a process holds now, in MB; None if it has ended."""
    try:
        return float(psutil.Process(run.pid).memory_info().rss) / 1024**2
    except psutil.Error:
        return None


def identity(account: Account | None) -> dict[str, Any]:
    """Give the arguments with which `subprocess` runs a program as that account; none for our own."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _rotate(log: Path) -> None:
    """Keep one older log next to the current one, so that a process that runs for months does not fill the disk."""
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        log.replace(log.with_suffix(".log.1"))


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    cwd: Path,
    account: Account | None = None,
) -> int:
    """Start `argv` in its own session, which neither this terminal's Ctrl-C nor our death reaches; give its pid."""
    _rotate(log)
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - argv is ours, no shell
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
            **identity(account),
        )
    _children[child.pid] = child
    return child.pid


def describe(name: str, pid: int, *, argv: Sequence[str] = (), port: int | None = None, log: Path | None = None) -> Run:
    """Make the run record of a living process; raises ProcessLookupError if it has already ended."""
    mark = started_mark(pid)
    if mark is None:
        raise ProcessLookupError(pid)
    try:
        create_time = psutil.Process(pid).create_time()
    except psutil.Error as error:
        raise ProcessLookupError(pid) from error
    return Run(name, pid, mark, create_time, tuple(argv), port, str(log) if log else None)


def signal_run(run: Run, number: signal.Signals) -> bool:
    """Send a signal to that very process; False if it has ended."""
    if not is_running(run):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(run.pid, number)
        return True
    return False


def wait_ended(run: Run, *, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while is_running(run):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def stop(
    run: Run, *, first: signal.Signals = signal.SIGTERM, grace_s: float, then: signal.Signals = signal.SIGKILL
) -> bool:
    """Ask, wait `grace_s`, then insist; False if it was not running. All of it concerns this one process."""
    if not signal_run(run, first):
        return False
    if not wait_ended(run, timeout_s=grace_s) and signal_run(run, then):
        wait_ended(run, timeout_s=grace_s)
    return True


def write(directory: Path, run: Run) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    write_private(directory / f"{run.name}.json", json.dumps(asdict(run), indent=2))


def read(directory: Path, name: str) -> Run | None:
    """Read the run file's record, whether its process is alive or not; None if there is none or it is damaged."""
    try:
        document = json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))
        document["argv"] = tuple(document.get("argv", ()))
        return Run(**document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def read_all(directory: Path) -> list[Run]:
    names = sorted(path.stem for path in directory.glob("*.json"))
    return [run for run in (read(directory, name) for name in names) if run is not None]


def forget(directory: Path, name: str) -> None:
    (directory / f"{name}.json").unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace `path` in one step, readable only by its owner."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def log_tail(log: Path, *, lines: int = 3) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())
