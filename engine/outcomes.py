"""Learn: what providers report about messages becomes outcomes, each once, and counts from the next decision on.

A bounce makes the address invalid and lets another channel take over its message; an unsubscription or complaint
withdraws consent; any reaction to an uncertain message shows that it arrived. What people do by themselves (follow,
write) is also an event: it opens the provider's window, and a campaign may be waiting for it.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from channels.contract import Incoming
from engine import clock
from engine.addresses import clean
from engine.db import Transaction
from engine.events import LONGEST_EXT_ID, Triggered, record_events
from engine.queries import queries
from rules.words import Channel

SOURCE = "callback"
_EVENT_ID = re.compile(r"[0-9a-fA-F]{64}")
_ZALO = (Channel.ZALO_OA, Channel.ZALO_TEMPLATE)


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many outcomes and events were new, repeated, or about nobody here; `runs` were started by the events."""

    new: int = 0
    duplicate: int = 0
    unknown: int = 0
    runs: tuple[Triggered, ...] = ()


async def record_outcomes(
    conn: Transaction,
    *,
    tenant_id: UUID,
    channel_id: int | None,
    incoming: Sequence[Incoming],
    channel: Channel | None = None,
) -> Recorded:
    """Store what was reported; `channel_id` is the channel it came through, None if it only names our own event ids.

    `channel` is its kind, so that an address is found however the provider spells it. Raises InvalidInput if a document
    cannot be stored.
    """
    if not incoming:
        return Recorded()
    # A withdrawal dated next year by a wrong clock would outlast every consent until then.
    now = clock.now()
    incoming = [replace(outcome, at=min(outcome.at, now)) for outcome in incoming]
    rows = [_row(place, outcome, channel) for place, outcome in enumerate(incoming)]
    parameters = {
        "tenant_id": tenant_id,
        "channel_id": channel_id,
        "kinds": list(_ZALO) if channel in _ZALO else [],
        "rows": Jsonb(rows),
    }
    row = await (await conn.execute(queries("outcomes")["record"], parameters)).fetchone()
    if row is None:
        return Recorded()
    if row["came_back"]:
        await conn.execute(queries("dispatch")["fall_back"], {"delivery_ids": row["came_back"], "now": clock.now()})
    told = Recorded(row["new"], row["known"] - row["new"], row["unknown"])
    if channel is None or not row["events"]:
        return told
    places = [place for place, _ in row["events"]]
    events = [_event(channel, channel_id, incoming[place], ext_id) for place, ext_id in row["events"]]
    recorded = await record_events(conn, tenant_id=tenant_id, events=events, source=SOURCE)
    # What is also an outcome was counted as one.
    alone = [one for place, one in zip(places, recorded.events, strict=True) if incoming[place].type is None]
    repeated = sum(one.duplicate for one in alone)
    return replace(told, new=told.new + len(alone) - repeated, duplicate=told.duplicate + repeated, runs=recorded.runs)


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
        "event": outcome.event,
        "up_to": outcome.up_to,
        "soft": outcome.soft,
    }


def _event(channel: Channel, channel_id: int | None, told: Incoming, ext_id: str) -> dict[str, Any]:
    return {
        "ext_id": f"{SOURCE}:{channel_id}:{told.provider_id}"[:LONGEST_EXT_ID],
        "type": f"{channel}.{told.event}",
        "profile": ext_id,
        "occurred_at": told.at.isoformat(),
        "attributes": dict(told.raw),
    }


def _value(raw: Mapping[str, Any]) -> float | None:
    """Give the value of a purchase, if it is reported."""
    value = raw.get("value")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # A whole number of JSON may be larger than any float.
    return float(value) if is_number and value is not None and abs(value) <= sys.float_info.max else None
