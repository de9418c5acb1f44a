"""A LEO of a page's own: a clone of one seeded database, and where the page calls the API, the processes as well."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql

from engine import embedded
from engine.embedded import Servers
from engine.processes import background, table
from engine.settings import Settings
from tests.conftest import clone_database
from tests.pages.context import Context, type_page
from tests.pages.quick import write_client
from tests.pages.reading import ROOT, Command
from tests.pages.shell import Shell

START_S = 120.0
# An empty database beside the site's, and the two variables that lead to it; it goes with the site.
NEW_DATABASE = """
export LEO_DATABASE_URL="${LEO_DATABASE_URL%_again}_again"
export LEO_ADMIN_DATABASE_URL="${LEO_ADMIN_DATABASE_URL%_again}_again"
python3 -c 'import os, psycopg
url = os.environ["LEO_ADMIN_DATABASE_URL"]
with psycopg.connect(url.removesuffix("_again"), autocommit=True) as server:
    if not server.execute("SELECT FROM pg_database WHERE datname = %s", [url.rsplit("/", 1)[1]]).fetchall():
        server.execute("CREATE DATABASE " + url.rsplit("/", 1)[1])'
"""


def in_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def rows(url: str, statement: str, *names: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        asked = sql.SQL(statement).format(*map(sql.Identifier, names)) if names else statement
        done = connection.execute(asked)
        return done.fetchall() if done.description else []


@dataclass(frozen=True, slots=True)
class Site:
    """One database, and what a process needs to reach it; `key` opens everything of the seeded tenant."""

    servers: Servers
    database: str
    environment: Mapping[str, str]
    home: Path
    key: str = ""

    def ask(self, statement: str) -> str:
        """Give the one value that a page's reader would have read from an answer."""
        found = rows(in_database(self.servers.admin_database_url, self.database), statement)
        assert len(found) == 1, f"{statement}: {found}"
        return str(found[0][0])

    def change(self, statement: str) -> None:
        rows(in_database(self.servers.admin_database_url, self.database), statement)


def environment(servers: Servers, database: str, redis_url: str, home: Path, path: Path) -> dict[str, str]:
    """What a reader has set: servers of his own, the command on the path, a terminal wide enough to read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEO_")}
    return kept | {
        "LEO_HOME": str(home),
        "LEO_DATABASE_URL": in_database(servers.database_url, database),
        "LEO_ADMIN_DATABASE_URL": in_database(servers.admin_database_url, database),
        "LEO_REDIS_URL": redis_url,
        "LEO_PLATFORM_KEY": servers.secrets.platform_key,
        "LEO_CREDENTIAL_KEY": servers.secrets.credential_key,
        "LEO_WEBHOOK_SECRET": servers.secrets.webhook_secret,
        "LEO_ALLOWED_HOSTS": "127.0.0.1",
        "PATH": f"{path}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "COLUMNS": "250",
    }


@contextmanager
def cloned(seeded: Site) -> Iterator[Site]:
    """A database like the seeded one; it goes with the readers that its own tenants made."""
    name = f"{seeded.database}_{secrets.token_hex(3)}"
    admin = seeded.servers.admin_database_url
    clone_database(seeded.servers, seeded.database, name)
    changed = {
        "LEO_DATABASE_URL": in_database(seeded.servers.database_url, name),
        "LEO_ADMIN_DATABASE_URL": in_database(admin, name),
    }
    try:
        yield replace(seeded, database=name, environment={**seeded.environment, **changed})
    finally:
        rows(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", f"{name}_again")
        drop(seeded.servers, name, but=readers(seeded))


def readers(site: Site) -> set[str]:
    url = in_database(site.servers.admin_database_url, site.database)
    return {reader for (reader,) in rows(url, "SELECT leo_reader(tenant_id) FROM tenant")}


def drop(servers: Servers, name: str, *, but: set[str]) -> None:
    """Drop a database and the roles of its tenants, which belong to the whole server."""
    url = in_database(servers.admin_database_url, name)
    made = {reader for (reader,) in rows(url, "SELECT leo_reader(tenant_id) FROM tenant")} - but
    rows(servers.admin_database_url, "DROP DATABASE {} WITH (FORCE)", name)
    for reader in made:
        rows(servers.admin_database_url, "DROP ROLE IF EXISTS {}", reader)


@contextmanager
def running(site: Site) -> Iterator[str]:
    """Sandbox, API and both workers on this site; gives the API's address."""
    settings = table.resolved(
        Settings.load(
            home=site.home,
            allowed_hosts="127.0.0.1",
            database_url=site.environment["LEO_DATABASE_URL"],
            redis_url=site.environment["LEO_REDIS_URL"],
            platform_key=site.servers.secrets.platform_key,
            webhook_secret=site.servers.secrets.webhook_secret,
            credential_key=site.servers.secrets.credential_key,
        )
    )
    try:
        for part in table.parts(settings, embedded.ensure(settings)):
            background.start(site.home, part)
        url = table.api_url(settings)
        until_up(url)
        yield url
    finally:
        background.stop_all(site.home)


def until_up(url: str) -> None:
    ends = time.monotonic() + START_S
    while True:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.HTTPError:
            assert time.monotonic() < ends, f"{url} does not answer"
        time.sleep(0.05)


@contextmanager
def quick_leo(directory: Path) -> Iterator[Path]:
    """A directory with a `leo` that starts at once; it goes first on the path."""
    directory.mkdir()
    meeting = directory / "s"
    write_client(directory, meeting)
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.pages.quick", str(meeting)],
        cwd=ROOT,
        env={**os.environ, "LANG": "C.UTF-8", "COLUMNS": "250"},
    )
    try:
        while not meeting.exists():
            assert process.poll() is None, "the quick leo ended"
            time.sleep(0.02)
        yield directory
    finally:
        process.kill()
        process.wait()


def type_on(site: Site, directory: Path, commands: Sequence[Command], context: Context, **given: str) -> list[str]:
    """Type a page on a site, in an empty directory with links to what a checkout has; `given` are variables."""
    directory.mkdir(parents=True)
    for name in ("docs", "deploy", "cypher", "k6"):
        (directory / name).symlink_to(ROOT / name)
    try:
        with Shell(directory, {**site.environment, **given}) as shell:
            return type_page(commands, context, shell, site.ask)
    finally:
        shutil.rmtree(directory)
