"""The embedded PostgreSQL (with Apache AGE and pgvector): made once, started when needed, stopped by a fast shutdown.

It listens only on 127.0.0.1, every login needs a password, and commits are flushed to disk as on any server.
"""

import importlib.util
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from engine.embedded.account import Place, place, relocated
from engine.embedded.home import LOOPBACK, Home, Secrets
from engine.processes import track
from rules.errors import Misconfigured, Unavailable

log = logging.getLogger("leo.embedded")
NAME = "postgres"
ADMIN, APP, DATABASE = "leo_admin", "leo_app", "leo"
MIB = 1024 * 1024
STOP_GRACE_S = 30.0
# Try again if somebody took the port in between, or sessions of a killed server have yet to notice its end.
START_PAUSES_S = (0.0, 0.3, 1.0)
INITDB_OPTIONS = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth=scram-sha-256",
    "--no-sync",
)
# max_wal_size, checkpoint_timeout: otherwise a bulk load of 100,000 rows with its mirror would spend its time in
# checkpoints. A new database has no statistics, so autovacuum looks every 10 s instead of every minute. jit off: our
# statements take milliseconds, compiling one takes longer. random_page_cost 1.1: local databases are on SSDs.
CONFIGURATION = """\
# Written by leo at every start; change postgresql.conf for what should stay.
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
max_connections = 100
shared_buffers = {shared_buffers}MB
effective_cache_size = {cache}MB
maintenance_work_mem = 128MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = on
jit = off
autovacuum_naptime = 10s
random_page_cost = 1.1
max_worker_processes = 8
max_parallel_workers = {cores}
max_parallel_workers_per_gather = {gather}
track_io_timing = on
password_encryption = 'scram-sha-256'
log_line_prefix = '%m [%p] %u@%d '
timezone = 'UTC'
"""


def installed_binaries() -> Path:
    """Find the wheel's `bin` directory without importing the wheel; raises Misconfigured if there is none."""
    found = importlib.util.find_spec("pgserver")
    for location in (found.submodule_search_locations or []) if found else []:
        binaries = Path(location) / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise Misconfigured(
        "No embedded PostgreSQL is installed here: its wheels exist for Linux on x86-64 and Python 3.11 and 3.12.",
        remedy="Set LEO_DATABASE_URL to a PostgreSQL 16+ with the extensions age and vector.",
    )


def url(port: int, *, user: str, password: str, database: str = DATABASE) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@{LOOPBACK}:{port}/{database}"


def running(home: Home) -> track.Run | None:
    """Give the run record of our running server: from its run file, otherwise from PostgreSQL's own postmaster.pid."""
    run = track.read(home.run, NAME)
    if track.is_running(run):
        return run
    data = (relocated(home) or home.path / "postgres") / "data"
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid, port = int(lines[0]), int(lines[3])
        if str(data) in psutil.Process(pid).cmdline():
            return track.describe(NAME, pid, port=port, log=home.log / "postgres.log")
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return None


def start(home: Home, secrets: Secrets, *, timeout_s: float) -> int:
    """Make the cluster if there is none, start it unless it is running, and give its port.

    The caller holds the lock.
    """
    run = running(home)
    if run is not None and run.port is not None:
        _await_ready(home, run, secrets, timeout_s=timeout_s)
        track.write(home.run, run)
        return run.port
    where = place(home, installed_binaries())
    if not where.data.exists():
        # Printed even if nobody reads logs: in another directory one has another LEO_HOME.
        log.warning("A new, empty database is made for LEO_HOME, %s.", home.path)
        _initialise(where, secrets)
    for pause_s in START_PAUSES_S:
        time.sleep(pause_s)
        port = home.free_port(NAME)
        _configure(where, port)
        run = _launch(home, where, port)
        if run is None:
            continue
        track.write(home.run, run)  # Before it answers, so that after an interruption it can still be stopped.
        if _await_ready(home, run, secrets, timeout_s=timeout_s):
            _ensure_database(port, secrets)
            return port
    raise Unavailable(
        f"The embedded PostgreSQL did not start: {track.log_tail(home.log / 'postgres.log') or 'it wrote no log'}.",
        remedy=f"Read {home.log / 'postgres.log'}, or set LEO_DATABASE_URL to your own server.",
    )


