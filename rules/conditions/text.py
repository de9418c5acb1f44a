"""A rule as a sentence in English or Vietnamese, for the person who chooses whom to write to."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from rules.conditions import say
from rules.conditions.nodes import (
    Ago,
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
    Pairs,
    Pattern,
    Reachable,
    Span,
    Test,
    Times,
)
from rules.conditions.phrases import Language
from rules.conditions.say import phrase
from rules.words import Channel


def text(node: Node, language: Language) -> str:
    """Say what the part asks for."""
    return _SAY[type(node)](node, language)


def where_covered(channel: Channel | None, language: Language) -> str:
    """Say which channels a consent covers."""
    if channel is None:
        return phrase(language, "by every channel")
    return phrase(language, "by channel", channel=phrase(language, channel))


def _group(node: All | Any_, language: Language, *, between: str, empty: str) -> str:
    if not node.parts:
        return phrase(language, empty)
    if len(node.parts) == 1:
        return text(node.parts[0], language)
    return phrase(language, between).join(_enclosed(part, language) for part in node.parts)


def _enclosed(node: Node, language: Language) -> str:
    said = text(node, language)
    while isinstance(node, All | Any_) and len(node.parts) == 1:
        node = node.parts[0]
    return f"({said})" if isinstance(node, All | Any_) and node.parts else said


def _not(node: Not, language: Language) -> str:
    return phrase(language, "not", part=text(node.part, language))


def _attribute(leaf: Attribute, language: Language) -> str:
    return _tested(say.name(leaf.path), leaf.test, leaf.wanted, language)


def _field(leaf: Field, language: Language) -> str:
    return _tested(phrase(language, leaf.column), leaf.test, leaf.wanted, language)


def _tested(of: str, test: Test, wanted: Any, language: Language) -> str:
    if test in {Test.EXISTS, Test.IS_EMPTY}:
        return phrase(language, test if wanted else f"{test} no", of=of)
    if test in {Test.IN_LAST_DAYS, Test.IN_NEXT_DAYS}:
        return phrase(language, test, of=of, days=say.last_days(wanted, language))
    if test is Test.ANNIVERSARY_IN_DAYS:
        today = wanted == 0
        return phrase(language, "anniversary today" if today else test, of=of, days=say.last_days(wanted, language))
    if test is Test.BETWEEN:
        low, high = (say.number(one, language) for one in wanted)
        return phrase(language, test, of=of, low=low, high=high)
    return phrase(language, test, of=of, wanted=_wanted(test, wanted, language))


def _wanted(test: Test, wanted: Any, language: Language) -> str:
    if isinstance(wanted, datetime | Ago):
        return _bound(test, wanted, language)
    if isinstance(wanted, tuple):
        return say.listed((say.value(one, language) for one in wanted), language)
    return say.value(wanted, language)


def _bound(side: str, wanted: datetime | Ago, language: Language) -> str:
    if isinstance(wanted, datetime):
        return phrase(language, f"{side} date", date=say.date(wanted, language))
    if wanted.days == 0:
        return phrase(language, f"{side} now")
    return phrase(
        language, f"{side} ago" if wanted.days > 0 else f"{side} ahead", days=say.days(abs(wanted.days), language)
    )


def _consented(leaf: Consented, language: Language) -> str:
    where = where_covered(leaf.channel, language)
    said = "granted" if leaf.granted else "withdrawn"
    return phrase(language, said, purpose=say.quoted(leaf.purpose), where=where)


def _reachable(leaf: Reachable, language: Language) -> str:
    return phrase(language, "reachable", channel=phrase(language, leaf.channel))


def _happened(leaf: Happened, language: Language) -> str:
    types = say.listed((say.quoted(one) for one in leaf.types), language)
    said = _often("did", types, leaf.times, language) + _pairs(leaf.where, language) + _span(leaf.span, language)
    return said + _recency(leaf.recency, language)


def _came_of(leaf: CameOf, language: Language) -> str:
    types = say.listed((phrase(language, one) for one in leaf.types), language)
    campaign = "" if leaf.campaign is None else phrase(language, "in campaign", campaign=say.quoted(leaf.campaign))
    channel = "" if leaf.channel is None else f" {where_covered(leaf.channel, language)}"
    return _often("came of", types + campaign + channel, leaf.times, language) + _span(leaf.span, language)


def _often(verb: str, types: str, times: Times, language: Language) -> str:
    low, high = times.at_least, times.at_most
    if high == 0:
        return phrase(language, f"never {verb}", types=types)
    what = phrase(language, verb, types=types)
    if high is None and low == 1:
        return what
    written = {"low": say.number(low, language), "high": say.number(high or 0, language)}
    return phrase(language, _how_often(low, high), what=what, **written)


def _how_often(low: int, high: int | None) -> str:
    if high is None:
        return "at least times" if low else "ever"
    if low == high:
        return "exactly once" if high == 1 else "exactly times"
    if low:
        return "from to times"
    return "at most once" if high == 1 else "at most times"


def _pairs(pairs: Pairs, language: Language) -> str:
    if not pairs:
        return ""
    said = (phrase(language, "pair", name=say.name(key), value=say.value(one, language)) for key, one in pairs)
    return phrase(language, "with", pairs=say.listed(said, language, "and"))


def _span(span: Span, language: Language) -> str:
    said = ""
    if isinstance(span.after, Ago) and span.after.days >= 0:
        said += phrase(language, "span last", days=say.last_days(span.after.days, language))
    elif span.after is not None:
        said += f" {_bound('after', span.after, language)}"
    return said if span.before is None else f"{said} {_bound('before', span.before, language)}"


def _recency(recency: tuple[float | None, float | None] | None, language: Language) -> str:
    if recency is None:
        return ""
    low, high = ("" if end is None else say.days(end, language) for end in recency)
    kind = "both" if low and high else "at least" if low else "at most"
    return phrase(language, f"recency {kind}", low=low, high=high)


def _member(leaf: Member, language: Language) -> str:
    return phrase(language, "segment", segment=say.quoted(leaf.segment))


def _pattern(leaf: Pattern, language: Language) -> str:
    if leaf.name is not None:
        return phrase(language, "pattern", name=say.quoted(leaf.name)) + _pairs(leaf.values, language)
    return phrase(language, "cypher", cypher=say.quoted(leaf.cypher or "")) + _pairs(leaf.values, language)


def _like(leaf: Like, language: Language) -> str:
    given = {"the profile": leaf.profile, "the text": leaf.text, "the segment": leaf.segment}
    whom = next(phrase(language, kind, which=say.quoted(one)) for kind, one in given.items() if one is not None)
    if leaf.nearest is not None:
        return phrase(language, "nearest", count=say.number(leaf.nearest, language), whom=whom)
    return phrase(language, "within", distance=say.number(leaf.within or 0, language), whom=whom)


_SAY: Mapping[type[Node], Callable[[Any, Language], str]] = {
    All: partial(_group, between="and", empty="everyone"),
    Any_: partial(_group, between="or", empty="nobody"),
    Not: _not,
    Attribute: _attribute,
    Field: _field,
    Consented: _consented,
    Reachable: _reachable,
    Happened: _happened,
    CameOf: _came_of,
    Member: _member,
    Pattern: _pattern,
    Like: _like,
}
