"""Documents as people: one pass over each. What cannot be used is left out and counted by its reason, never fatal.

The answers of `arango` are composed and free of what PostgreSQL cannot store, so no text is looked at twice here.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from engine.addresses import clean
from engine.ingest.fields import TARGETS, AddressField, Attributes, FieldMap
from engine.ingest.paths import Document, Getter, texts
from rules.words import Channel

LONGEST_KEY = 255
LONGEST_NAME = 2_048
LONGEST_TEXT = 32_768
# A person who touched more than so much of one kind is no person.
MOST_RELATIONS = 5_000
MOST_ADDRESSES = 100
_ACTIVE, _DELETED = "active", "deleted"
# Rows, each behind its person's place: channel, value, why it is no valid one; channel, purpose, granted, time; kind,
# place of the target. Tuples, for a person has eleven of them: as dicts they were a tenth of Python's part in a sync.
Address = tuple[int, Channel, str, str | None]
Consent = tuple[int, str | None, str, bool | None, str | None]
Relation = tuple[int, str, int]


@dataclass(slots=True)
class People:
    """Documents parted by table; a row of another table names its person by the person's place, from 1.

    `keys` are the persons' keys by place; a relation names its target by place too: `target_places` by kind and key.
    `mended` counts what was left out or changed, by reason; `addresses_invalid` the addresses kept with a reason.
    """

    keys: list[str] = field(default_factory=list)
    persons: list[dict[str, Any]] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    target_places: dict[tuple[str, str], int] = field(default_factory=dict)
    target_names: dict[int, str] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    addresses_invalid: Counter[str] = field(default_factory=Counter)


def read(documents: Iterable[Document], fields: FieldMap, *, known: AbstractSet[str]) -> People:
    """Part the documents. Of people in `known` the consents that say nothing are told too: they may have said more."""
    people = People()
    places: dict[str, int] = {}
    for document in documents:
        key = document.get("_key") if type(document) is dict else None
        if type(key) is not str or not 1 <= len(key) <= LONGEST_KEY:
            people.refused["the document has no usable _key"] += 1
        elif key in places:
            people.refused["the key is there twice in one page"] += 1
        else:
            places[key] = len(places) + 1
            people.keys.append(key)
            _read_one(people, document, fields, key=key, place=len(places), is_known=key in known)
    return people


def instant(value: Any) -> str | None:
    """Give a time as it was written where it is one with its zone, otherwise None."""
    if type(value) is not str or len(value) < len("2026-01-01T00Z"):
        return None
    try:
        return value if datetime.fromisoformat(value).tzinfo is not None else None
    except ValueError:
        return None


def _read_one(people: People, document: Document, fields: FieldMap, *, key: str, place: int, is_known: bool) -> None:
    at = instant(document.get(fields.time_field))
    if at is None:
        people.mended["the time of change is none"] += 1
    root = _root(fields, document, key)
    is_active = fields.status_field is None or fields.is_active(document.get(fields.status_field))
    found = attributes(fields.attributes, document)
    people.persons.append(
        {
            "p": place,
            "k": key,
            "n": _name(people, fields.names, document),
            "l": _text(people, "locale", fields.locale, document),
            "z": _zone(people, fields.zone, document),
            # A loser is out at once, whether its winner is there already or not.
            "s": _ACTIVE if is_active and root is None else _DELETED,
            "v": revision if type(revision := document.get("_rev")) is str else None,
            "r": root,
            "t": at,
            "m": found.get(fields.segments_attribute),
            # Written at once: what it was made of is let go while it is still in the processor's caches.
            "a": written(found, people.mended),
        }
    )
    _read_addresses(people, fields.addresses, document, place)
    _read_consents(people, fields, document, place, at, is_known=is_known)
    if fields.relations:
        _read_relations(people, fields, document, place)


def attributes(wanted: Attributes, document: Document) -> dict[str, Any]:
    """Give our attributes; what is empty is no attribute, for a CDP writes "", [] and {} where it knows nothing."""
    get = document.get
    # 0 and false are no nothing; an empty text, list or object equals neither.
    found = {name: value for name, field in wanted.plain if (value := get(field)) or value == 0}
    for name, follow in wanted.deep:
        value = follow(document)
        if value or value == 0:
            found[name] = value
    return found


def written(found: Mapping[str, Any], mended: Counter[str]) -> bytes:
    """Write attributes as JSON, without texts that are too long."""
    text = _dumped(found)
    # Few are so long that one of their texts can be.
    return text if len(text) <= LONGEST_TEXT else _dumped(shortened(found, mended))


def shortened(found: Mapping[str, Any], mended: Counter[str]) -> dict[str, Any]:
    kept = {name: value for name, value in found.items() if type(value) is not str or len(value) <= LONGEST_TEXT}
    mended["an attribute is too long"] += len(found) - len(kept)
    return kept


def _dumped(document: Mapping[str, Any]) -> bytes:
    """Write JSON; a number beyond a double's range, which Python reads as infinite, becomes null."""
    try:
        return orjson.dumps(document)
    except TypeError:  # whole numbers beyond 64 bits
        return json.dumps(_finite(document), separators=(",", ":")).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def _root(fields: FieldMap, document: Document, key: str) -> str | None:
    root = None if fields.root is None else fields.root(document)
    return root if type(root) is str and root and root != key and len(root) <= LONGEST_KEY else None