def stop(home: Home) -> track.Run | None:
    """Stop it by a fast shutdown (SIGINT: sessions end, data is written); give what was stopped."""
    run = running(home)
    if run is None:
        track.forget(home.run, NAME)
        return None
    # SIGQUIT is the immediate shutdown: the next start recovers, and nothing committed is lost.
    track.stop(run, first=signal.SIGINT, grace_s=STOP_GRACE_S, then=signal.SIGQUIT)
    if track.is_running(run):
        raise Unavailable(
            f"The embedded PostgreSQL (process {run.pid}) does not end.", remedy=f"Read {run.log} and end it yourself."
        )
    track.forget(home.run, NAME)
    return run


def erase(home: Home) -> None:
    """Remove the data, including data outside LEO_HOME; the server must have been stopped."""
    for parent in (relocated(home), home.path / "postgres"):
        if parent is not None and parent.exists():
            shutil.rmtree(parent)


def _environment(where: Place) -> dict[str, str]:
    # PGPORT, PGDATA and the like are the user's, for the user's servers; ours must not see them.
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "TZDIR") if name in os.environ}
    return kept | {"LC_ALL": "C", "HOME": str(where.data.parent)}


def _initialise(where: Place, secrets: Secrets) -> None:
    """Run initdb next to the final place and move the result there, so that an interruption leaves no half of it."""
    with tempfile.TemporaryDirectory(dir=where.data.parent, prefix="initdb.") as name:
        directory = Path(name)
        password = directory / "password"
        password.write_text(secrets.admin_password, encoding="utf-8")
        password.chmod(0o600)
        if where.account is not None:
            for path in (directory, password):
                os.chown(path, where.account.uid, where.account.gid)
        fresh = directory / "data"
        argv = [where.binaries / "initdb", f"--pgdata={fresh}", f"--username={ADMIN}", f"--pwfile={password}"]
        done = subprocess.run(  # noqa: S603 - argv is ours
            [*map(str, argv), *INITDB_OPTIONS],
            cwd=where.data.parent,
            env=_environment(where),
            capture_output=True,
            text=True,
            check=False,
            **track.identity(where.account),
        )
        if done.returncode != 0:
            raise Unavailable(
                f"The embedded PostgreSQL could not be set up: {' '.join(done.stderr.split())[-400:]}",
                remedy=f"Make room or rights in {where.data.parent}, or set LEO_DATABASE_URL to your own server.",
            )
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\ninclude_if_exists = 'leo.conf'\n")
        fresh.rename(where.data)


def _configure(where: Place, port: int) -> None:
    cores = os.cpu_count() or 1
    memory = psutil.virtual_memory().total // MIB
    text = CONFIGURATION.format(
        host=LOOPBACK,
        port=port,
        shared_buffers=max(64, min(512, memory // 8)),
        cache=max(128, memory // 2),
        cores=cores,
        gather=max(1, cores // 2),
    )
    path = where.data / "leo.conf"
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    if where.account is not None:
        os.chown(path, where.account.uid, where.account.gid)


def _launch(home: Home, where: Place, port: int) -> track.Run | None:
    log = home.log / "postgres.log"
    argv = [str(where.binaries / "postgres"), "-D", str(where.data)]
    pid = track.spawn(argv, log=log, environment=_environment(where), cwd=where.data.parent, account=where.account)
    try:
        return track.describe(NAME, pid, argv=argv, port=port, log=log)
    except ProcessLookupError:
        return None


def _await_ready(home: Home, run: track.Run, secrets: Secrets, *, timeout_s: float) -> bool:
    """Wait for a real login; False if the process ended first. A server that is still recovering is waited for."""
    deadline = time.monotonic() + timeout_s
    while track.is_running(run):
        try:
            psycopg.connect(
                url(run.port or 0, user=ADMIN, password=secrets.admin_password, database="template1"),
                connect_timeout=5,
            ).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise Misconfigured(
                    f"The embedded PostgreSQL in {home.path} has another password than {home.path / 'secrets.json'}.",
                    remedy=f"Put that file back, or stop the server and remove {home.path} to begin anew.",
                ) from error
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The embedded PostgreSQL (process {run.pid}) does not answer after {timeout_s:.0f} seconds.",
                    remedy=f"Read {run.log}.",
                ) from error
            time.sleep(track.POLL_S)
        else:
            return True
    return False


def _ensure_database(port: int, secrets: Secrets) -> None:
    target = url(port, user=ADMIN, password=secrets.admin_password, database="postgres")
    try:
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except psycopg.errors.DuplicateDatabase:
        return
