"""Connections to PostgreSQL: a pool, and one transaction per request or job step.

A transaction belongs to one tenant: `leo.tenant` is set for it alone (`set_config(..., true)`), which also suits a
pooler in transaction mode. Without a tenant no row is visible.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import orjson
import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from engine import tracing
from engine.failures import translate, where
from engine.idle import Idle, Session
from engine.priority import step_back
from engine.settings import Settings
from rules.errors import Misconfigured, Unavailable

Transaction = AsyncConnection[DictRow]

APP_ROLE = "leo_app"
OLDEST_SERVER = 160000
# A client that hangs inside a transaction holds its locks no longer than this.
IDLE_IN_TRANSACTION_MS = 300_000
# The rows of a batch of 500 decisions are 3 MB and are read three times; with its default of 4 MB PostgreSQL would
# write them to disk in between.
WORK_MEM = "16MB"
# Statements about one person take longer to plan than to run, and their plans do not depend on a value.
_PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan"}
# The tenant of what belongs to no tenant yet, such as creating one.
PLATFORM = UUID(int=0)

# For a session that serves one query of a user. It notices within a second that its client is gone; it gets one worker
# and one sort of 16 MB at a time, so that what a user asks does not slow campaigns down.
_READER_SETTINGS = {
    "search_path": "ag_catalog",
    "default_transaction_read_only": "on",
    "client_connection_check_interval": "1000",
    "max_parallel_workers_per_gather": "0",
    "work_mem": "16MB",
    "hash_mem_multiplier": "1",
    "jit": "off",
}

_SET_TENANT = "SELECT set_config('leo.tenant', %s, true)"
# Behind a pooler each transaction may run in another session, which keeps none of our settings. So everything is set
# per transaction, AGE's library is loaded by using a value of its type, and nothing is prepared.
_SET_ALL = "SELECT set_config(key, value, true), '0'::ag_catalog.agtype FROM jsonb_each_text(%s)"
_SET_TRACE = "SELECT set_config('leo.traceparent', %s, true)"
_READ_ONLY = "SET TRANSACTION READ ONLY"
_BEGIN_READING = "BEGIN READ ONLY"
_UNHURRIED = "SET LOCAL synchronous_commit = off"
# Any value of AGE's type loads its library into the session, whoever logs in and whatever the role preloads.
_LOAD_AGE = "SELECT '0'::ag_catalog.agtype"
_LONG_NUMBER = re.compile(rb"\d{16}")
_TIMEOUT = "SELECT setting::bigint AS ms FROM pg_settings WHERE name = 'statement_timeout'"
_HAS_SCHEMA = "SELECT to_regclass('public.schema_migration') IS NOT NULL AS applied"


@dataclass(frozen=True, slots=True)
class Usage:
    """A pool's connections, and how many callers wait for one."""

    idle: int
    used: int
    waiting: int


