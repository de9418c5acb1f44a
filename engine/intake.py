"""Reading profiles as they are sent: each document is checked before anything is written; a mistake names its person.

Every text is composed (NFC) and every address cleaned; an ext_id stays as it was sent, because callers find people by
it.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from engine.addresses import clean
from engine.text import Unstorable, settled, settled_deep
from rules.errors import InvalidInput
from rules.words import Channel

FIELDS = frozenset({"ext_id", "name", "locale", "zone", "attributes", "addresses", "consents", "relations"})
# What a kind of relation points to; KNOWS points to another profile, by its ext_id.
TARGETS: Mapping[str, str | None] = {
    "INTERESTED_IN": "Topic",
    "ENGAGED": "Touchpoint",
    "BOUGHT": "Product",
    "KNOWS": None,
}
LONGEST_EXT_ID = 255
LONGEST_VALUE = 2048
# A consent from the future would outlast every withdrawal, but a clock may be a little ahead.
CLOCK_TOLERANCE = timedelta(hours=1)
_CHANNELS: Mapping[str, Channel] = {channel.value: channel for channel in Channel}
_TEXTS = ("name", "locale", "zone")


@dataclass(slots=True)
class Intake:
    """The documents of one call, split by table; a record names its person by ext_id until the ids are known.

    `listed` are people whose addresses are given: any other address they had is removed.
    """

    profiles: list[dict[str, Any]] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    addresses: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    relations: list[dict[str, Any]] = field(default_factory=list)


def read(documents: Sequence[Mapping[str, Any]]) -> Intake:
    """Check and split the documents; raises InvalidInput naming the first person and field that is wrong."""
    intake = Intake()
    latest = datetime.now(UTC) + CLOCK_TOLERANCE
    seen: set[str] = set()
    for place, document in enumerate(documents, start=1):
        ext_id = _ext_id(document, place)
        if ext_id in seen:
            _refuse(ext_id, "is there twice in one call", "Send each profile once.")
        seen.add(ext_id)
        _read_one(intake, ext_id, document, latest)
    return intake


def _read_one(intake: Intake, ext_id: str, document: Mapping[str, Any], latest: datetime) -> None:
    if not document.keys() <= FIELDS:
        unknown = document.keys() - FIELDS
        _refuse(ext_id, f"has a field {min(unknown)!r} that no profile has", f"Use {', '.join(sorted(FIELDS))}.")
    intake.profiles.append(_profile(ext_id, document))
    if document.get("addresses") is not None:
        intake.listed.append(ext_id)
        intake.addresses.extend(_addresses(ext_id, _items(ext_id, document, "addresses")))
    for one in _items(ext_id, document, "consents"):
        intake.consents.append(_consent(ext_id, one, latest))
    for one in _items(ext_id, document, "relations"):
        intake.relations.append(_relation(ext_id, one))


def _ext_id(document: Mapping[str, Any], place: int) -> str:
    ext_id = document.get("ext_id")
    if not isinstance(ext_id, str) or not 1 <= len(ext_id) <= LONGEST_EXT_ID or not _is_storable(ext_id):
        raise InvalidInput(
            f"Profile {place} has no usable ext_id.", remedy=f"Give it a text of 1 to {LONGEST_EXT_ID} characters."
        )
    return ext_id


def _profile(ext_id: str, document: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"ext_id": ext_id}
    for name in _TEXTS:
        if name in document:
            row[name] = _optional_text(ext_id, name, document[name])
    if row.get("zone") is not None and not _is_zone(row["zone"]):
        _refuse(ext_id, f"has no time zone {row['zone']!r}", "Use an IANA name such as Asia/Ho_Chi_Minh.")
    attributes = document.get("attributes")
    if attributes is not None:
        row["attributes"] = _attributes(ext_id, attributes)
    return row


def _attributes(ext_id: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        _refuse(ext_id, "has attributes that are no object", 'Send {"name": value, ...}.')
    try:
        attributes: dict[str, Any] = settled_deep(given)
    except Unstorable:
        _refuse(ext_id, "has attributes that cannot be stored", "Send JSON without NUL, NaN and halves of characters.")
    return attributes


def _addresses(ext_id: str, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give one row per address: of two spellings the first counts, or the first that says whether it is valid."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in given:
        row = _address(ext_id, one)
        key = (row["channel"], row["value"])
        there = rows.get(key)
        if there is None or (row["is_stated"] and not there["is_stated"]):
            rows[key] = row
    return list(rows.values())


def _address(ext_id: str, one: Mapping[str, Any]) -> dict[str, Any]:
    channel = _channel(ext_id, one.get("channel"))
    cleaned = clean(channel, _text(ext_id, "addresses.value", one.get("value"), longest=LONGEST_VALUE))
    if not cleaned.value:
        _refuse(ext_id, "has an empty address", "Leave it out.")
    stated = one.get("valid")
    reason = cleaned.reason
    if stated is not None and not _boolean(ext_id, "addresses.valid", stated) and reason is None:
        reason = _optional_text(ext_id, "addresses.reason", one.get("reason")) or "said to be invalid"
    return {
        "ext_id": ext_id,
        "channel": channel,
        "value": cleaned.value,
        "valid": reason is None,
        "reason": reason,
        "is_stated": stated is not None,
    }


def _consent(ext_id: str, one: Mapping[str, Any], latest: datetime) -> dict[str, Any]:
    at = _instant(ext_id, "consents.at", one.get("at"))
    if at is None:
        _refuse(ext_id, "has a consent without an instant", "Say when it was given: at.")
    if at > latest:
        _refuse(
            ext_id, f"has a consent from the future, {at.isoformat()}", "Send the instant it was given or withdrawn."
        )
    channel = one.get("channel")
    return {
        "ext_id": ext_id,
        "channel": None if channel is None else _channel(ext_id, channel),
        "purpose": _text(ext_id, "consents.purpose", one.get("purpose", "marketing"), longest=100),
        "granted": _boolean(ext_id, "consents.granted", one.get("granted")),
        "at": at.isoformat(),
    }


def _relation(ext_id: str, one: Mapping[str, Any]) -> dict[str, Any]:
    kind = one.get("kind")
    if not isinstance(kind, str) or kind not in TARGETS:
        _refuse(ext_id, f"has a relation of kind {kind!r}", f"Use one of {', '.join(TARGETS)}.")
    weight = one.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= sys.float_info.max:
        _refuse(ext_id, "has a relation whose weight is no finite number", "Send a number.")
    at = _instant(ext_id, "relations.occurred_at", one.get("occurred_at"))
    key = _text(ext_id, "relations.key", one.get("key"), longest=LONGEST_EXT_ID)
    return {
        "ext_id": ext_id,
        "kind": kind,
        "target_kind": TARGETS[kind],
        # A person is looked up by the ext_id as it was sent.
        "key": key if TARGETS[kind] else one["key"],
        "name": _optional_text(ext_id, "relations.name", one.get("name")),
        "weight": float(weight),
        "occurred_at": None if at is None else at.isoformat(),
    }


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _items(ext_id: str, document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    given = document.get(name)
    if given is None:
        return ()
    if not isinstance(given, list | tuple):
        _refuse(ext_id, f"has {name} that are no list", "Send a list.")
    for one in given:
        if type(one) is not dict and not isinstance(one, Mapping):
            _refuse(ext_id, f"has {name} that are no list of objects", "Send a list.")
    return given


def _channel(ext_id: str, value: Any) -> Channel:
    channel = _CHANNELS.get(value) if isinstance(value, str) else None
    if channel is None:
        _refuse(ext_id, f"names a channel {value!r}", f"Use one of {', '.join(Channel)}.")
    return channel


def _text(ext_id: str, name: str, value: Any, *, longest: int) -> str:
    try:
        text = settled(value) if isinstance(value, str) else ""
    except Unstorable:
        text = ""
    if not 1 <= len(text) <= longest:
        _refuse(ext_id, f"has a {name} that cannot be used", f"Send a text of 1 to {longest} characters.")
    return text


def _is_storable(text: str) -> bool:
    try:
        settled(text)
    except Unstorable:
        return False
    return True


def _optional_text(ext_id: str, name: str, value: Any) -> str | None:
    return None if value is None else _text(ext_id, name, value, longest=LONGEST_VALUE)


def _boolean(ext_id: str, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        _refuse(ext_id, f"has {name} that is neither true nor false", "Send true or false.")
    return value


def _instant(ext_id: str, name: str, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        _refuse(ext_id, f"has a {name} that is no instant", "Send ISO 8601 with its zone: 2026-05-01T09:00:00+07:00.")
    return at


def _refuse(ext_id: str, what: str, remedy: str) -> NoReturn:
    raise InvalidInput(f"Profile {ext_id!r} {what}.", remedy=remedy)
