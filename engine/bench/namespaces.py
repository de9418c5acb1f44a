"""Workers as if on hosts of their own: each in a network namespace that reaches the servers only over a bridge.

The bridge's addresses are reserved for benchmarks (RFC 2544), so no real host has one. It needs root and `ip` on Linux.
Names contain the number of the process that made them, so that what a killed process left is removed by the next.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from engine import bootstrap, embedded
from engine.bench.site import Site
from engine.db import admin
from engine.embedded import Servers
from engine.embedded.home import LOOPBACK
from engine.lanes import connect
from engine.processes.background import Part
from engine.queries import queries
from engine.settings import Settings
from rules.errors import Unavailable

BRIDGE_ADDRESS = "198.18.77.1"
_NETWORK, _WORKER = "198.18.77.0/24", "198.18.77.{}/24"
_FIRST_WORKER = 10
_WAIT_S = 10.0
# leo-PID for a bridge, leo-PID-NUMBER for a namespace.
_NAMED = re.compile(r"\bleo-(?P<pid>\d+)(?:-\w+)?\b")
_URLS = ("LEO_DATABASE_URL", "LEO_REDIS_URL")
_SQL = queries("bench_scale")


@dataclass(frozen=True, slots=True)
class Hosts:
    """Namespaces by number, made for one measurement; `before` is the start of a program's arguments in it."""

    names: Sequence[str]

    def before(self, number: int) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.names[number])


def are_allowed() -> bool:
    """Whether namespaces can be made here: as root, with `ip` on PATH, if the system allows it."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"{_own()}-try"
    is_made = _ip("netns", "add", name, is_tried=True)
    return is_made and _ip("netns", "del", name, is_tried=True)


@contextmanager
def made(count: int) -> Iterator[Hosts]:
    """Make a bridge with this many namespaces, and remove all of it afterwards; raises Unavailable."""
    remove_stale()
    bridge, names = _own(), [f"{_own()}-{number}" for number in range(count)]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{BRIDGE_ADDRESS}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, name in enumerate(names):
            end = f"v{os.getpid()}-{number}"
            _ip("netns", "add", name)
            _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", end, "master", bridge, "up")
            _ip("-n", name, "addr", "add", _WORKER.format(_FIRST_WORKER + number), "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
        yield Hosts(names)
    finally:
        # Removing a namespace removes its end of the cable, and with it the other end.
        for name in names:
            _ip("netns", "del", name, is_tried=True)
        _ip("link", "del", bridge, is_tried=True)


def remove_stale() -> None:
    """Remove namespaces and bridges of killed processes, because a bridge they left has our address."""
    for kind in ("netns", "link"):
        for found in _NAMED.finditer(_told(kind)):
            if not Path("/proc", found["pid"]).exists():
                _ip(kind, "del", found[0], is_tried=True)


def _own() -> str:
    return f"leo-{os.getpid()}"


def own_database(settings: Settings) -> Servers:
    """Start a PostgreSQL of the benchmark's own that also listens on the bridge, with passwords as everywhere.

    The bridge has to exist. Yours is never changed.
    """
    servers = embedded.ensure(settings)
    bootstrap.set_up(servers.admin_database_url, app_url=servers.database_url)
    with admin(servers.admin_database_url) as connection:
        connection.autocommit = True
        connection.execute(_SQL["listen_on_bridge"])
        row = connection.execute(_SQL["hba_file"]).fetchone()
    with Path(str(row[0]) if row else "").open("a", encoding="utf-8") as file:
        file.write(f"host all all {_NETWORK} scram-sha-256\n")
    embedded.stop(settings, only={"postgres"})
    return embedded.ensure(settings)


async def redis_on_bridge(site: Site) -> None:
    """Let Redis listen on the bridge too."""
    client = connect(site.servers.redis_url)
    try:
        await client.config_set("bind", f"{LOOPBACK} {BRIDGE_ADDRESS}")
    finally:
        await client.aclose()


def moved(part: Part, hosts: Hosts, number: int) -> Part:
    """Give a part as it runs in a namespace, with the servers at the bridge's address."""
    environment = {
        name: value.replace(f"@{LOOPBACK}:", f"@{BRIDGE_ADDRESS}:") if name in _URLS else value
        for name, value in part.environment.items()
    }
    return replace(part, before=hosts.before(number), environment=environment)


def _ip(*arguments: str, is_tried: bool = False) -> bool:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, timeout=_WAIT_S)  # noqa: S603, S607 - ours
    if done.returncode and not is_tried:
        raise Unavailable(
            f"No network namespace can be made: {done.stderr.strip()[:200]}.", remedy="Run it without them, or as root."
        )
    return done.returncode == 0


def _told(kind: str) -> str:
    """Give what exists of a kind."""
    words = ("netns", "list") if kind == "netns" else ("-brief", "link", "show", "type", "bridge")
    argv = ["ip", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_WAIT_S).stdout  # noqa: S603 - ours
