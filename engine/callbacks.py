"""Callbacks as they were posted: each is stored once before any of it is read, so that it can be read again.

A callback about a message that is not there yet (the provider was faster than our own log) is read again automatically,
and any of them on request: what is already known is not stored twice.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.types.json import Jsonb

from channels.callbacks.mail import MEDIA_TYPE
from channels.contract import Adapter, Incoming
from engine.db import Transaction
from engine.dispatch.adapters import Adapters
from engine.outcomes import Recorded, record_outcomes
from engine.queries import queries
from rules.errors import InvalidInput, LeoError, NotFound

# The headers that reading a body may depend on. Of a provider's other own headers only the names are kept, because they
# tell which of its callbacks it is; no signature and no token is kept.
KEPT_HEADERS = ("content-type", "x-zevent-server")
MOST_HEADERS = 50
# After 15 s, 1 min, 4 min, ... and 17 h, a callback about an unknown message is given up.
AGAIN_AFTER = timedelta(seconds=15)
MOST_READINGS = 8
# They contain what people wrote, and a month is enough to find a mistake in.
KEPT = timedelta(days=30)
ERROR_LIMIT = 500
# What PostgreSQL says about a body that it cannot store: an invalid value, one too large for its column, a key too long
# for an index. A broken reference is not among them: its row was removed meanwhile, and the provider should repeat the
# callback.
_UNHELD = (psycopg.DataError, errors.CheckViolation, errors.NotNullViolation, errors.ProgramLimitExceeded)

_SQL = queries("callbacks")
log = logging.getLogger(__name__)


class Status(StrEnum):
    """What became of a callback."""

    READ = "read"
    """Everything in it that we have a word for is stored."""
    UNKNOWN = "unknown"
    """Some of it is about a message or a person that is not here (yet)."""
    UNREADABLE = "unreadable"
    """It was signed, but does not look like the provider's callbacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One callback; `told` is how often it was posted, `readings` how often it was read. `body` is empty in lists."""

    callback_id: int
    channel_id: int
    status: Status
    told: int
    readings: int
    new: int
    duplicate: int
    unknown: int
    error: str | None
    received_at: datetime
    due_at: datetime | None
    body: bytes = b""
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading a callback once."""

    status: Status
    recorded: Recorded
    error: str | None = None


async def keep(
    conn: Transaction,
    adapter: Adapter,
    *,
    tenant_id: UUID,
    channel_id: int,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> Reading:
    """Store a verified callback and read it; a repeated one is not read again if everything in it is known."""
    kept_headers = _kept(headers)
    values = {
        "channel_id": channel_id,
        "body_hash": hashlib.sha256(body).digest(),
        "body": body,
        "headers": Jsonb(kept_headers),
        "now": now,
    }
    kept = await (await conn.execute(_SQL["keep"], values)).fetchone()
    if kept is None:
        raise NotFound("The channel of this webhook is gone.", remedy="Connect it again.")
    if kept["told"] > 1 and kept["status"] == Status.READ:
        return Reading(Status.READ, Recorded(duplicate=kept["new"] + kept["duplicate"]))
    return await _read(
        conn, adapter, tenant_id=tenant_id, kept={**kept, "headers": kept_headers, "body": body}, now=now
    )


async def take_mail(
    conn: Transaction, adapters: Adapters, *, tenant_id: UUID, channel: str, body: bytes, now: datetime
) -> Reading:
    """Take a mail that came back for the channel with this name; whoever passes it on is trusted. Raises NotFound."""
    row = await (await conn.execute(_SQL["channel"], {"name": channel})).fetchone()
    if row is None:
        raise NotFound(f"There is no channel {channel!r}.", remedy="Give the name it was connected under.")
    channel_id = row["channel_id"]
    adapter = (await adapters.load(conn, tenant_id=tenant_id, channel_ids=[channel_id]))[channel_id]
    if isinstance(adapter, LeoError):
        raise adapter
    headers = {"content-type": MEDIA_TYPE}
    return await keep(conn, adapter, tenant_id=tenant_id, channel_id=channel_id, headers=headers, body=body, now=now)


async def replay(conn: Transaction, adapters: Adapters, *, tenant_id: UUID, callback_id: int, now: datetime) -> Reading:
    """Read a callback again; raises NotFound."""
    row = await (await conn.execute(_SQL["take"], {"callback_id": callback_id})).fetchone()
    if row is None:
        raise NotFound(f"There is no callback {callback_id}.", remedy="See which there are: leo callbacks list")
    if not row["body"]:
        raise NotFound(
            f"Callback {callback_id} was emptied when somebody it told of was erased.",
            remedy="What it said of others is kept as their outcomes.",
        )
    return await _again(conn, adapters, tenant_id=tenant_id, row=row, now=now)


async def replay_next(conn: Transaction, adapters: Adapters, *, tenant_id: UUID, now: datetime) -> Reading | None:
    """Read the callback that has been due the longest; None if none is due."""
    row = await (await conn.execute(_SQL["take_due"], {"now": now})).fetchone()
    return None if row is None else await _again(conn, adapters, tenant_id=tenant_id, row=row, now=now)


async def list_callbacks(
    conn: Transaction, *, status: Status | None = None, after: int = 0, limit: int = 100
) -> list[Callback]:
    """Give callbacks beyond the id `after`, without their bodies; of one status, if given."""
    values = {"status": status, "after": after, "limit": limit}
    return [_callback(row) for row in await (await conn.execute(_SQL["page"], values)).fetchall()]


async def get_callback(conn: Transaction, *, callback_id: int) -> Callback:
    """Give a callback with its body; raises NotFound."""
    row = await (await conn.execute(_SQL["get"], {"callback_id": callback_id})).fetchone()
    if row is None:
        raise NotFound(f"There is no callback {callback_id}.", remedy="See which there are: leo callbacks list")
    return _callback(row)


async def forget(conn: Transaction, *, before: datetime) -> None:
    """Remove the callbacks that came before an instant."""
    await conn.execute(_SQL["forget"], {"before": before})


async def _again(
    conn: Transaction, adapters: Adapters, *, tenant_id: UUID, row: Mapping[str, Any], now: datetime
) -> Reading:
    channel_id = row["channel_id"]
    adapter = (await adapters.load(conn, tenant_id=tenant_id, channel_ids=[channel_id]))[channel_id]
    kept = {**row, "body": bytes(row["body"])}
    if isinstance(adapter, LeoError):
        return await _settle(conn, kept, Reading(Status.UNREADABLE, Recorded(), str(adapter)), now=now)
    return await _read(conn, adapter, tenant_id=tenant_id, kept=kept, now=now)


async def _read(
    conn: Transaction, adapter: Adapter, *, tenant_id: UUID, kept: Mapping[str, Any], now: datetime
) -> Reading:
    incoming = _parsed(adapter, kept["headers"], kept["body"])
    if isinstance(incoming, str):
        return await _settle(conn, kept, Reading(Status.UNREADABLE, Recorded(), incoming), now=now)
    try:
        # A savepoint: what PostgreSQL cannot store costs the outcomes, but never the callback itself.
        async with conn.transaction():
            recorded = await record_outcomes(
                conn,
                tenant_id=tenant_id,
                channel_id=kept["channel_id"],
                incoming=incoming,
                channel=adapter.channel,
            )
    except InvalidInput as error:
        return await _settle(conn, kept, Reading(Status.UNREADABLE, Recorded(), str(error)), now=now)
    except _UNHELD as error:
        # Only its first sentence: the detail quotes the row, which is what somebody wrote.
        said = error.diag.message_primary or type(error).__name__
        return await _settle(conn, kept, Reading(Status.UNREADABLE, Recorded(), said), now=now)
    status = Status.UNKNOWN if recorded.unknown else Status.READ
    return await _settle(conn, kept, Reading(status, recorded), now=now)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    given = {name.lower(): value for name, value in headers.items()}
    known = {name: given[name] for name in KEPT_HEADERS if name in given}
    own = [name for name in given if name.startswith("x-") and name not in known]
    return {**dict.fromkeys(sorted(own)[:MOST_HEADERS], ""), **known}


def _parsed(adapter: Adapter, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming] | str:
    """Give what a body tells, or why it cannot be read."""
    try:
        return adapter.parse_webhook(headers, body)
    except InvalidInput as error:
        return str(error)
    except Exception as error:
        # An adapter may come from another package; its bug must not make the provider give up on our address.
        log.exception("a callback could not be read", extra={"channel": adapter.channel})
        return f"The adapter raised {type(error).__name__}."


async def _settle(conn: Transaction, kept: Mapping[str, Any], reading: Reading, *, now: datetime) -> Reading:
    readings = kept["readings"] + 1
    is_due_again = reading.status is Status.UNKNOWN and readings < MOST_READINGS
    recorded = reading.recorded
    values = {
        "callback_id": kept["callback_id"],
        "status": reading.status,
        "new": recorded.new,
        "duplicate": recorded.duplicate,
        "unknown": recorded.unknown,
        "error": None if reading.error is None else reading.error.replace("\0", "")[:ERROR_LIMIT],
        "due_at": now + AGAIN_AFTER * 4 ** (readings - 1) if is_due_again else None,
    }
    await conn.execute(_SQL["settle"], values)
    return reading


def _callback(row: Mapping[str, Any]) -> Callback:
    made = Callback(**{**row, "status": Status(row["status"])})
    return replace(made, body=bytes(made.body))
