"""A database for one run: created next to yours on the same server, dropped at the end, even after Ctrl-C or SIGTERM.

Roles belong to the whole server, so those that the run created are dropped too: the readers of its tenants, and LEO's
own if the server had none.
"""

import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from urllib.parse import urlsplit

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from engine.bootstrap import bootstrap, upgrade
from engine.failures import translate

PREFIX = "leo_bench_"
_ROLES = ("leo_app", "leo_owner", "leo_router")

_CREATE = "CREATE DATABASE {}"
_DROP = "DROP DATABASE IF EXISTS {} WITH (FORCE)"
_DROP_ROLE = "DROP ROLE IF EXISTS {}"
# Rights to settings belong to the server, and would stay when the database is dropped.
_SETTABLE = (
    "SELECT DISTINCT p.parname FROM pg_parameter_acl p CROSS JOIN aclexplode(p.paracl) a"
    " JOIN pg_roles r ON r.oid = a.grantee WHERE r.rolname = %s"
)
_REVOKE = "REVOKE ALL ON PARAMETER {} FROM {}"
_HAS_ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)"
_HAS_TENANTS = "SELECT to_regclass('public.tenant') IS NOT NULL"
_READERS = "SELECT leo_reader(tenant_id) FROM tenant"
# Dropping a database that was just written to waits for its last checkpoint.
_CONNECT_TIMEOUT_S = 5


@contextmanager
def database(admin_url: str) -> Iterator[str]:
    """Create a database with LEO's schema and give its URL as the same superuser.

    Raises Misconfigured if the login may not create one.
    """
    name = f"{PREFIX}{secrets.token_hex(6)}"
    url = urlsplit(admin_url)._replace(path=f"/{name}").geturl()
    with _ended_by_sigterm():
        with _administrator(admin_url) as connection:
            known = {role for (role,) in connection.execute(_HAS_ROLES, (list(_ROLES),)).fetchall()}
        try:
            with _administrator(admin_url) as connection:
                connection.execute(sql.SQL(_CREATE).format(sql.Identifier(name)))
            bootstrap(url)
            upgrade(url)
            yield url
        finally:
            with _undisturbed():
                _drop(admin_url, name, url, own_roles=[role for role in _ROLES if role not in known])


def _drop(admin_url: str, name: str, url: str, *, own_roles: list[str]) -> None:
    readers = _readers(url)
    with _administrator(admin_url) as connection:
        connection.execute(sql.SQL(_DROP).format(sql.Identifier(name)))
        for role in (*readers, *own_roles):
            for (parameter,) in connection.execute(_SETTABLE, (role,)).fetchall():
                connection.execute(sql.SQL(_REVOKE).format(sql.Identifier(parameter), sql.Identifier(role)))
            connection.execute(sql.SQL(_DROP_ROLE).format(sql.Identifier(role)))


def _readers(url: str) -> list[str]:
    try:
        with psycopg.connect(url, connect_timeout=_CONNECT_TIMEOUT_S) as connection:
            found = connection.execute(_HAS_TENANTS).fetchone()
            return [reader for (reader,) in connection.execute(_READERS).fetchall()] if found and found[0] else []
    except psycopg.OperationalError:
        return []  # the database was never made


@contextmanager
def _administrator(url: str) -> Iterator[Connection[TupleRow]]:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S) as connection:
            yield connection
    except psycopg.Error as error:
        raise translate(error, url=url) from error


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        del frame
        sys.exit(128 + number)

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _undisturbed() -> Iterator[None]:
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