class Database:
    """A pool of connections as `leo_app`. Open it with `async with Database.open(url, settings) as db`."""

    def __init__(self, url: str, settings: Settings, *, is_planned_once: bool = False, nice: int = 0) -> None:
        self._url = url
        self._nice = nice
        self._timeout_s = settings.database_connect_timeout_s
        # Where reads that may be late go, while possible (engine/replica.py).
        self.replica: Database | None = None
        # Reader sessions; behind a pooler it is the pooler that keeps them.
        self.idle = Idle()
        self._is_pooled = settings.database_pooler == "transaction"
        self._settings = session_settings(url, settings)
        more = _PLANNED_ONCE if is_planned_once else {}
        self._conninfo = app_conninfo(url, settings, {} if self._is_pooled else self._settings | more)
        self._pool: AsyncConnectionPool[Transaction] = AsyncConnectionPool(
            self._conninfo,
            connection_class=AsyncConnection[DictRow],
            kwargs={"row_factory": dict_row} | ({"prepare_threshold": None} if self._is_pooled else {}),
            min_size=settings.database_pool_min,
            max_size=max(settings.database_pool_max, settings.database_pool_min),
            configure=self._configure,
            timeout=settings.database_connect_timeout_s,
            open=False,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, settings: Settings, *, is_planned_once: bool = False, nice: int = 0
    ) -> AsyncIterator[Self]:
        """Connect, check server and schema, and close at the end.

        `is_planned_once`: for a process whose statements are each about a few people. `nice`: how far its sessions step
        back for others if the server runs on this host. Raises Unavailable if the server cannot be reached,
        Misconfigured if it is too old or not set up.
        """
        db = cls(url, settings, is_planned_once=is_planned_once, nice=nice)
        await db._check()
        await db._pool.open()
        try:
            yield db
        finally:
            db.idle.close()
            await db._pool.close()

    @asynccontextmanager
    async def transaction(
        self, tenant_id: UUID, *, read_only: bool = False, is_repeatable: bool = False
    ) -> AsyncIterator[Transaction]:
        """One transaction inside one tenant's border; it commits at the end and rolls back on any error.

        `is_repeatable`: the work can simply be done again, so its commit does not wait for the disk. If the server
        crashes within a second, the transaction may be undone as a whole; what the server commits later is never kept
        without it.
        """
        async with self._transaction(tenant_id, read_only=read_only) as connection:
            if is_repeatable:
                await connection.execute(_UNHURRIED)
            yield connection

    @asynccontextmanager
    async def before_tenant(self) -> AsyncIterator[Transaction]:
        """One transaction without a tenant: the router's functions answer, every table looks empty."""
        async with self._transaction(None, read_only=False) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, tenant_id: UUID | None, *, read_only: bool) -> AsyncIterator[Transaction]:
        try:
            async with self._pool.connection() as connection:
                if read_only:
                    await connection.execute(_READ_ONLY)
                await self._begin(connection, tenant_id)
                if traceparent := tracing.current():
                    await connection.execute(_SET_TRACE, (traceparent,))
                yield connection
        except PoolTimeout as error:
            raise Unavailable(
                f"No connection to the database at {where(self._url)} was free within {self._timeout_s:g} s.",
                remedy="See that it runs (leo doctor), or raise LEO_DATABASE_POOL_MAX.",
            ) from error
        except psycopg.Error as error:
            raise translate(error, url=self._url) from error

    @property
    def is_pooled(self) -> bool:
        """Whether a pooler stands in front of the server."""
        return self._is_pooled

    def usage(self) -> Usage:
        """Say how the pool is used now."""
        stats = self._pool.get_stats()
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        return Usage(idle=idle, used=size - idle, waiting=stats.get("requests_waiting", 0))

    async def _begin(self, connection: Transaction, tenant_id: UUID | None) -> None:
        tenant = {} if tenant_id is None else {"leo.tenant": str(tenant_id)}
        if self._is_pooled:
            await connection.execute(_SET_ALL, (Jsonb(self._settings | tenant),))
        elif tenant:
            await connection.execute(_SET_TENANT, (str(tenant_id),))

    async def reader(self, *, role: str, password: str, application: str, statement_ms: int) -> Session:
        """Connect as a tenant's reader: read-only, small, and gone soon after whoever asked. Raises psycopg's errors.

        Behind a pooler the connection is inside a transaction that has all these settings.
        """
        values = _READER_SETTINGS | {"statement_timeout": str(statement_ms)}
        conninfo = make_conninfo(
            self._url,
            user=role,
            password=password,
            connect_timeout=max(2, round(self._timeout_s)),
            application_name=application,
            **({} if self._is_pooled else {"options": _options(values)}),
        )
        connection = await AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
        try:
            if self._is_pooled:
                await connection.execute(_BEGIN_READING)
                await connection.execute(_SET_ALL, (Jsonb(values),))
            else:
                await connection.execute(_LOAD_AGE)
        except psycopg.Error:
            await connection.close()
            raise
        return connection

    async def _check(self) -> None:
        how: dict[str, Any] = {"row_factory": dict_row, "prepare_threshold": None}
        try:
            async with await AsyncConnection.connect(self._conninfo, **how) as connection:
                _check_server(connection.info.server_version)
                if not self._is_pooled:
                    await self._check_session(connection)
                applied = await (await connection.execute(_HAS_SCHEMA)).fetchone()
        except psycopg.Error as error:
            if "unsupported startup parameter" in str(error):
                raise _behind_a_pooler(self._url) from error
            raise translate(error, url=self._url) from error
        if applied is None or not applied["applied"]:
            raise Misconfigured(
                f"The database at {where(self._url)} has not LEO's schema.", remedy="Run: leo db upgrade"
            )

    async def _check_session(self, connection: AsyncConnection[DictRow]) -> None:
        """If a pooler was told to ignore our settings, every session would lack them."""
        row = await (await connection.execute(_TIMEOUT)).fetchone()
        if row is None or row["ms"] != int(self._settings["statement_timeout"]):
            raise _behind_a_pooler(self._url)

    async def _configure(self, connection: Transaction) -> None:
        await _load_age(connection)
        # Behind a pooler a session is shared by everybody.
        if self._nice and not self._is_pooled:
            step_back(connection, self._nice)


