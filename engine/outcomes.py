"""Learn: what providers tell of messages becomes outcomes, each once, and counts from the next decision on.

A bounce closes the address, an unsubscription or complaint withdraws consent, and any answer to a message nobody was
sure of shows that it arrived.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from channels.contract import Incoming
from engine.addresses import clean
from engine.db import Transaction
from engine.queries import queries
from rules.words import Channel

_EVENT_ID = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many outcomes were new, told before, or about nobody of this tenant."""

    new: int = 0
    duplicate: int = 0
    unknown: int = 0


async def record_outcomes(
    conn: Transaction,
    *,
    tenant_id: UUID,
    channel_id: int | None,
    incoming: Sequence[Incoming],
    channel: Channel | None = None,
) -> Recorded:
    """Keep what was told; `channel_id` is the channel it came through, None where only our own event ids are named.

    `channel` is its kind: an address is then found however the provider spells it. Raises InvalidInput where
    a document cannot be stored.
    """
    if not incoming:
        return Recorded()
    rows = [_row(place, outcome, channel) for place, outcome in enumerate(incoming)]
    parameters = {"tenant_id": tenant_id, "channel_id": channel_id, "rows": Jsonb(rows)}
    row = await (await conn.execute(queries("outcomes")["record"], parameters)).fetchone()
    if row is None:
        return Recorded()
    return Recorded(row["new"], row["known"] - row["new"], row["given"] - row["known"])


def _row(place: int, outcome: Incoming, channel: Channel | None) -> dict[str, Any]:
    reference = outcome.delivery_ref
    address = outcome.address
    is_ours = reference is not None and _EVENT_ID.fullmatch(reference) is not None
    return {
        "place": place,
        "dedup_key": outcome.provider_id,
        "type": outcome.type,
        "at": outcome.at.isoformat(),
        "event_hex": reference if is_ours else None,
        "provider_id": None if is_ours else reference,
        "address": address if address is None or channel is None else clean(channel, address).value,
        "value": _value(outcome.raw),
        "raw": dict(outcome.raw),
    }


def _value(raw: Mapping[str, Any]) -> float | None:
    """Give what a purchase was worth, where it is said."""
    value = raw.get("value")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value is not None and abs(value) < float("inf") else None
