"""Dead letters: messages that failed, were given up, or may have arrived, for somebody to look at and settle."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.db import Transaction
from engine.queries import queries
from rules.errors import InvalidInput
from rules.words import Channel, DeliveryStatus

MOST_AT_ONCE = 500
DEAD_LETTERS = (DeliveryStatus.DEAD, DeliveryStatus.FAILED, DeliveryStatus.UNCERTAIN)

_SQL = queries("letters")


class Resolution(StrEnum):
    """How a message is settled: an uncertain one arrived or was lost, any other is closed."""

    ARRIVED = "arrived"
    LOST = "lost"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message that ended without arriving, as far as anybody knows; `through` names the last channel that had it."""

    delivery_id: int
    campaign_id: int
    campaign: str
    run_id: int
    profile_id: int
    ext_id: str
    channel: str
    through: str
    address: str
    status: DeliveryStatus
    attempts: int
    code: str | None
    klass: str | None
    detail: str | None
    event_id: str
    queued_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """How many dead letters there are of a kind."""

    status: DeliveryStatus
    channel: str
    klass: str | None
    messages: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The result for a named message: `refused` is one word for why nothing was done; None if it was."""

    delivery_id: int
    refused: str | None


async def list_letters(
    conn: Transaction,
    *,
    statuses: Sequence[DeliveryStatus] = DEAD_LETTERS,
    campaign_id: int | None = None,
    channel: Channel | None = None,
    klass: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Letter]:
    """Give dead letters that nobody has settled yet, in the order of their ids."""
    values = {
        "statuses": list(statuses),
        "campaign_id": campaign_id,
        "channel": channel,
        "klass": klass,
        "after": after,
        "limit": limit,
    }
    rows = await (await conn.execute(_SQL["letters"], values)).fetchall()
    return [Letter(**{**row, "status": DeliveryStatus(row["status"])}) for row in rows]


async def count_letters(conn: Transaction) -> list[Count]:
    """Count them by status, channel and class."""
    rows = await (await conn.execute(_SQL["counts"])).fetchall()
    return [Count(**{**row, "status": DeliveryStatus(row["status"])}) for row in rows]


async def redrive(
    conn: Transaction, *, delivery_ids: Sequence[int], now: datetime, may_double: bool = False
) -> list[Settled]:
    """Queue messages again, at once and with all their attempts, if they may still be sent.

    An uncertain one only with `may_double`. Consent, suppression and address count as they are now. Raises InvalidInput
    for too many at once.
    """
    values = {"delivery_ids": _bounded(delivery_ids), "now": now, "may_double": may_double}
    redrive_sql = _SQL["redrive"].replace("{refusal}", queries("dispatch")["refusal"])
    rows = await (await conn.execute(redrive_sql, values)).fetchall()
    return [Settled(row["delivery_id"], row["refused"]) for row in rows]


async def resolve(
    conn: Transaction,
    *,
    delivery_ids: Sequence[int],
    resolution: Resolution,
    by: str,
    note: str | None,
    now: datetime,
) -> list[Settled]:
    """Settle messages: an uncertain one arrived or was lost, a failed one is closed. Raises InvalidInput for too many.

    One that was lost is `failed` from then on: it can be queued again, and another channel takes over if the policy
    says so.
    """
    values = {
        "delivery_ids": _bounded(delivery_ids),
        "resolution": resolution,
        "by": by,
        "note": note,
        "now": now,
    }
    rows = await (await conn.execute(_SQL["resolve"], values)).fetchall()
    settled = [Settled(row["delivery_id"], row["refused"]) for row in rows]
    lost = [one.delivery_id for one in settled if one.refused is None] if resolution is Resolution.LOST else []
    if lost:
        await conn.execute(queries("dispatch")["fall_back"], {"delivery_ids": lost, "now": now})
    return settled


def _bounded(delivery_ids: Sequence[int]) -> list[int]:
    if not 0 < len(delivery_ids) <= MOST_AT_ONCE:
        raise InvalidInput(
            f"{len(delivery_ids)} messages cannot be settled at once.", remedy=f"Name 1 to {MOST_AT_ONCE}."
        )
    return sorted(set(delivery_ids))
