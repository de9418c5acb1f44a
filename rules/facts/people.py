"""A person, as the conditions of a policy see them, as a document without what the surrounding facts already say.

Numbers keep their type: a Decimal is written as text and its position is listed. An answer from the database (graph
pattern, likeness) is stored with its condition, so that any policy that asks the same finds it again.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from rules.conditions import parse
from rules.conditions.nodes import Leaf, Like, Pattern
from rules.conditions.person import Occurrence, Person, Result
from rules.facts.parts import read_channel, read_consents, write_consents
from rules.words import Channel, OutcomeType

Shared: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str | int, ...]

_TEXTS = ("source", "name", "locale", "zone", "active")


def write(person: Person, shared: Shared) -> dict[str, Any]:
    """Give a JSON document; fields that are identical to those of the same name in `shared` are left out."""
    document: dict[str, Any] = {"created_at": person.created_at.isoformat()}
    for name in ("profile_id", "ext_id", *_TEXTS):
        if name not in shared or getattr(person, name) != shared[name]:
            document[name] = getattr(person, name)
    if repr(person.attributes) != repr(shared.get("attributes")):
        document["attributes"] = exact(person.attributes)
    if person.consents != shared.get("consents"):
        document["consents"] = write_consents(person.consents)
    if person.reachable:
        document["reachable"] = sorted(person.reachable)
    if person.events:
        document["events"] = [[e.type, e.at.isoformat(), exact(e.attributes)] for e in person.events]
    if person.results:
        document["results"] = [[r.type, r.at.isoformat(), r.campaign, r.channel] for r in person.results]
    if person.segments:
        document["segments"] = sorted(person.segments)
    if person.answers:
        document["answers"] = [[_condition(leaf), answer] for leaf, answer in person.answers.items()]
    return document


def read(document: Mapping[str, Any], shared: Shared) -> Person:
    """Read what `write` wrote with the same `shared`; raises KeyError, TypeError or ValueError on anything else."""
    texts = {name: document[name] if name in document else shared[name] for name in ("profile_id", "ext_id", *_TEXTS)}
    return Person(
        **texts,
        created_at=datetime.fromisoformat(document["created_at"]),
        attributes=inexact(document["attributes"]) if "attributes" in document else shared["attributes"],
        consents=read_consents(document["consents"]) if "consents" in document else shared["consents"],
        reachable=frozenset(Channel(one) for one in document.get("reachable", ())),
        events=tuple(
            Occurrence(kind, datetime.fromisoformat(at), inexact(attributes))
            for kind, at, attributes in document.get("events", ())
        ),
        results=tuple(
            Result(OutcomeType(kind), datetime.fromisoformat(at), campaign, read_channel(channel))
            for kind, at, campaign, channel in document.get("results", ())
        ),
        segments=frozenset(document.get("segments", ())),
        answers={_leaf(condition): answer for condition, answer in document.get("answers", ())},
    )


def exact(value: Any) -> list[Any]:
    """Write a JSON value that may contain Decimals: the value with them as text, then the position of each."""
    return [_plain(value), *(list(place) for place in _decimals(value, ()))]


def inexact(written: Sequence[Any]) -> Any:
    """Read what `exact` wrote, without changing it."""
    value, *places = written
    return _restored(value, {tuple(place) for place in places}, ()) if places else value


def _restored(value: Any, places: set[Path], here: Path) -> Any:
    if here in places:
        return Decimal(value)
    if isinstance(value, Mapping):
        return {key: _restored(one, places, (*here, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_restored(one, places, (*here, index)) for index, one in enumerate(value)]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _decimals(value: Any, place: Path) -> Iterator[Path]:
    if isinstance(value, Decimal):
        yield place
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from _decimals(value[key], (*place, key))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from _decimals(one, (*place, index))


def _condition(leaf: Leaf) -> dict[str, Any]:
    """Write, in the rule language, a condition that only the database can answer."""
    if isinstance(leaf, Pattern):
        graph = {"cypher": leaf.cypher} if leaf.name is None else leaf.name
        return {"graph": graph, "with": dict(leaf.values)}
    if not isinstance(leaf, Like):
        raise TypeError(f"{type(leaf).__name__} is answered by what is known, not by the database")
    kinds = {"profile": leaf.profile, "text": leaf.text, "segment": leaf.segment}
    limits = {"within": leaf.within, "nearest": leaf.nearest}
    return {
        "like": {kind: whom for kind, whom in kinds.items() if whom is not None},
        **{limit: number for limit, number in limits.items() if number is not None},
    }


def _leaf(condition: Mapping[str, Any]) -> Leaf:
    (leaf,) = parse(condition).leaves()
    return leaf
