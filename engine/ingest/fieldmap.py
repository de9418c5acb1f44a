"""Reading a field map: a file in maps/, changed in parts by the source. What is wrong is refused with its place."""

import hashlib
import json
import operator
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, NoReturn

from engine.ingest.fields import TARGETS, AddressField, Attributes, ConsentField, EventMap, FieldMap, RelationField
from engine.ingest.paths import PATH, Getter, compile_path, top
from rules.errors import InvalidInput
from rules.words import Channel

DELIVERED = "leo-cdp"
ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,62}")

_COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,254}")
_COMPARED = re.compile(r"(>=|<=|>|<)\s*(-?\d+)")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_SECTIONS: Mapping[str, frozenset[str]] = {
    "profile": frozenset({"ext_id", "name", "locale", "zone", "updated_at"}),
    "status": frozenset({"field", "active", "root"}),
    "segments": frozenset({"collection", "memberships", "attribute"}),
    "touchpoints": frozenset({"collection"}),
    "metrics": frozenset({"collection"}),
    "event": frozenset({"collection", "ext_id", "type", "profile", "occurred_at", "attributes"}),
}
_LISTED: Mapping[str, frozenset[str]] = {
    "address": frozenset({"channel", "path", "prefix"}),
    "consent": frozenset({"channel", "purpose", "path", "granted", "withdrawn"}),
    "relation": frozenset({"kind", "path", "key", "name"}),
}
_TOP = frozenset({"collection", "attributes", *_SECTIONS, *_LISTED})


def load(changes: Mapping[str, Any] | None = None, *, name: str = DELIVERED) -> FieldMap:
    """Give a delivered map with a source's changes laid over it; raises InvalidInput naming the place."""
    return read(overlaid(delivered(name), changes or {}))


@cache
def names() -> Mapping[str, str]:
    """Give which attribute holds which field of LEO CDP by the delivered map: what its segments' rules ask for."""
    return MappingProxyType(load().held)


@cache
def delivered(name: str) -> Mapping[str, Any]:
    """Give maps/<name>.toml as it is written."""
    return tomllib.loads(files("engine.ingest").joinpath("maps", f"{name}.toml").read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, Any]:
    """Give a map that somebody wrote, in TOML; raises InvalidInput."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"The field map is no TOML: {error}.", remedy="How to write one: docs/ingest.md") from error


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one document over another: tables by field, lists and values whole; null or false takes a field away."""
    laid = dict(below)
    for key, value in above.items():
        if value is None or value is False:
            laid.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(laid.get(key), Mapping):
            laid[key] = overlaid(laid[key], value)
        else:
            laid[key] = value
    return laid


def read(document: Mapping[str, Any]) -> FieldMap:
    """Check a whole map and make it ready; raises InvalidInput naming the place."""
    _known(document, _TOP, "the map")
    profile, status, segments = (_section(document, name) for name in ("profile", "status", "segments"))
    if profile.get("ext_id", "_key") != "_key":
        _refuse("profile.ext_id", "has to be _key: pages go by it")
    names = profile.get("name", [])
    attributes = _attributes(document.get("attributes", {}), "attributes")
    addresses = [_address(one, place) for one, place in _listed(document, "address")]
    consents = [_consent(one, place) for one, place in _listed(document, "consent")]
    relations = [_relation(one, place) for one, place in _listed(document, "relation")]
    return FieldMap(
        collection=_collection(document, "collection", "the map"),
        fields=_fields(document, profile, status, attributes),
        print=hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()[:16],
        names=tuple(_path(one, "profile.name") for one in (names if isinstance(names, list) else [names])),
        locale=_optional(profile, "locale", "profile"),
        zone=_optional(profile, "zone", "profile"),
        time_field=_field(profile, "updated_at", "profile"),
        status_field=_field(status, "field", "status") if status else None,
        is_active=_activity(status.get("active", "> 0")) if status else lambda _: True,
        root=_optional(status, "root", "status"),
        attributes=_parted(attributes),
        addresses=tuple(addresses),
        consents=tuple(consents),
        relations=tuple(relations),
        segments=_collection(segments, "collection", "segments") if segments else None,
        memberships=_field(segments, "memberships", "segments") if segments else "",
        segments_attribute=str(segments.get("attribute", "cdp_segments")),
        touchpoints=_lookup(document, "touchpoints"),
        metrics=_lookup(document, "metrics"),
        event=_event(_section(document, "event")),
    )


def _fields(
    document: Mapping[str, Any],
    profile: Mapping[str, Any],
    status: Mapping[str, Any],
    attributes: Mapping[str, str],
) -> tuple[str, ...]:
    names = profile.get("name", [])
    paths = [
        *(names if isinstance(names, list) else [names]),
        *(profile[name] for name in ("locale", "zone", "updated_at") if name in profile),
        *(status[name] for name in ("field", "root") if name in status),
        *attributes.values(),
        *(one["path"] for name in _LISTED for one, _ in _listed(document, name)),
    ]
    return ("_key", "_rev", *sorted({top(path) for path in paths} - {"_key", "_rev"}))


def _address(one: Mapping[str, Any], place: str) -> AddressField:
    channel = one.get("channel")
    if channel not in set(Channel):
        _refuse(f"{place}.channel", f"is {channel!r}, which is none of {', '.join(Channel)}")
    return AddressField(Channel(channel), _path(one.get("path"), f"{place}.path"), str(one.get("prefix", "")))


