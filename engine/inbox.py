"""The inbox on a tenant's web site: messages kept until their visitor has seen them, and what the visitor does."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from psycopg.types.json import Jsonb

from channels import facts, signature
from channels.contract import Incoming
from engine.db import Database, Transaction
from engine.outcomes import Recorded, record_outcomes
from engine.queries import queries
from engine.streams import Stream
from engine.visitors import Inbox, Visitor
from rules.errors import Conflict, NotFound
from rules.words import Channel, OutcomeType

FACTS = facts.load("chat")
# A message that nobody looked at for a quarter of a year is no longer news.
KEPT = timedelta(days=90)
SILENT_S = float(FACTS.limit("heartbeat_s"))
LONGEST = timedelta(hours=1)
"""A stream ends after this, so that erasing a person or changing a key takes effect; browsers reconnect."""
SIGNED_FOR_S = 300.0

_SQL = queries("inbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message as the channel's adapter posts it; `event_id` is the delivery's 64 hex digits."""

    event_id: str
    address: str
    text: str
    subject: str | None = None
    link: str | None = None
    buttons: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a message is stored; `duplicate`: it was there before."""

    message_id: int
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as its visitor sees it."""

    message_id: int
    subject: str | None
    text: str
    link: str | None
    buttons: Sequence[Mapping[str, str]] = ()
    created_at: datetime


def check(inbox: Inbox, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
    """Raise SignatureInvalid unless the channel's own adapter posted the body a moment ago."""
    signature.verify(inbox.key, headers, body, now=now.timestamp(), max_age_s=SIGNED_FOR_S)


async def put(conn: Transaction, inbox: Inbox, posted: Posted, *, now: datetime) -> Kept:
    """Store a message, once per event id.

    Raises Conflict for a person who was erased, or another channel's event id.
    """
    await conn.execute(_SQL["turn"], {"channel_id": str(inbox.channel_id), "address": posted.address})
    values = {
        "channel_id": inbox.channel_id,
        "address": posted.address,
        "event_id": bytes.fromhex(posted.event_id),
        "subject": posted.subject,
        "body": posted.text,
        "link": posted.link,
        "buttons": Jsonb(list(posted.buttons)),
        "now": now,
    }
    row = await (await conn.execute(_SQL["put"], values)).fetchone()
    if row is None:
        raise Conflict("This message has nobody to be shown to any more.", remedy="Leave it: the person was erased.")
    return Kept(row["message_id"], row["duplicate"])


async def follow(
    db: Database, visitor: Visitor, stream: Stream, *, after: int = 0, silent_s: float = SILENT_S
) -> AsyncIterator[Letter | None]:
    """Give what the visitor has not seen, then each new message; None if nothing happened for a while.

    `after` above 0 resumes a stream: all messages beyond it, seen or not. It ends with the token, or after an hour. It
    looks when the stream is woken, and now and then by itself; no transaction is open between two looks.
    """
    until = min(visitor.expires_at, datetime.now(UTC) + LONGEST)
    resumed, spoke_at = after > 0, monotonic()
    while datetime.now(UTC) < until:
        async with stream.look(), db.transaction(visitor.tenant_id, read_only=True) as conn:
            found = await _letters(conn, visitor, after=after, resumed=resumed)
        for letter in found:
            yield letter
            after, spoke_at = letter.message_id, monotonic()
        look_at = 0.0 if found else monotonic() + stream.look_s
        while (now := monotonic()) < look_at and (left_s := (until - datetime.now(UTC)).total_seconds()) > 0:
            if now >= spoke_at + silent_s:
                yield None
                spoke_at = now
            if await stream.wait(min(look_at, spoke_at + silent_s, now + left_s) - now):
                break


async def read(conn: Transaction, visitor: Visitor, *, up_to: int, now: datetime) -> int:
    """Mark everything up to a message as seen; give how many were unseen before. Each of those is an outcome."""
    values = {"channel_id": visitor.channel_id, "address": visitor.address, "up_to": up_to, "now": now}
    rows = await (await conn.execute(_SQL["read"], values)).fetchall()
    told = [
        Incoming(
            provider_id="inbox",
            type=OutcomeType.READ,
            at=now,
            delivery_ref=row["event_id"],
            address=None,
            raw={"source": "inbox"},
        )
        for row in rows
    ]
    await record_outcomes(conn, tenant_id=visitor.tenant_id, channel_id=visitor.channel_id, incoming=told)
    return len(told)


async def reply(conn: Transaction, visitor: Visitor, *, reply_id: str, text: str, now: datetime) -> Recorded:
    """Store what a visitor wrote, once per `reply_id`: an outcome of the newest message, and the event chat.message.

    Raises NotFound if nobody has the address any more.
    """
    # An id that another visitor happens to use too is a different id.
    told_as = hashlib.sha256(f"{visitor.address}\0{reply_id}".encode()).hexdigest()
    told = Incoming(
        provider_id=f"reply:{told_as[:32]}",
        type=OutcomeType.REPLIED,
        at=now,
        delivery_ref=None,
        address=visitor.address,
        raw={"text": text},
        event="message",
    )
    recorded = await record_outcomes(
        conn, tenant_id=visitor.tenant_id, channel_id=visitor.channel_id, incoming=[told], channel=Channel.CHAT
    )
    if recorded.unknown:
        raise NotFound("Nobody here has this address any more.", remedy="Ask the web site for a new token.")
    return recorded


async def forget(conn: Transaction, *, before: datetime) -> None:
    """Remove what came before this moment, seen or not."""
    await conn.execute(_SQL["forget"], {"before": before})


async def _letters(conn: Transaction, visitor: Visitor, *, after: int, resumed: bool) -> list[Letter]:
    values = {"channel_id": visitor.channel_id, "address": visitor.address, "after": after, "resumed": resumed}
    return [Letter(**row) for row in await (await conn.execute(_SQL["after"], values)).fetchall()]
