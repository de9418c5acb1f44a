"""Who used the processor, and what PostgreSQL's sessions waited for, while something was running."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event
from time import monotonic, sleep

import psutil

from engine.db import admin
from engine.queries import queries

EVERY_S = 0.2
# A processor that is busy for this share of the time has nothing left to give.
SATURATED = 0.9
# If this share of PostgreSQL's work waits for one thing, that is the bottleneck.
MOSTLY = 0.5
_COMMITS = ("IO:WalSync", "IO:WalWrite", "LWLock:WALWrite", "IO:WALSync", "IO:WALWrite")
_SQL = queries("bench_scale")


@dataclass(frozen=True, slots=True)
class Usage:
    """`cores`: how many of `all_cores` each group of processes kept busy; `busy`: how many were busy in total.

    `waits`: how many sessions, on average, waited for commits to reach the disk, for locks, or worked. `workers`: the
    number of processes in the group of that name, each of which can use one core.
    """

    cores: Mapping[str, float]
    busy: float
    all_cores: int
    waits: Mapping[str, float]
    workers: int = 1

    @property
    def others(self) -> float:
        """How many cores unrelated programs kept busy, including this process."""
        return max(0.0, self.busy - sum(self.cores.values()))

    @property
    def is_saturated(self) -> bool:
        """Whether next to nothing was left of the processor."""
        return self.busy >= SATURATED * self.all_cores

    @property
    def limit(self) -> str:
        """Name the resource that was used up, with its figure."""
        used = ", ".join(f"{name} {cores:.2f}" for name, cores in {**self.cores, "others": self.others}.items())
        if self.is_saturated:
            whose = ", most of it other programs'" if self.others > self.busy / 2 else ""
            return f"the processor{whose}: {self.busy:.2f} of {self.all_cores} cores busy ({used})"
        sessions = sum(self.waits.values())
        for name in ("commits", "locks"):
            if sessions and self.waits.get(name, 0.0) >= MOSTLY * sessions:
                return f"{name}: {self.waits[name]:.1f} of {sessions:.1f} sessions wait for them ({used})"
        own = self.cores.get("workers", 0.0) / self.workers
        if own >= MOSTLY:
            how = "which compute and wait for PostgreSQL by turns"
            return f"the workers' own threads, {how}: {own:.2f} of a core each ({used})"
        return f"waiting for the provider: {self.busy:.2f} of {self.all_cores} cores busy ({used})"


@dataclass(slots=True)
class _Times:
    """Processor seconds of processes that come and go, by group."""

    first: dict[tuple[str, int, float], float] = field(default_factory=dict)
    last: dict[tuple[str, int, float], float] = field(default_factory=dict)

    def look(self, groups: Mapping[str, list[psutil.Process]], *, is_first: bool) -> None:
        for name, processes in groups.items():
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    key = (name, process.pid, process.create_time())
                    # A process that started meanwhile began at zero.
                    self.first.setdefault(key, times.user + times.system if is_first else 0.0)
                    self.last[key] = times.user + times.system

    def used_s(self, name: str) -> float:
        return sum(self.last[key] - self.first[key] for key in self.last if key[0] == name)


class Watch:
    """Watches processes by their pids; PostgreSQL's are found through one of its sessions, if it is on this host."""

    def __init__(self, url: str, pids: Mapping[str, list[int]]) -> None:
        self._url = url
        self._pids = pids
        self._usage: Usage | None = None

    @property
    def usage(self) -> Usage:
        """What was used; available after the block of `watched`."""
        if self._usage is None:
            raise RuntimeError("nothing was watched yet")
        return self._usage

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look every fifth of a second while the block runs."""
        ended = Event()
        watching = asyncio.create_task(asyncio.to_thread(self._watch, ended))
        try:
            yield
        finally:
            ended.set()
            self._usage = await watching

    def _watch(self, ended: Event) -> Usage:
        times, waits, looks = _Times(), Counter[str](), 0
        with admin(self._url) as connection:
            connection.autocommit = True
            row = connection.execute(_SQL["backend"]).fetchone()
            server = _parent(row[0] if row else 0)
            began, machine = monotonic(), psutil.cpu_times()
            while True:
                times.look(dict(self._groups(server)), is_first=looks == 0)
                waits.update(_kind(event) for (event,) in connection.execute(_SQL["waits"]).fetchall())
                looks += 1
                if ended.is_set():
                    break
                sleep(EVERY_S)
        seconds, after = monotonic() - began, psutil.cpu_times()
        idle_s = after.idle - machine.idle + getattr(after, "iowait", 0.0) - getattr(machine, "iowait", 0.0)
        cores = psutil.cpu_count() or 1
        names = [*self._pids, "PostgreSQL"]
        return Usage(
            cores={name: times.used_s(name) / seconds for name in names},
            busy=max(0.0, cores - idle_s / seconds),
            all_cores=cores,
            waits={name: count / looks for name, count in waits.items()},
            workers=max(1, len(self._pids.get("workers", ()))),
        )

    def _groups(self, server: psutil.Process | None) -> Iterator[tuple[str, list[psutil.Process]]]:
        for name, pids in self._pids.items():
            yield name, [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
        with contextlib.suppress(psutil.Error):
            yield "PostgreSQL", [] if server is None else [server, *server.children()]


def _parent(pid: int) -> psutil.Process | None:
    """Give PostgreSQL's main process; None if the server runs on another machine."""
    with contextlib.suppress(psutil.Error):
        session = psutil.Process(pid)
        return session.parent() if "postgres" in session.name() else None
    return None


def _kind(event: str) -> str:
    if event in _COMMITS:
        return "commits"
    if event.startswith(("Lock:", "LWLock:")):
        return "locks"
    return "work" if not event else "other"