def _name(people: People, names: Iterable[Getter], document: Document) -> str | None:
    parts = []
    for get in names:
        part = get(document)
        if type(part) is str:
            parts.append(part)
        elif part is not None:
            people.mended["a name is no text"] += 1
    name = " ".join(" ".join(parts).split())
    if len(name) > LONGEST_NAME:
        people.mended["a name is too long"] += 1
        name = name[:LONGEST_NAME]
    return name or None


def _text(people: People, what: str, get: Getter | None, document: Document) -> str | None:
    value = None if get is None else get(document)
    if not value:
        return None
    if type(value) is not str or len(value) > LONGEST_NAME:
        people.mended[f"the {what} is no text"] += 1
        return None
    return value


def _zone(people: People, get: Getter | None, document: Document) -> str | None:
    zone = _text(people, "zone", get, document)
    if zone is not None and not _is_zone(zone):
        people.mended["the zone is no time zone"] += 1
        return None
    return zone


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _read_addresses(people: People, fields: tuple[AddressField, ...], document: Document, place: int) -> None:
    taken: set[tuple[Channel, str]] = set()
    for one in fields:
        value = one.get(document)
        if not value:
            continue
        for text in (value,) if type(value) is str else texts(value):
            if one.prefix:
                if not text.startswith(one.prefix):
                    continue
                text = text[len(one.prefix) :]  # noqa: PLW2901 - what stands behind the prefix is the address
            _read_address(people, one.channel, text, place, taken)


def _read_address(people: People, channel: Channel, text: str, place: int, taken: set[tuple[Channel, str]]) -> None:
    if (channel, text) in taken:
        return
    taken.add((channel, text))
    cleaned = clean(channel, text)
    value, reason = cleaned.value, cleaned.reason
    if not value:
        return
    if len(value) > LONGEST_NAME or len(taken) > MOST_ADDRESSES:
        people.mended["an address is too long" if len(value) > LONGEST_NAME else "addresses beyond the hundredth"] += 1
        return
    if value != text:
        if (channel, value) in taken:
            return
        taken.add((channel, value))
    people.addresses.append((place, channel, value, reason))
    if reason is not None:
        people.addresses_invalid[reason] += 1


def _read_consents(
    people: People, fields: FieldMap, document: Document, place: int, at: str | None, *, is_known: bool
) -> None:
    said: dict[tuple[str | None, str], bool | None] = {}
    for one in fields.consents:
        value = one.get(document)
        granted = True if value in one.granted else False if value in one.withdrawn else None
        # Of several fields for one consent the first that says something.
        if said.get((one.channel, one.purpose)) is None:
            said[one.channel, one.purpose] = granted
    for (channel, purpose), granted in said.items():
        if granted is not None or is_known:
            people.consents.append((place, channel, purpose, granted, at))


def _read_relations(people: People, fields: FieldMap, document: Document, place: int) -> None:
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for one in fields.relations:
        items = one.get(document)
        if not items:
            continue
        if type(items) is not list:
            people.mended["relations are no list"] += 1
            continue
        if len(items) > MOST_RELATIONS:
            people.mended["relations beyond the 5,000th"] += len(items) - MOST_RELATIONS
        held = seen[one.kind]
        for item in items[:MOST_RELATIONS]:
            key, name = (item, None) if one.key is None else _keyed(item, one.key, one.name)
            if type(key) is not str or not 1 <= len(key) <= LONGEST_KEY:
                people.mended["a relation leads nowhere"] += 1
            elif key not in held:
                held.add(key)
                _relate(people, place, one.kind, key, name)


def _relate(people: People, place: int, kind: str, key: str, name: str | None) -> None:
    target = (TARGETS[kind], key)
    at = people.target_places.setdefault(target, len(people.target_places) + 1)
    if name is not None:
        people.target_names[at] = name
    people.relations.append((place, kind, at))


def _keyed(item: Any, key: Getter, name: Getter | None) -> tuple[Any, str | None]:
    if not isinstance(item, Mapping):
        return None, None
    called = None if name is None else name(item)
    return key(item), called[:LONGEST_NAME] if type(called) is str and called else None
