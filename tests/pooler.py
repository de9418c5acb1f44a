"""PgBouncer before the database of a test: the files of deploy/pgbouncer, with another address and a small pool."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from engine.embedded.account import service_account

DEPLOYED = Path(__file__).parents[1] / "deploy" / "pgbouncer"
# Fewer sessions than anything here works with at once: they are shared all the time.
SESSIONS = 3


@contextmanager
def pooler(admin_url: str, directory: Path) -> Iterator[int]:
    """Run PgBouncer before the server of `admin_url`, and give its port; skips where there is none."""
    binary = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if binary is None:
        pytest.skip("PgBouncer is not installed here (Debian: apt-get install pgbouncer)")
    password = secrets.token_hex(16)
    with psycopg.connect(admin_url) as connection:
        connection.execute((DEPLOYED / "auth.sql").read_bytes())
        statement = sql.SQL("ALTER ROLE leo_pooler LOGIN PASSWORD {}")
        connection.execute(statement.format(sql.Literal(password)))
    port = _free_port()
    (directory / "userlist.txt").write_text(f'"leo_pooler" "{password}"\n', encoding="utf-8")
    (directory / "pgbouncer.ini").write_text(_configuration(admin_url, directory, port), encoding="utf-8")
    account = service_account()
    arguments = [binary, "-q", *(("-u", account.name) if account else ()), str(directory / "pgbouncer.ini")]
    if account is not None:
        for path in (directory, *directory.iterdir()):
            os.chown(path, account.uid, account.gid)
    process = subprocess.Popen(arguments, cwd="/")  # noqa: S603 - Debian's own
    try:
        _await(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def through(url: str, port: int) -> str:
    """Give the URL by which the pooler reaches what `url` names."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()


def _configuration(admin_url: str, directory: Path, port: int) -> str:
    parts = urlsplit(admin_url)
    text = (DEPLOYED / "pgbouncer.ini").read_text(encoding="utf-8")
    for deployed, here in (
        ("leo = host=postgres port=5432 dbname=leo", f"* = host={parts.hostname} port={parts.port}"),
        ("listen_addr = *", "listen_addr = 127.0.0.1"),
        ("listen_port = 6432", f"listen_port = {port}\nunix_socket_dir ="),
        ("/etc/pgbouncer/userlist.txt", str(directory / "userlist.txt")),
        ("default_pool_size = 20", f"default_pool_size = {SESSIONS}"),
    ):
        assert deployed in text, deployed
        text = text.replace(deployed, here)
    return text


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        assert process.poll() is None, "PgBouncer ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "PgBouncer does not listen"
            time.sleep(0.05)
        else:
            return
