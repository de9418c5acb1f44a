"""Why a rule holds for a person or does not: each condition in words, whether it holds, and what was found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from rules.conditions import say
from rules.conditions.compare import MISSING
from rules.conditions.hold import counted, found_in, holds, newest_consent
from rules.conditions.nodes import (
    All,
    Any_,
    Attribute,
    CameOf,
    Consented,
    Field,
    Happened,
    Leaf,
    Like,
    Member,
    Node,
    Not,
    Pattern,
    Reachable,
)
from rules.conditions.person import Person
from rules.conditions.phrases import Language
from rules.conditions.say import phrase
from rules.conditions.text import text, where_covered

Evidence: TypeAlias = Mapping[str, Any]

_MOST_SHOWN = 20
_LONGEST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Explained:
    """One part of a rule: `text` says what it asks, `found` what the person has, `evidence` the same as JSON.

    Evidence is {"value"} (absent where there is none), {"count", "newest"?}, {"consent": {"channel", "granted", "at"}
    or null}, {"channels"}, {"segments"} or {"answer"}; a group has none, and its parts instead.
    """

    text: str
    holds: bool
    found: str = ""
    evidence: Evidence = field(default_factory=dict)
    parts: "tuple[Explained, ...]" = ()

    def to_document(self) -> dict[str, Any]:
        """Give a JSON document; what is empty is left out."""
        document: dict[str, Any] = {"text": self.text, "holds": self.holds}
        if self.found:
            document["found"] = self.found
        if self.evidence:
            document["evidence"] = dict(self.evidence)
        if self.parts:
            document["parts"] = [part.to_document() for part in self.parts]
        return document


def explain(node: Node, person: Person, now: datetime, today: date, language: Language) -> Explained:
    """Explain a part and everything inside it; every part is evaluated, even where the result is already settled."""
    if isinstance(node, Not):
        part = explain(node.part, person, now, today, language)
        return Explained(phrase(language, "none of"), not part.holds, parts=(part,))
    if isinstance(node, All | Any_):
        return _group(node, person, now, today, language)
    found, evidence = _FOUND[type(node)](node, person, now, language)
    return Explained(text(node, language), holds(node, person, now, today), found, evidence)


def inactive(explained: Explained, language: Language) -> Explained:
    """Explain that no rule holds for a profile that was merged or deleted."""
    active = Explained(phrase(language, "active"), holds=False)
    return Explained(phrase(language, "all of"), holds=False, parts=(active, explained))


def _group(node: All | Any_, person: Person, now: datetime, today: date, language: Language) -> Explained:
    parts = tuple(explain(part, person, now, today, language) for part in node.parts)
    if isinstance(node, All):
        said = phrase(language, "all of" if parts else "everyone")
        return Explained(said, all(part.holds for part in parts), parts=parts)
    said = phrase(language, "any of" if parts else "nobody")
    return Explained(said, any(part.holds for part in parts), parts=parts)


_Found: TypeAlias = tuple[str, Evidence]


def _value(leaf: Attribute | Field, person: Person, _now: datetime, language: Language) -> _Found:
    value = found_in(leaf, person)
    if value is MISSING:
        return phrase(language, "found nothing"), {}
    if isinstance(value, datetime):
        return phrase(language, "found", value=say.date(value, language)), {"value": value.isoformat()}
    return phrase(language, "found", value=say.value(value, language)), {"value": _shown(value)}


def _shown(value: Any) -> Any:
    """Give the value as JSON, cut to a length that people read."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, str):
        return value[:_LONGEST_SHOWN]
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value[:_MOST_SHOWN]]
    if isinstance(value, Mapping):
        return {key: _shown(value[key]) for key in list(value)[:_MOST_SHOWN]}
    return value


def _consent(leaf: Consented, person: Person, _now: datetime, language: Language) -> _Found:
    newest = newest_consent(leaf, person)
    if newest is None:
        return phrase(language, "no consent"), {"consent": None}
    said = "consent granted" if newest.granted else "consent withdrawn"
    where = where_covered(newest.channel, language)
    consent = {"channel": newest.channel, "granted": newest.granted, "at": newest.at.isoformat()}
    return phrase(language, said, date=say.date(newest.at, language), where=where), {"consent": consent}


def _channels(_leaf: Reachable, person: Person, _now: datetime, language: Language) -> _Found:
    channels = sorted(person.reachable)
    said = [phrase(language, channel) for channel in channels]
    return _listed(said, language), {"channels": channels}


def _count(leaf: Happened | CameOf, person: Person, now: datetime, language: Language) -> _Found:
    times = [one.at for one in counted(leaf, person, now)]
    count = say.number(len(times), language)
    if not times:
        return phrase(language, "count", count=count), {"count": 0}
    newest = max(times)
    said = phrase(language, "count newest", count=count, date=say.date(newest, language))
    return said, {"count": len(times), "newest": newest.isoformat()}


def _segments(_leaf: Member, person: Person, _now: datetime, language: Language) -> _Found:
    segments = sorted(person.segments)
    return _listed([say.quoted(key) for key in segments], language), {"segments": segments[:_MOST_SHOWN]}


def _answer(leaf: Pattern | Like, person: Person, _now: datetime, language: Language) -> _Found:
    answer = person.answers.get(leaf)
    return ("" if answer is not None else phrase(language, "unanswered")), {"answer": answer}


def _listed(said: list[str], language: Language) -> str:
    if not said:
        return phrase(language, "found nothing")
    return phrase(language, "found", value=say.listed(said, language, "and"))


_FOUND: Mapping[type[Leaf], Callable[[Any, Person, datetime, Language], _Found]] = {
    Attribute: _value,
    Field: _value,
    Consented: _consent,
    Reachable: _channels,
    Happened: _count,
    CameOf: _count,
    Member: _segments,
    Pattern: _answer,
    Like: _answer,
}
