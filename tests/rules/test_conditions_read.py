"""Rules are read whole, or refused with the place that cannot be read."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.conditions import parse
from rules.errors import InvalidInput
from tests.rules.strategies import json_values, quick


def _nested(depth: int) -> Any:
    document: Any = {"all": []}
    for _ in range(depth - 1):
        document = {"not": document}
    return document


_WIDE = {"all": [{"segment": "a"}] * 499}


@pytest.mark.parametrize("document", [_nested(20), _WIDE, {"attribute": "a" * 2_048, "is": "b" * 2_048}])
def test_a_rule_may_be_as_large_as_this(document: Any) -> None:
    assert parse(document).document == document


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (None, "rule is no object"),
        ([], "rule is no object"),
        ({}, "rule needs exactly one of all, any, not, attribute"),
        ({"all": [], "any": []}, "rule needs exactly one"),
        ({"all": {}}, "rule.all is no list"),
        ({"all": [{"any": [1]}]}, r"rule.all\[0\].any\[0\] is no object"),
        ({"not": {"not": 1}}, "rule.not.not is no object"),
        ({"all": [], "x": 1}, "rule has an unknown key, 'x'"),
        ({"all": [], "\ud800": 1}, r"rule has an unknown key, '\\ud800'"),
        ({"all": [], 7: 1}, "rule has an unknown key, which is no text"),
        ({"all": [{"attribute": "a", "is": 1}, {"attribute": "b"}]}, r"rule.all\[1\] needs exactly one of is, is_not"),
        ({"attribute": "a", "is": 1, "in": [1]}, "rule needs exactly one of is"),
        ({"attribute": "", "is": 1}, "rule.attribute is no list|rule.attribute is no text"),
        ({"attribute": [], "is": 1}, "rule.attribute is no list, or an empty one"),
        ({"attribute": ["a", 7], "is": 1}, r"rule.attribute\[1\] is no text"),
        ({"attribute": "a\x00", "is": 1}, "rule.attribute has a letter that cannot be stored"),
        ({"attribute": "a", "is": "\udfff"}, "rule.is has a letter"),
        ({"attribute": "a", "is": [1]}, "rule.is is neither text nor a number"),
        ({"attribute": "a", "is": float("nan")}, "rule.is is a number beyond"),
        ({"attribute": "a", "is": float("inf")}, "rule.is is a number beyond"),
        ({"attribute": "a", "is": 10**5000}, "rule.is is a number beyond"),
        ({"attribute": "a", "at_least": "5"}, "rule.at_least is no number"),
        ({"attribute": "a", "at_least": True}, "rule.at_least is no number"),
        ({"attribute": "a", "between": [3, 1]}, "rule.between is not two numbers"),
        ({"attribute": "a", "in": ["a"] * 1_001}, "rule.in has more than 1,000 values"),
        ({"attribute": "a", "includes": ""}, "rule.includes is no text"),
        ({"attribute": "a", "exists": 1}, "rule.exists is neither true nor false"),
        ({"attribute": "a", "is": "a" * 2_049}, "rule.is has more than 2,048 letters"),
        ({"attribute": "a", "before": "2026-02-31"}, "rule.before is no date"),
        ({"attribute": "a", "before": {"days_ago": 1, "x": 2}}, "rule.before is neither a date nor"),
        ({"attribute": "a", "after": {"days_ago": 40_000}}, "rule.after.days_ago is no number from -36,525"),
        ({"attribute": "a", "in_last_days": -1}, "rule.in_last_days is no number from 0"),
        ({"attribute": "a", "anniversary_in_days": 1.5}, "rule.anniversary_in_days is no whole number"),
        ({"profile": "age", "is": "1"}, "rule.profile is none of ext_id"),
        ({"profile": "name", "at_least": 1}, "rule has an unknown key, 'at_least'"),
        ({"profile": "name", "is": None}, "rule.is is no text"),
        ({"profile": "created_at", "is": "x"}, "rule has an unknown key, 'is'"),
        ({"consent": "marketing", "channel": None}, "rule.channel is none of email"),
        ({"consent": "marketing", "granted": "yes"}, "rule.granted is neither"),
        ({"reachable": "fax"}, "rule.reachable is none of email"),
        ({"event": "a", "after": "2026-01-01", "in_last_days": 1}, "rule has both after and in_last_days"),
        ({"event": "a", "count": {}}, "rule.count is no object with at_least or at_most"),
        ({"event": "a", "count": {"at_least": 2, "at_most": 1}}, "rule.count has its larger number first"),
        ({"event": "a", "count": {"at_least": 10**7}}, "rule.count.at_least is no whole number"),
        ({"event": "a", "recency": {"at_least_days": None}}, "rule.recency is no object"),
        ({"event": "a", "where": {"x": [1]}}, "a value in rule.where is neither text"),
        ({"event": "a", "where": {"é": 1, "e\u0301": 2}}, "rule.where has one name twice"),
        ({"outcome": "opened"}, "rule.outcome is none of delivered"),
        ({"graph": {"cypher": "x" * 10_001}}, "rule.graph.cypher has more than 10,000 letters"),
        ({"graph": {"query": "x"}}, "rule.graph is neither the name of a pattern"),
        ({"like": {"text": "a"}}, "rule needs exactly one of within, nearest"),
        ({"like": {"text": "a", "segment": "b"}, "within": 1}, "rule.like needs exactly one of profile, text"),
        ({"like": {"text": "a"}, "within": 2.1}, "rule.within is no number from 0 to 2"),
        ({"like": {"text": "a"}, "nearest": 0}, "rule.nearest is no whole number from 1"),
        (_nested(21), "a part lies deeper than 20"),
        (_nested(100_000), "a part lies deeper than 20"),
        ({"all": [{"segment": "a"}] * 500}, "rule has more than 500 parts"),
        ({"all": [[[[[{}]]]]] * 1_000_000}, "rule has more than 500 parts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_refused_with_its_place(document: Any, place: str) -> None:
    with pytest.raises(InvalidInput, match=f"In a segment's rule, ({place})"):
        parse(document)


_keys = st.sampled_from(
    ["all", "any", "not", "attribute", "is", "event", "where", "like", "text", "graph", "with", "before"]
)
_anything = st.recursive(
    json_values | st.text(st.characters(), max_size=3),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(_keys, inside, max_size=3),
    max_leaves=10,
)


@quick
@given(_anything)
@example({"attribute": {"a": 1}, "is": 1})
@example({"like": {None: "a"}, "within": 1})
@example({"like": [1], "within": 1})
@example({"graph": [], "with": 1})
def test_nothing_but_a_refusal_comes_of_a_wrong_rule(document: Any) -> None:
    try:
        rule = parse(document)
    except InvalidInput:
        return
    assert parse(rule.document).tree == rule.tree
