"""The reader: the role that the explorer logs in as, one for each tenant, and its sessions.

It is a member of nothing and may read its tenant's graph alone, so a query that got past everything else finds nothing
of others. `SET ROLE` would not do: a query can undo that. A session serves one query that somebody wrote and ends:
nothing that it left, neither memory nor a setting, meets the next one. What we ask ourselves leaves nothing, and has a
session that stays.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import AsyncRawCursor
from psycopg.pq import TransactionStatus

from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.explorer.limits import Limits
from engine.idle import Opened, Session
from engine.queries import queries
from rules.errors import Conflict, Misconfigured, NotFound, Unavailable
from rules.faults import Fault

_SQL = queries("explorer")
# What PostgreSQL and PgBouncer say of a login they do not know.
_REFUSALS = (
    "password authentication failed",
    "is not permitted to log in",
    "does not exist",
    "SASL authentication failed",
    "no such user",
)
# Of a channel a sealed value names the id, which is never 0.
_NO_CHANNEL = 0
_NAME = "reader_password"
APPLICATION = "leo explorer"
# What a session is called while it waits; `leo_reader_make_room` ends those of this name.
WAITING = f"{APPLICATION} waiting"


@dataclass(frozen=True, slots=True)
class Login:
    """Who to log in as, and where to read."""

    tenant_id: UUID
    role: str
    graph: str
    password: str


@asynccontextmanager
async def session(
    db: Database, vault: Vault, *, tenant_id: UUID, query_id: int, limits: Limits
) -> AsyncIterator[Opened]:
    """Log in as the tenant's reader for one query; give the session and the graph's name.

    The reader is given a password where it has none, and another where the server does not take the one that is known
    (a database restored elsewhere, another LEO_CREDENTIAL_KEY). Raises Conflict where the tenant asks too much at once.
    """
    opened, _ = await _opened(db, vault, tenant_id, query_id, limits)
    try:
        yield opened
    finally:
        # Not `async with`: that would wait for a query that does not end.
        await asyncio.shield(_end(opened[0]))


@asynccontextmanager
async def own_session(
    db: Database, vault: Vault, *, tenant_id: UUID, query_id: int, limits: Limits
) -> AsyncIterator[Opened]:
    """Give a session for a statement of ours, to be asked with `read_own`: one that waits, else a new one.

    It waits again unless something went wrong. Nothing that somebody wrote may ever be run in it.
    """
    taken = _taken(db, tenant_id)
    opened, place = await _opened(db, vault, tenant_id, query_id, limits) if taken is None else taken
    is_whole = False
    try:
        yield opened
        is_whole = not place.is_pooled
    finally:
        if is_whole:
            place.idle.keep(tenant_id, opened)
        else:
            await asyncio.shield(_end(opened[0]))


def _taken(db: Database, tenant_id: UUID) -> tuple[Opened, Database] | None:
    for place in (db.replica, db):
        if place is not None and (opened := place.idle.take(tenant_id)) is not None:
            return opened, place
    return None


async def read_own(
    session: Session, query_id: int, statement: LiteralString, arguments: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Give the rows of a statement of ours, in one round trip.

    Meanwhile the session bears the query's name, so that it can be stopped from outside.
    """
    async with session.pipeline(), AsyncRawCursor(session) as cursor:
        await session.execute(_SQL["call"], {"name": f"{APPLICATION} {query_id}"})
        await cursor.execute(statement, arguments)
        await session.execute(_SQL["call"], {"name": WAITING})
        return await cursor.fetchall()


async def _opened(
    db: Database, vault: Vault, tenant_id: UUID, query_id: int, limits: Limits
) -> tuple[Opened, Database]:
    """Log in; give what was opened, and where."""
    login = await _login(db, vault, tenant_id)
    try:
        return await _connect_to_read(db, login, query_id, limits)
    except _Refused:
        login = await _renewed(db, vault, tenant_id, was=login.password)
        return await _connect(db, login, query_id, limits)


async def _end(connection: Session) -> None:
    # A pooler lends the session to another once its transaction is over, and drops one that is left within it.
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        with suppress(psycopg.Error):
            await connection.rollback()
    await connection.close()


class _Refused(Misconfigured):
    """The server does not take the password."""


class _Full(Conflict):
    """The reader has as many sessions as it may have."""


