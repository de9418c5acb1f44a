"""Whether a condition holds for one person. Nothing here raises and nothing is unknown: a missing value gives false."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from rules.conditions.compare import MISSING, passes, same, walk
from rules.conditions.dates import days_before, resolve
from rules.conditions.nodes import (
    All,
    Any_,
    Attribute,
    CameOf,
    Consented,
    Field,
    Happened,
    Like,
    Member,
    Node,
    Not,
    Pattern,
    Reachable,
    Span,
    Times,
)
from rules.conditions.person import Occurrence, Person, Result
from rules.consent import Consent, newest


def holds(node: Node, person: Person, now: datetime, today: date) -> bool:
    """Whether the part holds; `today` is the date in the tenant's zone."""
    return _HOLDS[type(node)](node, person, now, today)


def newest_consent(leaf: Consented, person: Person) -> Consent | None:
    """Give the consent that the condition is about."""
    return newest(person.consents, leaf.purpose, leaf.channel)


def found_in(leaf: Attribute | Field, person: Person) -> Any:
    """Give the value that the condition looks at, or MISSING."""
    if isinstance(leaf, Attribute):
        return walk(person.attributes, leaf.path)
    value = getattr(person, leaf.column)
    return MISSING if value is None else value


def counted(leaf: Happened | CameOf, person: Person, now: datetime) -> list[Occurrence] | list[Result]:
    """Give the events or outcomes that the condition counts; those dated after now have not happened yet."""
    after, before = _ends(leaf.span, now)
    if isinstance(leaf, CameOf):
        return [
            result
            for result in person.results
            if result.type in leaf.types
            and (leaf.campaign is None or result.campaign == leaf.campaign)
            and (leaf.channel is None or result.channel is leaf.channel)
            and _lies(result.at, after, before, now)
        ]
    return [
        event
        for event in person.events
        if event.type in leaf.types
        and _lies(event.at, after, before, now)
        and all(same(event.attributes.get(name, MISSING), wanted) for name, wanted in leaf.where)
    ]


def _ends(span: Span, now: datetime) -> tuple[datetime | None, datetime | None]:
    after = None if span.after is None else resolve(span.after, now)
    return after, None if span.before is None else resolve(span.before, now)


def _lies(at: datetime, after: datetime | None, before: datetime | None, now: datetime) -> bool:
    return at <= now and (after is None or at > after) and (before is None or at < before)


def _often(times: Times, count: int) -> bool:
    return count >= times.at_least and (times.at_most is None or count <= times.at_most)


def _recent(recency: tuple[float | None, float | None], newest: datetime, now: datetime) -> bool:
    at_least, at_most = recency
    return (at_least is None or newest <= days_before(now, at_least)) and (
        at_most is None or newest >= days_before(now, at_most)
    )


def _all(node: All, person: Person, now: datetime, today: date) -> bool:
    for part in node.parts:  # noqa: SIM110 - a generator would cost as much as the condition itself
        if not _HOLDS[type(part)](part, person, now, today):
            return False
    return True


def _any(node: Any_, person: Person, now: datetime, today: date) -> bool:
    for part in node.parts:  # noqa: SIM110 - a generator would cost as much as the condition itself
        if _HOLDS[type(part)](part, person, now, today):
            return True
    return False


def _not(node: Not, person: Person, now: datetime, today: date) -> bool:
    return not _HOLDS[type(node.part)](node.part, person, now, today)


def _value(leaf: Attribute | Field, person: Person, now: datetime, today: date) -> bool:
    return passes(found_in(leaf, person), leaf.test, leaf.wanted, now, today)


def _consented(leaf: Consented, person: Person, _now: datetime, _today: date) -> bool:
    newest = newest_consent(leaf, person)
    return newest is not None and newest.granted is leaf.granted


def _reachable(leaf: Reachable, person: Person, _now: datetime, _today: date) -> bool:
    return leaf.channel in person.reachable


def _happened(leaf: Happened, person: Person, now: datetime, _today: date) -> bool:
    events = counted(leaf, person, now)
    if not _often(leaf.times, len(events)):
        return False
    if leaf.recency is None:
        return True
    return bool(events) and _recent(leaf.recency, max(event.at for event in events), now)


def _came_of(leaf: CameOf, person: Person, now: datetime, _today: date) -> bool:
    return _often(leaf.times, len(counted(leaf, person, now)))


def _member(leaf: Member, person: Person, _now: datetime, _today: date) -> bool:
    return leaf.segment in person.segments


def _answered(leaf: Pattern | Like, person: Person, _now: datetime, _today: date) -> bool:
    return person.answers.get(leaf, False)


_HOLDS: Mapping[type[Node], Callable[[Any, Person, datetime, date], bool]] = {
    All: _all,
    Any_: _any,
    Not: _not,
    Attribute: _value,
    Field: _value,
    Consented: _consented,
    Reachable: _reachable,
    Happened: _happened,
    CameOf: _came_of,
    Member: _member,
    Pattern: _answered,
    Like: _answered,
}