def _behind_a_pooler(url: str) -> Misconfigured:
    return Misconfigured(
        f"What answers at {where(url)} keeps no settings of a session: it is a pooler.",
        remedy="Set LEO_DATABASE_POOLER=transaction, or let LEO_DATABASE_URL name PostgreSQL itself.",
    )


async def _load_age(connection: Transaction) -> None:
    set_json_loads(_loads, connection)
    await connection.execute(_LOAD_AGE)
    await connection.commit()


def _loads(written: bytes | str) -> Any:
    """Read JSON with the fast parser (500 people: 9 ms, not 25), and long numbers, which it rounds, with json."""
    text = written.encode() if isinstance(written, str) else written
    return json.loads(text) if _LONG_NUMBER.search(text) else orjson.loads(text)


def _check_server(version: int) -> None:
    if version < OLDEST_SERVER:
        raise Misconfigured(
            f"The database server is PostgreSQL {version // 10000}.{version % 10000}.",
            remedy="LEO Activation needs PostgreSQL 16 or later.",
        )


def session_settings(url: str, settings: Settings) -> dict[str, str]:
    """Give the settings that hold while we work: as leo_app, whoever logs in.

    Raises Misconfigured if the URL cannot be read.
    """
    statement_ms = round(settings.database_statement_timeout_s * 1000)
    values = {
        "search_path": "public,ag_catalog",
        "statement_timeout": str(statement_ms),
        "work_mem": WORK_MEM,
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
    }
    try:
        is_app = conninfo_to_dict(url).get("user") == APP_ROLE
    except psycopg.ProgrammingError as error:
        raise _unreadable() from error
    return values if is_app else values | {"role": APP_ROLE}


# A dead connection is noticed after a minute; by default TCP waits for two hours.
_NOTICED = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}


def app_conninfo(url: str, settings: Settings, session: Mapping[str, str] | None = None) -> str:
    """Give the connection string of a process, with time limits; `session`, else all our settings, is set at its start.

    Raises Misconfigured if the URL cannot be read.
    """
    session = session_settings(url, settings) if session is None else session
    try:
        given = conninfo_to_dict(url)
        return make_conninfo(
            url,
            **{name: value for name, value in _NOTICED.items() if name not in given},
            connect_timeout=max(2, round(settings.database_connect_timeout_s)),
            application_name="leo",
            **({"options": _options(session)} if session else {}),
        )
    except psycopg.ProgrammingError as error:
        raise _unreadable() from error


def _options(session: Mapping[str, str]) -> str:
    return " ".join(f"-c {name}={value}" for name, value in session.items())


def _unreadable() -> Misconfigured:
    return Misconfigured(
        "LEO_DATABASE_URL cannot be read.", remedy="Write it as postgresql://user:password@host:port/database."
    )


@contextmanager
def admin(url: str) -> Iterator[Connection[tuple[Any, ...]]]:
    """One connection as the administrator, committed at the end; raises Unavailable or Misconfigured."""
    try:
        with psycopg.connect(url, connect_timeout=5, application_name="leo admin") as connection:
            _check_server(connection.info.server_version)
            yield connection
    except psycopg.Error as error:
        raise translate(error, url=url) from error
