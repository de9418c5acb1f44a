"""Changes to a world while a sync runs against it, made in the way LEO CDP makes them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from channels.sandbox.arango.catalogue import segment_ref
from channels.sandbox.arango.collection import Collection
from channels.sandbox.arango.events import COLLECTION as EVENTS
from channels.sandbox.arango.people import COLLECTION as PEOPLE
from channels.sandbox.arango.world import World
from rules.errors import InvalidInput

REMEDY = (
    'Post [{"op": "join"|"leave", "segment": "...", "key": "..."}, {"op": "touch", "key": "..."}, '
    '{"op": "update", "key": "...", "fields": {...}}, {"op": "insert", "document": {"_key": "...", ...}}, '
    '{"op": "merge", "loser": "...", "winner": "..."}, {"op": "remove", "key": "..."}, ...]; '
    '"at" gives another time than now, "collection": "cdp_trackingevent" inserts, updates or removes an event.'
)
_LONGEST_KEY = 254


def apply(world: World, document: Any) -> int:
    """Make changes one after the other and give how many; on InvalidInput the earlier ones stay made."""
    if not isinstance(document, list):
        raise InvalidInput("Changes are a list.", remedy=REMEDY)
    for place, change in enumerate(document):
        make = _WAYS.get(change.get("op")) if isinstance(change, Mapping) else None
        if make is None:
            raise InvalidInput(f"Change {place} has no op that is known.", remedy=REMEDY)
        try:
            make(world, change)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"Change {place} cannot be made: {error}.", remedy=REMEDY) from error
    return len(document)


def _join(world: World, change: Mapping[str, Any]) -> None:
    """Write only `inSegments`: LEO CDP leaves the time of change as it was."""
    key = change["segment"]
    reference = segment_ref(key, world.segments.get(key, {}).get("name") or "")
    person = _person(world, change["key"])
    _write(world, person | {"inSegments": [*_others(person, key), reference]})


def _leave(world: World, change: Mapping[str, Any]) -> None:
    person = _person(world, change["key"])
    _write(world, person | {"inSegments": _others(person, change["segment"])})


def _touch(world: World, change: Mapping[str, Any]) -> None:
    _write(world, _person(world, change["key"]) | {"updatedAt": _at(change)})


def _update(world: World, change: Mapping[str, Any]) -> None:
    collection = _collection(world, change)
    document = _present(collection, change["key"])
    own = {"_key": document["_key"], "_id": document["_id"], "_rev": world.next_rev()}
    collection.put(document | {"updatedAt": _at(change)} | dict(change["fields"]) | own)


def _insert(world: World, change: Mapping[str, Any]) -> None:
    collection, given = _collection(world, change), dict(change["document"])
    key = given["_key"]
    if not isinstance(key, str) or not 1 <= len(key) <= _LONGEST_KEY or key in collection:
        raise ValueError("its _key is there already, or is none")
    times = dict.fromkeys(("createdAt", "updatedAt"), _at(change))
    name = change.get("collection", PEOPLE)
    collection.put({"status": 1} | times | given | {"_id": f"{name}/{key}", "_rev": world.next_rev()})


def _merge(world: World, change: Mapping[str, Any]) -> None:
    loser, winner = _person(world, change["loser"]), _person(world, change["winner"])
    if loser["_key"] == winner["_key"]:
        raise ValueError("nobody is merged into themselves")
    at = {"updatedAt": _at(change)}
    _write(world, loser | at | {"status": 0, "mergeCode": 11, "rootProfileId": winner["_key"]})
    _write(world, winner | at)


def _remove(world: World, change: Mapping[str, Any]) -> None:
    collection = _collection(world, change)
    _present(collection, change["key"])
    collection.remove(change["key"])


def _person(world: World, key: Any) -> dict[str, Any]:
    return _present(world.people, key)


def _present(collection: Collection, key: Any) -> dict[str, Any]:
    document = collection.get(key)
    if document is None:
        raise ValueError(f"nobody has the key {key!r}")
    return document


def _collection(world: World, change: Mapping[str, Any]) -> Collection:
    return {PEOPLE: world.people, EVENTS: world.events}[change.get("collection", PEOPLE)]


def _write(world: World, person: Mapping[str, Any]) -> None:
    world.people.put({**person, "_rev": world.next_rev()})


def _others(person: Mapping[str, Any], segment: str) -> list[Any]:
    return [one for one in person.get("inSegments") or [] if one.get("id") != segment]


def _at(change: Mapping[str, Any]) -> Any:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return change.get("at", now)


_WAYS: Mapping[Any, Callable[[World, Mapping[str, Any]], None]] = {
    "join": _join,
    "leave": _leave,
    "touch": _touch,
    "update": _update,
    "insert": _insert,
    "merge": _merge,
    "remove": _remove,
}
