"""The queries that are answered: this is no AQL, only the marker comment at the beginning of each query is read."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels.sandbox.arango import events, people
from channels.sandbox.arango.generated import Fields, written
from channels.sandbox.arango.world import World

# The greatest size of one answer: about 150 MB of documents. A real server has a limit in bytes.
MOST_DOCUMENTS = 50_000
MOST_KEYS = 2_000_000

_MARKER = re.compile(r"\s*/\*\s*leo:(\w+)\s*\*/")
# What the queries may call the fields that they sort and filter by. The order here always goes by these.
_FIELDS = {
    "updated": "updatedAt",
    "created": "createdAt",
    "metric": "metricName",
    "memberships": "inSegments",
    "status": "status",
}


@dataclass(frozen=True, slots=True)
class ArangoError(Exception):
    """What the server answers instead of a result: status, its own number, and a sentence."""

    status: int
    number: int
    message: str


class Bound:
    """The bind variables of a query, each read with the type it has to have."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        value = self._given(name)
        if not isinstance(value, str):
            raise _mistyped(name)
        return value

    def texts(self, name: str) -> list[str]:
        value = self._given(name)
        if not isinstance(value, list):
            raise _mistyped(name)
        return [one for one in value if isinstance(one, str)]

    def number(self, name: str) -> int:
        value = self._given(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise _mistyped(name)
        return value

    def count(self, *, most: int) -> int:
        value = self.number("n")
        if value > most:
            raise ArangoError(500, 32, f"AQL: query would use more memory than allowed ({value} results)")
        return value

    def fields(self) -> Fields | None:
        """Give the fields to keep; None is the whole document."""
        return tuple(dict.fromkeys(self.texts("fields"))) if "fields" in self._values else None

    def check(self, collection: str) -> None:
        """Refuse a collection that does not exist, and fields that are not LEO CDP's."""
        for name, value in self._values.items():
            if name.startswith("@") and value != collection:
                raise ArangoError(404, 1203, f"AQL: collection or view not found: {value}")
            if name in _FIELDS and value not in (_FIELDS[name], [_FIELDS[name]]):
                raise ArangoError(400, 1501, f"AQL: this emulator knows @{name} as {_FIELDS[name]} only")

    def _given(self, name: str) -> Any:
        if name not in self._values:
            raise ArangoError(400, 1551, f"AQL: no value specified for declared bind parameter '{name}'")
        return self._values[name]


def name_of(query: str) -> str:
    """Give the name in the marker of a query; raises ArangoError 1501 if it is not one that is answered."""
    found = _MARKER.match(query)
    if found is None or found[1] not in _ANSWERS:
        raise ArangoError(400, 1501, "AQL: syntax error: this emulator knows queries that begin with /* leo:<name> */")
    return found[1]


def answer(world: World, name: str, values: Mapping[str, Any]) -> Sequence[str]:
    """Give the items of an answer, each as `written` writes it; raises ArangoError."""
    collection, ask = _ANSWERS[name]
    bound = Bound(values)
    bound.check(collection)
    return ask(world, bound)


def _profiles_changed(world: World, bound: Bound) -> Sequence[str]:
    n = bound.count(most=MOST_DOCUMENTS)
    return world.people.changed(bound.text("ts"), bound.text("key"), n, bound.fields())


def _profiles_by_key(world: World, bound: Bound) -> Sequence[str]:
    return world.people.by_keys(_few(bound.texts("keys")), bound.fields())


def _profile_keys(world: World, bound: Bound) -> Sequence[str]:
    found = world.people.revisions(bound.text("key"), bound.count(most=MOST_KEYS))
    return [f'{{"_key":{_quoted(key)},"_rev":"{rev}"}}' for key, rev in found]


def _segment_page(world: World, bound: Bound) -> Sequence[str]:
    n = bound.count(most=MOST_DOCUMENTS)
    return world.members.page(bound.text("segment"), bound.number("start"), n)


def _segments(world: World, _bound: Bound) -> Sequence[str]:
    return [written(one) for _, one in sorted(world.segments.items()) if one["status"] > 0]


def _segment_members(world: World, bound: Bound) -> Sequence[str]:
    found = world.people.marked(bound.text("segment"), bound.text("key"), bound.count(most=MOST_KEYS))
    return [_quoted(key) for key in found]


def _events_changed(world: World, bound: Bound) -> Sequence[str]:
    n, among = bound.count(most=MOST_DOCUMENTS), frozenset(bound.texts("metrics"))
    return world.events.changed(bound.text("ts"), bound.text("key"), n, bound.fields(), among=among or None)


def _touchpoints_by_key(world: World, bound: Bound) -> Sequence[str]:
    found = (world.touchpoint(key) for key in dict.fromkeys(_few(bound.texts("keys"))))
    return [one for one in found if one is not None]


def _metrics(world: World, _bound: Bound) -> Sequence[str]:
    return [written(one) for one in world.metrics]


def _few(keys: Sequence[str]) -> Iterable[str]:
    if len(keys) > MOST_DOCUMENTS:
        raise ArangoError(500, 32, f"AQL: query would use more memory than allowed ({len(keys)} keys)")
    return keys


def _quoted(key: str) -> str:
    # Keys of LEO CDP are base62; those that a test inserts may be anything.
    return f'"{key}"' if key.isalnum() and key.isascii() else written(key)


def _mistyped(name: str) -> ArangoError:
    return ArangoError(400, 1553, f"AQL: bind parameter '{name}' has an invalid value or type")


COLLECTIONS = (people.COLLECTION, "cdp_segment", events.COLLECTION, "cdp_touchpoint", "cdp_eventmetric")
_ANSWERS: Mapping[str, tuple[str, Callable[[World, Bound], Sequence[str]]]] = {
    "profiles_changed": (people.COLLECTION, _profiles_changed),
    "profiles_by_key": (people.COLLECTION, _profiles_by_key),
    "profile_keys": (people.COLLECTION, _profile_keys),
    "segment_page": (people.COLLECTION, _segment_page),
    "segments": ("cdp_segment", _segments),
    "segment_members": (people.COLLECTION, _segment_members),
    "events_changed": (events.COLLECTION, _events_changed),
    "touchpoints_by_key": ("cdp_touchpoint", _touchpoints_by_key),
    "metrics": ("cdp_eventmetric", _metrics),
}
NAMES = tuple(_ANSWERS)