async def _connect_to_read(db: Database, login: Login, query_id: int, limits: Limits) -> tuple[Opened, Database]:
    """Connect to the replica while it is read from; where it does not let the reader in, to the primary."""
    if db.replica is not None:
        with suppress(Unavailable, _Refused):
            return await _connect(db.replica, login, query_id, limits)
    return await _connect(db, login, query_id, limits)


async def _connect(db: Database, login: Login, query_id: int, limits: Limits) -> tuple[Opened, Database]:
    try:
        session = await _connected(db, login, query_id, limits)
    except _Full:
        # Sessions that only wait, of any process, are ended first.
        async with db.transaction(login.tenant_id, read_only=True) as connection:
            row = await (await connection.execute(_SQL["make_room"])).fetchone()
        if row is None or not row["ended"]:
            raise
        session = await _connected(db, login, query_id, limits)
    return (session, login.graph), db


async def _connected(db: Database, login: Login, query_id: int, limits: Limits) -> Session:
    try:
        return await db.reader(
            role=login.role,
            password=login.password,
            application=f"{APPLICATION} {query_id}",
            statement_ms=round((limits.time_s + limits.grace_s) * 1000),
        )
    except psycopg.errors.AdminShutdown as error:
        raise _stopped() from error
    except psycopg.errors.TooManyConnections as error:
        raise _full() from error
    except psycopg.OperationalError as error:
        raise _not_connected(error) from error


def _stopped() -> Conflict:
    fault = Fault("query.stopped_before", "query")
    return Conflict(fault.say().en, remedy="Send it again.", fault=fault)


def _not_connected(error: psycopg.OperationalError) -> Exception:
    """Say why there is no session; a refusal at login has no code of its own in libpq's error, only its sentence."""
    said = str(error)
    # It was let in, and its session was ended before the server could say by whom.
    if said.startswith("consuming input failed"):
        return _stopped()
    if "too many connections for role" in said:
        return _full()
    if any(words in said for words in _REFUSALS):
        return _Refused(
            "The server does not let the tenant's reader log in.",
            remedy="Allow roles named leo_reader_* a password login from this host in pg_hba.conf.",
        )
    return Unavailable("The database does not let the explorer in.", remedy="Run: leo doctor")


def _full() -> _Full:
    fault = Fault("query.full")
    return _Full(fault.say().en, remedy="Wait for one to end, or stop it.", fault=fault)


async def _login(db: Database, vault: Vault, tenant_id: UUID) -> Login:
    async with db.transaction(tenant_id, read_only=True) as connection:
        password = await _stored(connection, vault, tenant_id)
        if password is not None:
            return await _known(connection, password)
    return await _renewed(db, vault, tenant_id, was=None)


async def _renewed(db: Database, vault: Vault, tenant_id: UUID, *, was: str | None) -> Login:
    """Give the reader another password, unless another process just did."""
    async with db.transaction(tenant_id) as connection:
        await connection.execute(_SQL["lock_credential"])
        password = await _stored(connection, vault, tenant_id)
        if password is None or password == was:
            password = secrets.token_urlsafe(32)
            await _give(connection, vault, tenant_id, password)
        return await _known(connection, password)


async def _give(connection: Transaction, vault: Vault, tenant_id: UUID, password: str) -> None:
    known = await _known(connection, password)
    # Hashed here (SCRAM), so that the password itself is in no server log.
    verifier = connection.pgconn.encrypt_password(password.encode(), known.role.encode(), b"scram-sha-256").decode()
    await connection.execute(_SQL["login"], {"verifier": verifier})
    sealed = vault.seal(password, tenant_id=tenant_id, channel_id=_NO_CHANNEL, name=_NAME)
    await connection.execute(_SQL["store_credential"], {"ciphertext": sealed.decode(), "key_name": vault.key_name})


async def _known(connection: Transaction, password: str) -> Login:
    row = await (await connection.execute(_SQL["reader"])).fetchone()
    if row is None:
        raise NotFound("There is no such tenant.", remedy="Run leo tenants list for those there are.")
    return Login(row["tenant_id"], row["role"], row["graph"], password)


async def _stored(connection: Transaction, vault: Vault, tenant_id: UUID) -> str | None:
    """Give the password that is kept; None where there is none, or where it was sealed with another key."""
    row = await (await connection.execute(_SQL["credential"])).fetchone()
    if row is None:
        return None
    try:
        return vault.open(bytes(row["ciphertext"]), tenant_id=tenant_id, channel_id=_NO_CHANNEL, name=_NAME)
    except Misconfigured:
        return None