def _consent(one: Mapping[str, Any], place: str) -> ConsentField:
    channel = one.get("channel")
    if channel is not None and channel not in set(Channel):
        _refuse(f"{place}.channel", f"is {channel!r}, which is none of {', '.join(Channel)}")
    purpose = one.get("purpose", "marketing")
    if not isinstance(purpose, str) or not 1 <= len(purpose) <= 100:  # noqa: PLR2004 - as in consents that are sent
        _refuse(f"{place}.purpose", "has to be a text of 1 to 100 characters")
    return ConsentField(
        channel,
        purpose,
        _path(one.get("path"), f"{place}.path"),
        _values(one.get("granted", 1)),
        _values(one.get("withdrawn", -1)),
    )


def _relation(one: Mapping[str, Any], place: str) -> RelationField:
    kind = one.get("kind")
    if kind not in TARGETS:
        _refuse(f"{place}.kind", f"is {kind!r}, which is none of {', '.join(TARGETS)}")
    return RelationField(
        str(kind),
        _path(one.get("path"), f"{place}.path"),
        _optional(one, "key", place),
        _optional(one, "name", place),
    )


def _event(section: Mapping[str, Any]) -> EventMap | None:
    if not section:
        return None
    if section.get("ext_id", "_key") != "_key":
        _refuse("event.ext_id", "has to be _key: pages go by it")
    attributes = _attributes(section.get("attributes", {}), "event.attributes")
    type_field, time_field = (_field(section, name, "event") for name in ("type", "occurred_at"))
    profile = section.get("profile", "")
    fields = {top(path) for path in (type_field, time_field, profile, *attributes.values()) if path}
    return EventMap(
        collection=_collection(section, "collection", "event"),
        fields=("_key", *sorted(fields - {"_key"})),
        type_field=type_field,
        time_field=time_field,
        profile=_path(profile, "event.profile"),
        attributes=_parted(attributes),
    )


def _activity(wanted: Any) -> Callable[[Any], bool]:
    if isinstance(wanted, list):
        return lambda value: value in wanted
    compared = _COMPARED.fullmatch(wanted) if isinstance(wanted, str) else None
    if compared is None:
        _refuse("status.active", f'is {wanted!r}: a list of values is wanted, or a comparison such as "> 0"')
    compare, bound = _COMPARE[compared[1]], int(compared[2])
    return lambda value: type(value) in {int, float} and compare(value, bound)


def _attributes(given: Any, place: str) -> dict[str, str]:
    if not isinstance(given, Mapping):
        _refuse(place, "has to be a table")
    for name, path in given.items():
        if ATTRIBUTE.fullmatch(name) is None:
            _refuse(f"{place}.{name}", "has to be named in snake_case")
        _path(path, f"{place}.{name}")
    return dict(given)


def _parted(attributes: Mapping[str, str]) -> Attributes:
    return Attributes(
        plain=tuple((name, path) for name, path in attributes.items() if path.isidentifier()),
        deep=tuple((name, compile_path(path)) for name, path in attributes.items() if not path.isidentifier()),
    )


def _values(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, list) else (given,)


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = document.get(name, {})
    if not isinstance(section, Mapping):
        _refuse(name, "has to be a table")
    _known(section, _SECTIONS[name], name)
    return section


def _listed(document: Mapping[str, Any], name: str) -> list[tuple[Mapping[str, Any], str]]:
    given = document.get(name, [])
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        _refuse(name, f"has to be tables, each begun by [[{name}]]")
    for place, one in enumerate(given, start=1):
        _known(one, _LISTED[name], f"{name} {place}")
    return [(one, f"{name} {place}") for place, one in enumerate(given, start=1)]


def _known(given: Mapping[str, Any], known: Collection[str], place: str) -> None:
    unknown = sorted(given.keys() - set(known))
    if unknown:
        _refuse(place, f"has {unknown[0]!r}, which is none of {', '.join(sorted(known))}")


def _lookup(document: Mapping[str, Any], name: str) -> str | None:
    section = _section(document, name)
    return _collection(section, "collection", name) if section else None


def _collection(section: Mapping[str, Any], key: str, place: str) -> str:
    name = section.get(key)
    if not isinstance(name, str) or _COLLECTION.fullmatch(name) is None:
        _refuse(f"{place}.{key}", f"is {name!r}, which names no collection")
    return name


def _field(section: Mapping[str, Any], key: str, place: str) -> str:
    """Give the name of a field that the queries compare: no path."""
    name = section.get(key)
    if not isinstance(name, str) or not name.isidentifier():
        _refuse(f"{place}.{key}", f"is {name!r}: the name of one field is wanted")
    return name


def _optional(section: Mapping[str, Any], key: str, place: str) -> Getter | None:
    return _path(section[key], f"{place}.{key}") if key in section else None


def _path(path: Any, place: str) -> Getter:
    if not isinstance(path, str) or PATH.fullmatch(path) is None:
        _refuse(place, f"is {path!r}, which is no path: a, a.b, a.* or a[*].b")
    return compile_path(path)


def _refuse(place: str, what: str) -> NoReturn:
    raise InvalidInput(f"The field map is wrong: {place} {what}.", remedy="How to write one: docs/ingest.md")
