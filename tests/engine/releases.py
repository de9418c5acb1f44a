"""Databases as earlier releases left them: `released/<version>.schema.sql.gz`, and rows of a demo played on it.

The rows are `pg_dump --data-only --schema=public` of `leo demo --people 60` under that release, without what the schema
fills by itself. A release adds its two files before the next version begins.
"""

import gzip
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg import sql

from engine.bootstrap import bootstrap
from tests.engine.acting import acting

FOLDER = Path(__file__).with_name("released")
VERSIONS = sorted(int(path.name.partition(".")[0]) for path in FOLDER.glob("*.schema.sql.gz"))
_COPY = re.compile(r"^(COPY public\.(\w+) \(([^)]*)\) FROM stdin);\n(.*?)\\\.$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Released:
    """A database of schema `version` with one tenant's data; `columns` are those of that version, by table."""

    version: int
    url: str
    tenant_id: UUID
    columns: dict[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.removeprefix("/")

    def beside(self, url: str) -> str:
        """Give the URL of this database with the login of `url`."""
        return urlsplit(url)._replace(path=f"/{self.name}").geturl()

    def content(self, admin_url: str) -> dict[str, list[Any]]:
        """Give every row of every table, in the columns that this version had."""
        with acting(admin_url, "superuser") as connection:
            return {table: connection.execute(_rows(table, names)).fetchall() for table, names in self.columns.items()}


def _rows(table: str, names: tuple[str, ...]) -> sql.Composed:
    columns = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names)
    return sql.SQL("SELECT {0} FROM {1} ORDER BY {0}").format(columns, sql.Identifier(table))


def read(version: int, part: str) -> str:
    return gzip.decompress((FOLDER / f"{version}.{part}.sql.gz").read_bytes()).decode()


@contextmanager
def database(admin_url: str) -> Iterator[str]:
    """An empty database beside the one of `admin_url`, with extensions and roles; dropped at the end."""
    name = f"leo_test_released_{secrets.token_hex(4)}"
    made = urlsplit(admin_url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    bootstrap(made)
    yield made


def fill(url: str, version: int) -> Released:
    """Make the schema of `version` by its owner and copy its rows; that version's own mirror draws the graph."""
    with acting(url, "leo_owner") as connection:
        connection.execute(read(version, "schema").encode())
    parts = _COPY.findall(read(version, "rows"))
    columns = {table: tuple(name.strip().strip('"') for name in names.split(",")) for _, table, names, _ in parts}
    with acting(url, "replica") as connection:
        for statement, _, _, rows in parts:
            with connection.cursor().copy(statement) as copy:
                copy.write(rows)
        connection.execute("SELECT setval('leo_id', 1000000)")
        found = connection.execute("SELECT tenant_id FROM tenant").fetchone()
    assert found is not None
    return Released(version, url, found[0], columns)
