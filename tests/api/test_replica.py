"""Pages, traces and the explorer are read from a replica while it is there and not too late, and from the primary else.

The replica is a real one: pg_basebackup of the embedded server, which it then follows.
"""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from psycopg import sql

from api.services import Services
from engine.embedded import Servers
from engine.embedded.account import place, service_account
from engine.embedded.home import Home
from engine.embedded.postgres import installed_binaries
from engine.processes import track
from engine.replica import Lag
from engine.settings import Settings
from tests.api.story import campaign, ok
from tests.conftest import Tenant
from tests.engine.worker_process import until


@dataclass(slots=True)
class Replica:
    """A standby that can be stopped, held back and started again."""

    binaries: Path
    data: Path
    port: int

    def url(self, of: str) -> str:
        parts = urlsplit(of)
        return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self.port}").geturl()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._ctl("start", "-w", "-o", options, "-l", str(self.data / "log"))

    def stop(self) -> None:
        self._ctl("stop", "-w", "-m", "fast")

    def _ctl(self, *words: str) -> None:
        _run(self.binaries / "pg_ctl", "-D", str(self.data), *words)


def _run(*words: object) -> None:
    account = service_account()
    argv = [str(word) for word in words]
    # Into a file: what pg_ctl starts would keep a pipe open.
    with TemporaryFile() as said:
        done = subprocess.run(  # noqa: S603 - the embedded server's own programs
            argv,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            check=False,
            timeout=120,
            **track.identity(account),
        )
        said.seek(0)
        assert done.returncode == 0, said.read().decode()


@pytest.fixture(scope="module")
def standby(servers: Servers, home: Path, admin_url: str) -> Iterator[Replica]:
    if "postgres" not in servers.embedded:
        pytest.skip("A replica of a server of yours is not ours to make")
    where = place(Home(home), installed_binaries())
    data = where.data.parent / "replica"
    _run(where.binaries / "pg_basebackup", "-d", admin_url, "-D", data, "-R", "-X", "stream", "-c", "fast")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    made = Replica(where.binaries, data, port)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def settings(home: Path, servers: Servers, database_url: str, redis_url: str, standby: Replica) -> Settings:
    return Settings.load(
        home=home,
        database_url=database_url,
        replica_url=standby.url(database_url),
        replica_lag_s=6.0,
        redis_url=redis_url,
        platform_key=servers.secrets.platform_key,
        webhook_secret=servers.secrets.webhook_secret,
        credential_key=servers.secrets.credential_key,
        allowed_hosts="127.0.0.1",
        rate_refused=0,
    )


@pytest.fixture
async def followed(services: Services) -> Services:
    await until(lambda: _is_read_from(services))
    return services


async def _is_read_from(services: Services, *, wanted: bool = True) -> bool:
    return (services.db.replica is not None) is wanted


def _source(answer: httpx.Response) -> str:
    assert answer.is_success, answer.text
    return str(answer.headers.get("LEO-Read-From", "primary"))


async def _caught_up(services: Services, tenant: Tenant, table: str = "campaign") -> bool:
    replica = services.db.replica
    if replica is None:
        return False
    async with replica.transaction(tenant.tenant_id, read_only=True) as conn:
        found = await conn.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))
        return await found.fetchone() is not None


async def test_pages_traces_and_the_explorer_are_read_from_it(
    caller: httpx.AsyncClient, followed: Services, tenant: Tenant, standby: Replica, admin_url: str
) -> None:
    await campaign(caller)
    await until(lambda: _caught_up(followed, tenant))
    for path in ("/trace/profile/kh-1", "/profiles/kh-1/timeline", "/search/people?q=Mai", "/profiles"):
        assert _source(await caller.get(path)) == "replica", path
    assert _source(await caller.get("/trace/profile/kh-1", headers={"Cache-Control": "no-cache"})) == "primary"
    assert _source(await caller.get("/campaigns")) == "primary"

    await ok(await caller.post("/cypher", json={"query": "MATCH (p:Profile) RETURN p.ext_id AS who"}))
    await until(lambda: _caught_up(followed, tenant, "reader_credential"))
    # What the replica has not replayed the explorer does not find.
    await asyncio.to_thread(_say, standby.url(admin_url), "SELECT pg_wal_replay_pause()")
    try:
        await ok(await caller.post("/profiles", json={"ext_id": "moi"}))
        asked = {"query": "MATCH (p:Profile) RETURN p.ext_id AS who"}
        assert followed.db.replica is not None
        assert (await ok(await caller.post("/cypher", json=asked)))["rows"] == [["kh-1"]]
    finally:
        await asyncio.to_thread(_say, standby.url(admin_url), "SELECT pg_wal_replay_resume()")


async def test_one_that_is_late_or_down_is_not_read_from(
    caller: httpx.AsyncClient, followed: Services, tenant: Tenant, standby: Replica, admin_url: str
) -> None:
    await campaign(caller)
    await until(lambda: _caught_up(followed, tenant))
    url = standby.url(admin_url)
    await asyncio.to_thread(_say, url, "SELECT pg_wal_replay_pause()")
    await ok(await caller.post("/profiles", json={"ext_id": "moi"}))
    await until(lambda: _is_read_from(followed, wanted=False))
    answer = await caller.get("/trace/profile/moi")
    assert _source(answer) == "primary"
    await asyncio.to_thread(_say, url, "SELECT pg_wal_replay_resume()")
    await until(lambda: _is_read_from(followed), seconds=30)

    await asyncio.to_thread(standby.stop)
    # At once, before anybody has looked whether it is there.
    assert _source(await caller.get("/trace/profile/kh-1")) == "primary"
    assert await ok(await caller.post("/cypher", json={"query": "MATCH (p:Profile) RETURN count(p) AS n"}))
    await asyncio.to_thread(standby.start)
    await until(lambda: _is_read_from(followed), seconds=30)


def _say(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


async def test_a_revoked_key_opens_nothing_on_a_replica_either(
    caller: httpx.AsyncClient, followed: Services, tenant: Tenant
) -> None:
    await ok(await caller.get("/profiles"))
    async with followed.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE api_key SET revoked_at = now()")
    assert (await caller.get("/profiles")).status_code == 401


def test_lag_is_the_age_of_the_oldest_place_that_is_not_replayed() -> None:
    lag = Lag()
    assert lag.seen(at=0.0, written=100, replayed=10) is None  # it has never been seen to follow
    assert lag.seen(at=1.0, written=200, replayed=100) == 0.0
    assert lag.seen(at=2.0, written=200, replayed=100) == 1.0
    assert lag.seen(at=3.0, written=300, replayed=200) == 0.0
    assert lag.seen(at=9.0, written=300, replayed=200) == 6.0
    assert lag.seen(at=10.0, written=300, replayed=300) == 0.0
    assert lag.seen(at=90.0, written=300, replayed=300) == 0.0  # nothing is written, so nothing is late
