"""Reads each condition of a rule's JSON into a leaf of the tree."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from rules.conditions import values
from rules.conditions.nodes import (
    Ago,
    Attribute,
    CameOf,
    Column,
    Consented,
    Field,
    Happened,
    Leaf,
    Like,
    Member,
    Pattern,
    Reachable,
    Span,
    Test,
    Times,
    Wanted,
)
from rules.conditions.values import wrong
from rules.words import Channel, OutcomeType

MOST_CYPHER = 10_000
MOST_NEAREST = 100_000
FARTHEST = 2

Document: TypeAlias = Mapping[str, Any]
Read: TypeAlias = Callable[[Any, str], Wanted]


def _anniversary(value: Any, place: str) -> Wanted:
    return values.whole(value, place, values.MOST_ANNIVERSARY_DAYS)


def _between(value: Any, place: str) -> Wanted:
    read = values.many(value, place, values.number, most=2)
    if len(read) != 2 or read[0] > read[1]:  # noqa: PLR2004 - from the one to the other
        raise wrong(place, "no_range")
    return read


def _scalars(value: Any, place: str) -> Wanted:
    return values.many(value, place, values.scalar)


def _texts(value: Any, place: str) -> Wanted:
    return values.many(value, place, values.text)


_LETTERS: Mapping[Test, Read] = {
    Test.INCLUDES: values.text,
    Test.STARTS_WITH: values.text,
    Test.ENDS_WITH: values.text,
    Test.EXISTS: values.flag,
    Test.IS_EMPTY: values.flag,
}
_WHEN: Mapping[Test, Read] = {
    Test.BEFORE: values.bound,
    Test.AFTER: values.bound,
    Test.IN_LAST_DAYS: values.days,
    Test.IN_NEXT_DAYS: values.days,
    Test.ANNIVERSARY_IN_DAYS: _anniversary,
}
ATTRIBUTE_TESTS: Mapping[Test, Read] = MappingProxyType(
    {
        Test.IS: values.scalar,
        Test.IS_NOT: values.scalar,
        Test.IN: _scalars,
        Test.NOT_IN: _scalars,
        Test.MORE_THAN: values.number,
        Test.AT_LEAST: values.number,
        Test.LESS_THAN: values.number,
        Test.AT_MOST: values.number,
        Test.BETWEEN: _between,
        Test.CONTAINS: values.scalar,
        Test.CONTAINS_ANY: _scalars,
        Test.CONTAINS_NONE: _scalars,
        **_LETTERS,
        **_WHEN,
    }
)
TEXT_TESTS: Mapping[Test, Read] = MappingProxyType(
    {Test.IS: values.text, Test.IS_NOT: values.text, Test.IN: _texts, Test.NOT_IN: _texts, **_LETTERS}
)
INSTANT_TESTS: Mapping[Test, Read] = MappingProxyType(_WHEN)


def _test(node: Document, place: str, kind: str, tests: Mapping[Test, Read]) -> tuple[Test, Wanted]:
    values.keys(node, place, kind, *tests)
    asked = [test for test in tests if test in node]
    if len(asked) != 1:
        raise wrong(place, "needs_one", known=", ".join(tests))
    test = asked[0]
    return test, tests[test](node[test], f"{place}.{test}")


def _attribute(node: Document, place: str) -> Leaf:
    path = node["attribute"]
    steps = values.one_or_many if isinstance(path, str) else values.many
    names = steps(path, f"{place}.attribute", values.text, values.MOST_STEPS)
    return Attribute(names, *_test(node, place, "attribute", ATTRIBUTE_TESTS))


def _field(node: Document, place: str) -> Leaf:
    column = values.word(node["profile"], f"{place}.profile", Column)
    return Field(column, *_test(node, place, "profile", INSTANT_TESTS if column is Column.CREATED_AT else TEXT_TESTS))


def _consented(node: Document, place: str) -> Leaf:
    values.keys(node, place, "consent", "channel", "granted")
    return Consented(
        values.text(node["consent"], f"{place}.consent"),
        _channel(node, place),
        values.flag(node.get("granted", True), f"{place}.granted"),
    )


def _reachable(node: Document, place: str) -> Leaf:
    values.keys(node, place, "reachable")
    return Reachable(values.word(node["reachable"], f"{place}.reachable", Channel))


def _channel(node: Document, place: str) -> Channel | None:
    return values.word(node["channel"], f"{place}.channel", Channel) if "channel" in node else None


def _happened(node: Document, place: str) -> Leaf:
    values.keys(node, place, "event", "where", "after", "before", "in_last_days", "count", "recency")
    return Happened(
        values.one_or_many(node["event"], f"{place}.event", values.text),
        values.pairs(node.get("where", {}), f"{place}.where"),
        _span(node, place),
        _times(node, place),
        _recency(node, place),
    )


def _came_of(node: Document, place: str) -> Leaf:
    values.keys(node, place, "outcome", "campaign", "channel", "after", "before", "in_last_days", "count")
    return CameOf(
        values.one_or_many(node["outcome"], f"{place}.outcome", lambda one, at: values.word(one, at, OutcomeType)),
        values.text(node["campaign"], f"{place}.campaign") if "campaign" in node else None,
        _channel(node, place),
        _span(node, place),
        _times(node, place),
    )


def _span(node: Document, place: str) -> Span:
    if "in_last_days" in node and "after" in node:
        raise wrong(place, "two_spans")
    after = values.bound(node["after"], f"{place}.after") if "after" in node else None
    before = values.bound(node["before"], f"{place}.before") if "before" in node else None
    if "in_last_days" in node:
        after = Ago(values.days(node["in_last_days"], f"{place}.in_last_days"))
    return Span(after, before)


def _times(node: Document, place: str) -> Times:
    if "count" not in node:
        return Times()
    place = f"{place}.count"
    low, high = _range(node["count"], place, ("at_least", "at_most"))
    at_least = None if low is None else values.whole(low, f"{place}.at_least", values.MOST_TIMES)
    at_most = None if high is None else values.whole(high, f"{place}.at_most", values.MOST_TIMES)
    _refuse_reversed(at_least, at_most, place)
    return Times(at_least or 0, at_most)


def _recency(node: Document, place: str) -> tuple[float | None, float | None] | None:
    if "recency" not in node:
        return None
    place = f"{place}.recency"
    low, high = _range(node["recency"], place, ("at_least_days", "at_most_days"))
    at_least = None if low is None else values.days(low, f"{place}.at_least_days")
    at_most = None if high is None else values.days(high, f"{place}.at_most_days")
    _refuse_reversed(at_least, at_most, place)
    return at_least, at_most


def _range(value: Any, place: str, ends: tuple[str, str]) -> tuple[Any, Any]:
    if not isinstance(value, Mapping) or not value or any(end in value and value[end] is None for end in ends):
        raise wrong(place, "no_ends", known=" or ".join(ends))
    values.keys(value, place, *ends)
    return value.get(ends[0]), value.get(ends[1])


def _refuse_reversed(low: float | None, high: float | None, place: str) -> None:
    if low is not None and high is not None and low > high:
        raise wrong(place, "reversed")


def _member(node: Document, place: str) -> Leaf:
    values.keys(node, place, "segment")
    return Member(values.text(node["segment"], f"{place}.segment"))


def _pattern(node: Document, place: str) -> Leaf:
    values.keys(node, place, "graph", "with")
    graph, given = node["graph"], values.pairs(node.get("with", {}), f"{place}.with")
    if not isinstance(graph, Mapping):
        return Pattern(values.text(graph, f"{place}.graph"), None, given)
    if set(graph) != {"cypher"}:
        raise wrong(f"{place}.graph", "no_graph")
    return Pattern(None, values.text(graph["cypher"], f"{place}.graph.cypher", most=MOST_CYPHER), given)


def _like(node: Document, place: str) -> Leaf:
    values.keys(node, place, "like", "within", "nearest")
    like = node["like"]
    if not isinstance(like, Mapping) or len(like) != 1 or not set(like) <= {"profile", "text", "segment"}:
        raise wrong(f"{place}.like", "needs_one", known="profile, text, segment")
    if ("within" in node) == ("nearest" in node):
        raise wrong(place, "needs_one", known="within, nearest")
    ((kind, value),) = like.items()
    whom = values.text(value, f"{place}.like.{kind}", composed=kind != "profile")
    return Like(
        **{kind: whom},
        within=values.amount(node["within"], f"{place}.within", FARTHEST) if "within" in node else None,
        nearest=values.whole(node["nearest"], f"{place}.nearest", MOST_NEAREST, 1) if "nearest" in node else None,
    )


LEAVES: Mapping[str, Callable[[Document, str], Leaf]] = MappingProxyType(
    {
        "attribute": _attribute,
        "profile": _field,
        "consent": _consented,
        "reachable": _reachable,
        "event": _happened,
        "outcome": _came_of,
        "segment": _member,
        "graph": _pattern,
        "like": _like,
    }
)
