"""The JSON Schema accepts what is accepted, and refuses what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rules.conditions import JSON_SCHEMA, parse
from rules.errors import InvalidInput
from tests.rules.conditions_strategies import NO_DATES, rules
from tests.rules.strategies import json_values, quick

_DOCS = Path(__file__).parents[2] / "docs"
_VALIDATOR = Draft202012Validator(JSON_SCHEMA)
# What a schema cannot say.
_UNSAYABLE = ("deeper than", "more than 500 parts", "the smaller first", "larger number first", "one name twice")

_words = st.sampled_from(
    [
        *("all", "any", "not", "attribute", "profile", "consent", "reachable", "event", "outcome", "segment", "graph"),
        *(
            "like",
            "is",
            "in",
            "between",
            "at_least",
            "at_most",
            "before",
            "after",
            "in_last_days",
            "anniversary_in_days",
        ),
        *("count", "recency", "at_least_days", "where", "with", "campaign", "channel", "granted", "cypher", "days_ago"),
        *(
            "within",
            "nearest",
            "text",
            "email",
            "clicked",
            "name",
            "created_at",
            "exists",
            "contains_any",
            "2026-03-01",
        ),
    ]
)
_anything = st.recursive(
    json_values
    | _words
    | st.sampled_from(NO_DATES)
    | st.sampled_from([0, -1, 1.0, 2, 367, 36_526, 1e308, 2e308, 10**400]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(_words | st.text(max_size=2), inside, max_size=3),
    max_leaves=8,
)


def _replaced(draw: st.DrawFn, value: Any) -> Any:
    """Change one thing somewhere: another value, one key more, or one less."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: _replaced(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _replaced(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and draw(st.booleans()):
        return {**value, draw(_words): draw(_anything)}
    return draw(_anything)


@st.composite
def _nearly_rules(draw: st.DrawFn) -> Any:
    return _replaced(draw, draw(rules(answers=True)))


def _refusal(document: Any) -> str:
    try:
        parse(document)
    except InvalidInput as error:
        return error.message
    return ""


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(JSON_SCHEMA)


def test_the_published_schema_is_the_one_in_use() -> None:
    assert (_DOCS / "segment-rule.schema.json").read_text() == json.dumps(
        JSON_SCHEMA, ensure_ascii=False, indent=2
    ) + "\n"


@pytest.mark.parametrize("page", ["segments.md", "segments.vi.md"])
def test_every_example_in_the_docs_is_a_rule(page: str) -> None:
    written = (_DOCS / page).read_text()
    examples = re.findall(r"```json\n(.+?)```", written, re.DOTALL) + re.findall(r"\| `({.+?})` \|", written)
    assert len(examples) > 20
    for example_ in examples:
        _VALIDATOR.validate(parse(json.loads(example_)).document)


@quick
@given(rules(answers=True))
def test_every_rule_that_can_be_read_is_in_the_schema(document: dict[str, Any]) -> None:
    parse(document)
    _VALIDATOR.validate(document)


@quick
@given(_nearly_rules() | _anything)
@example({"attribute": "a", "before": "2026-03-01\n"})
@example({"attribute": "a\n", "is": "\n"})
@example({"attribute": "a", "is": "\x00"})
@example({"attribute": "a", "is": "\udfff"})
@example({"attribute": "a", "anniversary_in_days": 7.0})
@example({"attribute": "a", "anniversary_in_days": True})
@example({"attribute": "a", "at_least": True})
@example({"attribute": "a", "is": 10**400})
@example({"event": "a", "after": "2026-03-01", "in_last_days": 1})
@example({"event": "a", "count": {}})
@example({"event": "a", "recency": {"at_least_days": None}})
@example({"reachable": "fax"})
@example({"profile": "created_at", "is": "2026-03-01"})
@example({"profile": "name", "is": None})
@example({"graph": {"cypher": "x" * 10_000}})
@example({"graph": {"cypher": "x" * 10_001}})
@example({"attribute": "a", "in": ["x"] * 1_000})
@example({"attribute": "a", "in": ["x"] * 1_001})
@example({"attribute": "a", "is": "x" * 2_049})
@example({"attribute": ["a"] * 21, "is": 1})
@example({"like": {"text": "x"}, "nearest": 0})
@example({"like": {"text": "x", "profile": "x"}, "nearest": 1})
@example({"like": {}, "within": 1})
def test_what_is_refused_is_not_in_the_schema(document: Any) -> None:
    refusal = _refusal(document)
    assume(not any(why in refusal for why in _UNSAYABLE))
    assert _VALIDATOR.is_valid(document) is (not refusal), refusal
