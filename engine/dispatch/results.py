"""Results: what an attempt's receipt means for its message; as many as there are at once are written together."""

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from channels.contract import Receipt, ReceiptClass, ReceiptStatus
from engine.db import Database, Transaction
from engine.dispatch.claim import LEASE, Claimed
from engine.dispatch.gates import tell
from engine.dispatch.leases import LOOK_AGAIN
from engine.dispatch.watch import heard_in
from engine.queries import queries
from engine.text import storable, storable_deep
from rules.circuit import Heard
from rules.errors import LeoError, Unavailable
from rules.retry import MOST_ATTEMPTS, next_attempt
from rules.words import DeliveryStatus

# What affects every message of the channel does not count against this one.
OF_THE_CHANNEL = frozenset({ReceiptClass.RATE_LIMITED, ReceiptClass.TOKEN_EXPIRED, ReceiptClass.PERMISSION_DENIED})
# A channel that cannot be used (a credential that cannot be opened) is tried again after this long.
HOLD = timedelta(seconds=60)
# While the database is away, results are kept for as long as others respect our lease.
KEEP_TRYING_S = LEASE.total_seconds()
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
RELEASED = "released"
STOPPED = "The worker was asked to stop before it called the provider."
ENDED = "Its campaign or run was paused or ended before the provider was called."
LEASE_ENDS = "The lease ends before the provider would have to answer: earlier calls of the claim were slow."
HELD_BACK = "The channel must not be called now."
ASLEEP = "It is night where the person is, or no hour at which the channel is sent to: it waits for the next one."
TOO_LATE = "too_late"
DETAIL_LIMIT, CODE_LIMIT = 500, 100
# Messages are found by it through an index, whose entries have at most 2,704 bytes.
PROVIDER_ID_LIMIT = 512

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """One finished attempt: what the message becomes, and when it is due again, if it is.

    `is_setback` counts against the message; `is_pinned`: it may have reached its provider, which drops duplicates.
    `heard` is what the answer says about the provider.
    """

    claimed: Claimed
    status: DeliveryStatus
    receipt: str
    code: str
    klass: str
    detail: str
    due_at: datetime | None = None
    provider_id: str | None = None
    raw: Any = None
    is_setback: bool = False
    is_pinned: bool = False
    heard: Heard | None = None

    def to_row(self) -> dict[str, Any]:
        row = {
            "delivery_id": self.claimed.delivery_id,
            "number": self.claimed.attempt,
            "status": self.status,
            "receipt": self.receipt,
            "provider_id": self.provider_id,
            "code": self.code,
            "class": self.klass,
            "detail": storable(self.detail)[:DETAIL_LIMIT],
            "response": self.raw,
            "setback": int(self.is_setback),
            "pinned": self.is_pinned,
        }
        return row if self.due_at is None else row | {"due_at": self.due_at.isoformat()}


def of_receipt(claimed: Claimed, receipt: Receipt, *, deduplicates: bool, now: datetime, jitter: float) -> Ended:
    """Say what a receipt means; `jitter` is in [0, 1).

    An uncertain message is sent again only if the provider drops duplicates or the campaign asks for it.
    """
    receipt = _storable(receipt)
    # One provider may refuse our sender although another does not; setbacks make sure that this ends.
    is_denied = (
        receipt.klass is ReceiptClass.PERMISSION_DENIED
        and receipt.status is ReceiptStatus.REJECTED
        and claimed.has_stand_in
        and claimed.setbacks + 1 < MOST_ATTEMPTS
    )
    status, due_at = DeliveryStatus.UNCERTAIN, None
    if receipt.status is ReceiptStatus.ACCEPTED:
        status = DeliveryStatus.SENT
    elif receipt.status is ReceiptStatus.REJECTED and not is_denied:
        status = DeliveryStatus.FAILED
    elif is_denied or receipt.status is ReceiptStatus.RETRY or deduplicates or claimed.resend:
        status, due_at = _again(claimed, receipt, now=now, jitter=jitter)
    is_again = status is DeliveryStatus.QUEUED
    return Ended(
        claimed,
        status,
        receipt.status,
        receipt.code,
        receipt.klass,
        receipt.detail,
        due_at=due_at,
        provider_id=receipt.provider_id,
        raw=receipt.raw,
        is_setback=is_denied or (status is not DeliveryStatus.SENT and receipt.klass not in OF_THE_CHANNEL),
        is_pinned=is_again and receipt.status is ReceiptStatus.UNCERTAIN and not claimed.resend,
        heard=heard_in(receipt),
    )


