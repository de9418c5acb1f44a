"""Real servers for the tests: embedded ones below a temporary LEO_HOME, or yours where LEO_DATABASE_URL is set.

One template database is set up a session and cloned for each module (0.1 s); it and its clones are dropped at
the end, with the reader roles that their tenants made. Yours has to be a login that may create databases and roles:
set LEO_ADMIN_DATABASE_URL beside LEO_DATABASE_URL where that one is leo_app.
"""

import itertools
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psutil
import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from psycopg import sql

from engine import embedded
from engine.bootstrap import set_up
from engine.db import Database
from engine.embedded import Servers
from engine.settings import Settings

# How long one example takes is the machine's matter: beside other work a first one took 1.3 s instead of 0.1 ms.
hypothesis_settings.register_profile("suite", deadline=None)
hypothesis_settings.load_profile("suite")
_GIVEN = {name: os.environ.pop(name) for name in sorted(os.environ) if name.startswith("LEO_")}
# Where the suite runs in several processes (make test JOBS=2), each has servers of its own, and of yours its own share.
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
# Of each process: 512 MB of log, 250 MB in the module with the most tenants, and the copies of the server.
ROOM = 3 * 1024**3
_REDIS_DATABASES = itertools.cycle(range(1 + _PROCESS % 15, 16, min(_PROCESSES, 15)))


@pytest.hookimpl(optionalhook=True)
def pytest_configure() -> None:
    """Let Ctrl-C be heard by what tests start: a shell's background job ignores it, and so would all its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Say in which order `make test` gives files to its processes."""
    from tests.turns import Turns  # noqa: PLC0415 - xdist may be switched off

    return Turns(config, log) if config.getvalue("dist") == "loadfile" else None


@dataclass(frozen=True, slots=True)
class Tenant:
    tenant_id: UUID
    slug: str

    @property
    def graph(self) -> str:
        return f"leo_{self.slug}"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """LEO_HOME of the servers: in memory where there is room, else on the disk.

    Each tenant's graph is 260 files. ext4 without a journal looks past every file that was deleted within a minute when
    it makes one: after a module's database was dropped a tenant took 150 to 300 ms, in memory 60 ms at any time.
    """
    if psutil.virtual_memory().available < ROOM * _PROCESSES or not _has_room(MEMORY):
        yield tmp_path_factory.mktemp("home") / ".leo"
        return
    # What a run left that was killed.
    for left in MEMORY.glob("leo-tests-*") if _PROCESS == 0 else ():
        if not psutil.pid_exists(int(left.name.split("-")[2])):
            embedded.erase(Settings.load(home=left / ".leo"))
            shutil.rmtree(left)
    parent = Path(tempfile.mkdtemp(prefix=f"leo-tests-{os.getpid()}-", dir=MEMORY))
    # The account that PostgreSQL runs as has to get in.
    parent.chmod(0o755)
    yield parent / ".leo"
    shutil.rmtree(parent)


def _has_room(directory: Path) -> bool:
    return directory.is_dir() and shutil.disk_usage(directory).free >= ROOM * _PROCESSES


@pytest.fixture(scope="session")
def servers(home: Path) -> Iterator[Servers]:
    given = {name: _GIVEN.get(f"LEO_{name.upper()}") for name in ("database_url", "admin_database_url", "redis_url")}
    settings = Settings.load(home=home, **{name: value for name, value in given.items() if value})
    started = embedded.ensure(settings)
    if "postgres" in started.embedded:
        _hurry(started.admin_database_url)
    yield started
    embedded.erase(settings)


def _hurry(admin_url: str) -> None:
    """Flush nothing to disk: what outlives a killed server is in the kernel's hands, and no test cuts the power.

    Else each DROP DATABASE waits until the thousands of files of its tenants' graphs are on the disk. Servers that a
    test starts by itself, to kill them, keep the product's own settings.
    """
    for setting in ("fsync", "full_page_writes"):
        _run(admin_url, "ALTER SYSTEM SET {} = off", setting)
    # The log is in memory too.
    _run(admin_url, "ALTER SYSTEM SET {} = '512MB'", "max_wal_size")
    _run(admin_url, "SELECT pg_reload_conf()")


