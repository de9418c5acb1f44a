"""A segment's rule for one person, against a model of what PostgreSQL's `attributes @> document` means for scalars."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.conditions import MOST_CONDITIONS, parse
from rules.errors import InvalidInput
from tests.rules.strategies import json_values, quick

names = st.sampled_from(["city", "tier", "age", "opted"])
numbers = st.sampled_from([0, 1, 1.0, -0.0, 10**23, 1e23, 2**53 + 1, float(2**53), 0.1])
# jsonb holds no NUL, so no rule may ask for one.
storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
scalars = st.none() | st.booleans() | numbers | st.sampled_from(["", "1", "true", "Huế", "Hue\u0301"]) | storable


def _contains(attributes: str, wanted: str) -> bool:
    """What jsonb says of an object of scalars: numbers are exact decimals, types never mix."""
    left, right = (json.loads(text, parse_float=Decimal, parse_int=Decimal) for text in (attributes, wanted))
    return all(
        name in left and type(left[name]) is type(value) and left[name] == value for name, value in right.items()
    )


@quick
@given(st.dictionaries(names, scalars | json_values), st.dictionaries(names, scalars, max_size=2))
@example({"age": 10**23}, {"age": 1e23})
@example({"age": 2**53 + 1}, {"age": float(2**53)})
@example({"opted": 1}, {"opted": True})
@example({"opted": None}, {"opted": None})
@example({}, {"opted": None})
@example({"city": ["Huế"]}, {"city": "Huế"})
def test_a_rule_holds_where_the_attributes_contain_it(attributes: dict[str, Any], wanted: dict[str, Any]) -> None:
    rule = parse({"all": [{"attribute": name, "is": value} for name, value in wanted.items()]})
    assert rule.holds(attributes) is _contains(json.dumps(attributes), json.dumps(rule.containment()))


@quick
@given(st.dictionaries(names, scalars))
def test_a_rule_holds_for_what_it_asks_for(wanted: dict[str, Any]) -> None:
    rule = parse({"all": [{"attribute": name, "is": value} for name, value in wanted.items()]})
    assert rule.containment() == wanted
    assert rule.holds({**wanted, "more": "than asked"})


def test_an_empty_rule_holds_for_everyone() -> None:
    assert parse({"all": []}).holds({})


def test_the_same_condition_may_be_given_twice() -> None:
    condition = {"attribute": "city", "is": "Huế"}
    assert parse({"all": [condition, condition]}).containment() == {"city": "Huế"}


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (None, "a rule"),
        ([], "a rule"),
        ({}, "a rule"),
        ({"any": []}, "a rule"),
        ({"all": [], "any": []}, "a rule"),
        ({"all": {}}, "a rule"),
        ({"all": [{"attribute": "a", "is": 1}] * (MOST_CONDITIONS + 1)}, "a rule"),
        ({"all": ["city"]}, "condition 1"),
        ({"all": [{"attribute": "a", "is": 1}, {"attribute": "b"}]}, "condition 2"),
        ({"all": [{"attribute": "a", "is": 1, "not": 2}]}, "condition 1"),
        ({"all": [{"attribute": "", "is": 1}]}, "condition 1"),
        ({"all": [{"attribute": 7, "is": 1}]}, "condition 1"),
        ({"all": [{"attribute": "a\x00", "is": 1}]}, "condition 1"),
        ({"all": [{"attribute": "\ud800", "is": 1}]}, "condition 1"),
        ({"all": [{"attribute": "a", "is": "\x00"}]}, "condition 1"),
        ({"all": [{"attribute": "a", "is": "\udfff"}]}, "condition 1"),
        ({"all": [{"attribute": "a", "is": [1]}]}, "condition 1"),
        ({"all": [{"attribute": "a", "is": {"b": 1}}]}, "condition 1"),
        ({"all": [{"attribute": "a", "is": float("nan")}]}, "condition 1"),
        ({"all": [{"attribute": "a", "is": float("inf")}]}, "condition 1"),
        ({"all": [{"attribute": "a", "is": 1}, {"attribute": "a", "is": 2}]}, "condition 2"),
        ({"all": [{"attribute": "a", "is": 1}, {"attribute": "a", "is": True}]}, "condition 2"),
    ],
)
def test_a_rule_that_cannot_be_read_names_the_condition(document: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=f"In a segment's rule {named} "):
        parse(document)


texts = st.text(st.characters(), max_size=3)
anything = json_values | texts
conditions = st.fixed_dictionaries({}, optional={"attribute": names | anything, "is": anything, "more": anything})


@quick
@given(anything | st.fixed_dictionaries({"all": anything | st.lists(conditions | anything, max_size=3)}))
def test_nothing_but_a_refusal_comes_of_a_wrong_rule(document: Any) -> None:
    try:
        rule = parse(document)
    except InvalidInput:
        return
    assert rule.holds(rule.containment())