def _storable(receipt: Receipt) -> Receipt:
    """Make a receipt storable, whatever the provider wrote, because results are written in groups.

    A NUL in one of them would lose the others of its group, which would then count as lost although they arrived.
    """
    wait_s, number = receipt.retry_after, receipt.provider_id
    return replace(
        receipt,
        code=storable(receipt.code)[:CODE_LIMIT],
        detail=storable(receipt.detail)[:DETAIL_LIMIT],
        provider_id=None if number is None else storable(number)[:PROVIDER_ID_LIMIT],
        retry_after=wait_s if wait_s is not None and math.isfinite(wait_s) and wait_s >= 0 else None,
        raw=storable_deep(receipt.raw),
    )


def _again(
    claimed: Claimed, receipt: Receipt, *, now: datetime, jitter: float
) -> tuple[DeliveryStatus, datetime | None]:
    if receipt.klass in OF_THE_CHANNEL and receipt.retry_after is None:
        # Its gate says when; it waits there with the others.
        later = now + LOOK_AGAIN
        return DeliveryStatus.QUEUED, later if claimed.expires_at is None else min(later, claimed.expires_at)
    attempt = 1 if receipt.klass in OF_THE_CHANNEL else claimed.setbacks + 1
    at = next_attempt(attempt, now, jitter=jitter, retry_after=receipt.retry_after, expires_at=claimed.expires_at)
    if at is not None:
        return DeliveryStatus.QUEUED, at
    if attempt < MOST_ATTEMPTS and claimed.expires_at is not None:
        return DeliveryStatus.QUEUED, claimed.expires_at  # it would expire before it could be tried again
    return (DeliveryStatus.UNCERTAIN if receipt.status is ReceiptStatus.UNCERTAIN else DeliveryStatus.DEAD), None


def refused(claimed: Claimed, error: LeoError, *, klass: str = ReceiptClass.BAD_REQUEST) -> Ended:
    """A message that could not be rendered: it never left."""
    return Ended(claimed, DeliveryStatus.FAILED, ReceiptStatus.REJECTED, error.code, klass, str(error))


def held(claimed: Claimed, error: LeoError, *, now: datetime) -> Ended:
    """A message whose channel cannot be used: nothing is wrong with the message, so it waits."""
    klass = ReceiptClass.PERMISSION_DENIED
    return Ended(claimed, DeliveryStatus.QUEUED, RELEASED, error.code, klass, str(error), due_at=now + HOLD)


def released(claimed: Claimed, *, due_at: datetime, why: str = STOPPED) -> Ended:
    """A message that its worker gives back untouched."""
    return Ended(claimed, DeliveryStatus.QUEUED, RELEASED, RELEASED, ReceiptClass.UNKNOWN, why, due_at=due_at)


def too_late(claimed: Claimed) -> Ended:
    """A message that expired while we held it, before its provider was called."""
    why = f"It was good until {claimed.expires_at}, and the provider had not been called by then."
    return Ended(claimed, DeliveryStatus.EXPIRED, RELEASED, TOO_LATE, ReceiptClass.UNKNOWN, why)


def interrupted(code: str, detail: str) -> Receipt:
    """A call that was abandoned while it ran: nobody knows whether the message arrived."""
    return Receipt(
        status=ReceiptStatus.UNCERTAIN, klass=ReceiptClass.UNKNOWN, code=code, detail=detail, raw={"cause": code}
    )


async def _fall_back(conn: Transaction, failed: Sequence[int], *, now: datetime) -> None:
    """Let another channel take over messages that failed for good or came back, if their policy says so."""
    if failed:
        await conn.execute(queries("dispatch")["fall_back"], {"delivery_ids": failed, "now": now})


async def write(
    db: Database,
    *,
    tenant_id: UUID,
    ended: Sequence[Ended],
    heard: Mapping[int, Sequence[Heard]],
    owner: str,
    now: datetime,
) -> set[int]:
    """Write results, and what channels answered, in one transaction, repeatedly while the database is away.

    A commit may have succeeded although nobody heard of it; writing the same again changes nothing.

    Gives the runs among them that were paused or have ended meanwhile. Raises Unavailable in the end.
    """
    rows = Jsonb([one.to_row() for one in ended])
    pause_s, waited_s = FIRST_PAUSE_S, 0.0
    while True:
        try:
            async with db.transaction(tenant_id) as conn:
                parameters = {"rows": rows, "owner": owner, "now": now}
                told = await (await conn.execute(queries("dispatch")["results"], parameters)).fetchall()
                await tell(conn, heard, now=now)
                failed = [row["failed"] for row in told if row["failed"] is not None]
                await _fall_back(conn, failed, now=now)
        except Unavailable as error:
            if waited_s >= KEEP_TRYING_S:
                raise
            log.warning("results wait for the database", extra={"messages": len(ended), "error": str(error)})
            await asyncio.sleep(pause_s)
            waited_s += pause_s
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        else:
            return {row["run_id"] for row in told if row["run_id"] is not None}
