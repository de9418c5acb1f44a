"""Events: what happened, stored once, and the runs that an active campaign starts at them.

Type and attributes are composed (NFC), so that a rule finds "Hà Nội" however it was typed; keys stay as they were sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from psycopg.types.json import Jsonb

from engine import clock
from engine.db import Transaction
from engine.queries import queries
from engine.text import Unstorable, settled_deep
from rules.errors import InvalidInput
from rules.words import Lane

FIELDS = frozenset({"ext_id", "type", "profile", "occurred_at", "attributes"})
LONGEST_EXT_ID = 255
LONGEST_TYPE = 100
# A device's clock may be ahead; an event of next year is a mistake.
CLOCK_TOLERANCE = timedelta(days=1)
_SQL = queries("events")


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event; a duplicate has the id of the one stored before under its key."""

    event_id: int
    ext_id: str | None
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Triggered:
    """A run that an event started, and its batch, to be enqueued in `lane` after commit."""

    event_id: int
    run_id: int
    campaign_id: int
    batch_id: int
    lane: Lane = Lane.REALTIME


@dataclass(frozen=True, slots=True)
class Recorded:
    """The events in the order given, the runs they started, and how many people's segments they may have moved."""

    events: tuple[RecordedEvent, ...]
    runs: tuple[Triggered, ...]
    rechecks: int = 0


async def record_events(
    conn: Transaction, *, tenant_id: UUID, events: Sequence[Mapping[str, Any]], source: str = "api"
) -> Recorded:
    """Store events, each {type, ext_id?, profile? (a profile's ext_id), occurred_at?, attributes?}.

    An event whose `ext_id` is known is a duplicate: nothing is stored and nothing starts. Raises InvalidInput naming
    the event that is malformed or is of nobody we know; nothing of the call is stored then.
    """
    latest = clock.now() + CLOCK_TOLERANCE
    rows = [_checked(place, event, latest) for place, event in enumerate(events, start=1)]
    values = {"tenant_id": tenant_id, "source": source, "events": Jsonb(rows)}
    found = await (await conn.execute(_SQL["record"], values)).fetchall()
    for row in found:
        if row["is_unknown"]:
            person = events[row["place"] - 1]["profile"]
            _refuse(row["place"], f"is of a profile {person!r} that is not there", "Send it first: POST /profiles.")
    ids = await _ids_of(conn, tenant_id, [row["ext_id"] for row in found if row["is_duplicate"]])
    return Recorded(
        tuple(
            RecordedEvent(
                ids[row["ext_id"]] if row["is_duplicate"] else row["event_id"], row["ext_id"], row["is_duplicate"]
            )
            for row in found
        ),
        tuple(
            Triggered(row["event_id"], run_id, campaign_id, batch_id)
            for row in found
            for run_id, campaign_id, batch_id in row["runs"] or ()
        ),
        found[0]["rechecks"] if found else 0,
    )


async def _ids_of(conn: Transaction, tenant_id: UUID, ext_ids: list[str]) -> dict[str, int]:
    if not ext_ids:
        return {}
    rows = await (await conn.execute(_SQL["ids_of"], {"tenant_id": tenant_id, "ext_ids": ext_ids})).fetchall()
    return {row["ext_id"]: row["event_id"] for row in rows}


def _checked(place: int, event: Mapping[str, Any], latest: datetime) -> dict[str, Any]:
    unknown = event.keys() - FIELDS
    if unknown:
        _refuse(place, f"has a field {min(unknown)!r} that no event has", f"Use {', '.join(sorted(FIELDS))}.")
    attributes = event.get("attributes")
    if attributes is not None and not isinstance(attributes, Mapping):
        _refuse(place, "has attributes that are no object", 'Send {"name": value, ...}.')
    occurred_at = _instant(place, event.get("occurred_at"), latest)
    kind = _text(place, "type", event.get("type"), longest=LONGEST_TYPE, required=True)
    return {
        "place": place,
        "ext_id": _text(place, "ext_id", event.get("ext_id"), longest=LONGEST_EXT_ID, required=False),
        "type": kind and _composed(place, "type", kind),
        "profile": _text(place, "profile", event.get("profile"), longest=LONGEST_EXT_ID, required=False),
        "occurred_at": None if occurred_at is None else occurred_at.isoformat(),
        "attributes": None if attributes is None else _composed(place, "attributes", attributes),
    }


def _composed(place: int, name: str, value: Any) -> Any:
    try:
        return settled_deep(value)
    except Unstorable:
        _refuse(place, f"has {name} that cannot be stored", "Send JSON without NUL, NaN and halves of characters.")


def _text(place: int, name: str, value: Any, *, longest: int, required: bool) -> str | None:
    if value is None and not required:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= longest or "\x00" in value:
        _refuse(place, f"has no usable {name}", f"Send a text of 1 to {longest} characters.")
    return value


def _instant(place: int, value: Any, latest: datetime) -> datetime | None:
    if value is None:
        return None
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        _refuse(
            place, "has an occurred_at that is no instant", "Send ISO 8601 with its zone: 2026-05-01T09:00:00+07:00."
        )
    if at > latest:
        _refuse(place, f"lies in the future, {at.isoformat()}", "Send the instant it happened.")
    return at


def _refuse(place: int, what: str, remedy: str) -> NoReturn:
    raise InvalidInput(f"Event {place} {what}.", remedy=remedy)