def _database_of(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _run(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def drop_database(admin_url: str, name: str) -> None:
    """Drop a database of the tests and the readers that its tenants made: roles belong to the whole server."""
    with psycopg.connect(_database_of(admin_url, name)) as connection:
        readers = connection.execute("SELECT leo_reader(tenant_id) FROM tenant").fetchall()
    _run(admin_url, "DROP DATABASE {} WITH (FORCE)", name)
    for (reader,) in readers:
        _run(admin_url, "DROP ROLE IF EXISTS {}", reader)


@pytest.fixture(scope="session")
def template(servers: Servers) -> Iterator[str]:
    name = f"leo_test_{secrets.token_hex(4)}"
    _run(servers.admin_database_url, "CREATE DATABASE {}", name)
    set_up(_database_of(servers.admin_database_url, name), app_url=servers.database_url)
    yield name
    drop_database(servers.admin_database_url, name)


def clone_database(servers: Servers, template: str, name: str) -> None:
    """Make a database like `template`, which nobody may be using."""
    # Where nothing is flushed, copying files takes 30 ms, writing them to the log 160 ms.
    strategy = "FILE_COPY" if "postgres" in servers.embedded else "WAL_LOG"
    _run(servers.admin_database_url, f"CREATE DATABASE {{}} TEMPLATE {{}} STRATEGY {strategy}", name, template)
    # A clone keeps what roles may do inside the database, not what they may do with it.
    _run(servers.admin_database_url, "GRANT CREATE ON DATABASE {} TO leo_owner", name)
    _run(servers.admin_database_url, "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", name)


@pytest.fixture(scope="module")
def _clone(servers: Servers, template: str) -> Iterator[str]:
    name = f"{template}_{secrets.token_hex(3)}"
    clone_database(servers, template, name)
    yield name
    drop_database(servers.admin_database_url, name)


@pytest.fixture(scope="module")
def database_url(servers: Servers, _clone: str) -> str:
    """A fresh database as leo_app (or as your own login, which becomes leo_app)."""
    return _database_of(servers.database_url, _clone)


@pytest.fixture(scope="module")
def admin_url(servers: Servers, _clone: str) -> str:
    """The same database as a superuser."""
    return _database_of(servers.admin_database_url, _clone)


@pytest.fixture(scope="module")
async def redis_url(servers: Servers) -> str:
    """A Redis without any key of ours."""
    import redis.asyncio  # noqa: PLC0415 - the fast tests need none

    url = servers.redis_url
    if "redis" in servers.embedded:
        url = f"{url.rsplit('/', 1)[0]}/{next(_REDIS_DATABASES)}"
    client = redis.asyncio.Redis.from_url(url)
    async for key in client.scan_iter("*"):
        if key.startswith((b"leo:", b"arq:")):
            await client.delete(key)
    await client.aclose()
    return url


@pytest.fixture(scope="module")
def settings(home: Path, servers: Servers, database_url: str, admin_url: str, redis_url: str) -> Settings:
    return Settings.load(
        home=home,
        database_url=database_url,
        admin_database_url=admin_url,
        redis_url=redis_url,
        platform_key=servers.secrets.platform_key,
        webhook_secret=servers.secrets.webhook_secret,
        credential_key=servers.secrets.credential_key,
        # Providers of the tests are servers on loopback.
        allowed_hosts="127.0.0.1",
        # The suite is wrong on purpose more often than anybody may be.
        rate_refused=0,
    )


@pytest.fixture(scope="module")
async def db(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url, settings) as opened:
        yield opened


async def new_tenant(db: Database, *, prefix: str, name: str) -> Tenant:
    """Make a tenant with its graph, which takes 60 ms."""
    made = Tenant(uuid4(), f"{prefix}{secrets.token_hex(6)}")
    async with db.transaction(made.tenant_id) as connection:
        await connection.execute(
            "INSERT INTO tenant (tenant_id, slug, name) VALUES (%s, %s, %s)", (made.tenant_id, made.slug, name)
        )
    return made


@pytest.fixture
async def tenant(db: Database) -> Tenant:
    """A tenant of this test alone, with its graph."""
    return await new_tenant(db, prefix="t", name="Test")


@pytest.fixture
async def other_tenant(db: Database) -> Tenant:
    """Another tenant in the same database: what it owns must never be seen."""
    return await new_tenant(db, prefix="o", name="Other")


@pytest.fixture(scope="module")
async def module_tenant(db: Database) -> Tenant:
    """A tenant of all tests of a module that change nothing of it: they read, are refused, or undo what they do."""
    return await new_tenant(db, prefix="m", name="Module")


@pytest.fixture(scope="module")
async def other_module_tenant(db: Database) -> Tenant:
    """Another one, as `other_tenant` is to `tenant`."""
    return await new_tenant(db, prefix="n", name="Other")
