"""The JSON Schema (draft 2020-12) of a rule, published as docs/segment-rule.schema.json.

It accepts what `parse` accepts, except for what a schema cannot express: how many parts a rule may have, how deep they
may be nested, that a range has its smaller number first, and that two names are the same name once composed.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from rules.conditions import values
from rules.conditions.dates import PATTERN
from rules.conditions.leaves import ATTRIBUTE_TESTS, FARTHEST, INSTANT_TESTS, MOST_CYPHER, MOST_NEAREST, TEXT_TESTS
from rules.conditions.nodes import Column, Test
from rules.conditions.read import DEEPEST, MOST_NODES
from rules.words import Channel, OutcomeType

_Schema: TypeAlias = dict[str, Any]


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(of: _Schema, most: int = values.MOST_VALUES, least: int = 1) -> _Schema:
    return {"type": "array", "items": of, "minItems": least, "maxItems": most}


def _one_or_many(of: _Schema, most: int = values.MOST_VALUES) -> _Schema:
    return {"anyOf": [of, _list(of, most)]}


def _object(description: str, required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> _Schema:
    return {
        "description": description,
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": [*required],
        "additionalProperties": False,
    }


def _tested(description: str, subject: Mapping[str, Any], tests: Iterable[Test], of: Mapping[Test, _Schema]) -> _Schema:
    tested = _object(description, subject, {test.value: of[test] for test in tests})
    return {**tested, "minProperties": 2, "maxProperties": 2}


def _range(low: str, high: str, of: _Schema) -> _Schema:
    return {**_object("At least one end; both belong to it.", {}, {low: of, high: of}), "minProperties": 1}


def _whole(most: int, least: int = 0) -> _Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _amount(most: float, least: float = 0) -> _Schema:
    return {"type": "number", "minimum": least, "maximum": most}


def _timed(description: str, required: Mapping[str, Any], optional: Mapping[str, Any]) -> _Schema:
    when = {
        "after": _ref("instant"),
        "before": _ref("instant"),
        "in_last_days": _ref("days"),
        "count": _range("at_least", "at_most", _whole(values.MOST_TIMES)),
    }
    return {**_object(description, required, {**optional, **when}), "not": {"required": ["after", "in_last_days"]}}


_WANTED: Mapping[Test, _Schema] = {
    **dict.fromkeys((Test.IS, Test.IS_NOT, Test.CONTAINS), _ref("scalar")),
    **dict.fromkeys((Test.IN, Test.NOT_IN, Test.CONTAINS_ANY, Test.CONTAINS_NONE), _list(_ref("scalar"))),
    **dict.fromkeys((Test.MORE_THAN, Test.AT_LEAST, Test.LESS_THAN, Test.AT_MOST), _ref("number")),
    Test.BETWEEN: _list(_ref("number"), most=2, least=2),
    **dict.fromkeys((Test.INCLUDES, Test.STARTS_WITH, Test.ENDS_WITH), _ref("text")),
    Test.EXISTS: {"type": "boolean"},
    Test.IS_EMPTY: {"type": "boolean"},
    **dict.fromkeys((Test.BEFORE, Test.AFTER), _ref("instant")),
    **dict.fromkeys((Test.IN_LAST_DAYS, Test.IN_NEXT_DAYS), _ref("days")),
    Test.ANNIVERSARY_IN_DAYS: _whole(values.MOST_ANNIVERSARY_DAYS),
}
_WANTED_OF_TEXT: Mapping[Test, _Schema] = {
    **_WANTED,
    **dict.fromkeys((Test.IS, Test.IS_NOT), _ref("text")),
    **dict.fromkeys((Test.IN, Test.NOT_IN), _list(_ref("text"))),
}
_TEXT_COLUMNS = [column.value for column in Column if column is not Column.CREATED_AT]
_CHANNEL: _Schema = {"enum": [channel.value for channel in Channel]}
_OUTCOME: _Schema = {"enum": [outcome.value for outcome in OutcomeType]}
# Neither NUL nor an unpaired surrogate: jsonb cannot hold them.
_STORED: _Schema = {"type": "string", "pattern": "^[^\\u0000\\ud800-\\udfff]*$", "maxLength": values.MOST_LETTERS}

_VALUES: _Schema = {
    "text": {**_STORED, "minLength": 1},
    "number": _amount(values.LARGEST, -values.LARGEST),
    "scalar": {"anyOf": [_STORED, _ref("number"), {"type": ["boolean", "null"]}]},
    "pairs": {
        "type": "object",
        "propertyNames": _ref("text"),
        "additionalProperties": _ref("scalar"),
        "maxProperties": values.MOST_PAIRS,
    },
    "days": _amount(values.MOST_DAYS),
    "date": {
        "description": "ISO 8601: a day, or a day and a time; UTC where no zone is given.",
        "type": "string",
        # Without `$`, which in some dialects also matches before a final line feed.
        "pattern": f"^(?:{PATTERN})(?![\\s\\S])",
    },
    "instant": {
        "anyOf": [
            _ref("date"),
            _object(
                "So many days before now; after it where negative.",
                {"days_ago": _amount(values.MOST_DAYS, -values.MOST_DAYS)},
            ),
        ]
    },
}
_LIKE: _Schema = {
    **_object("Whose embedding.", {}, {"profile": _ref("text"), "text": _ref("text"), "segment": _ref("text")}),
    "minProperties": 1,
    "maxProperties": 1,
}
_CYPHER: _Schema = {**_STORED, "minLength": 1, "maxLength": MOST_CYPHER}
_PARTS: _Schema = {"type": "array", "items": _ref("node"), "maxItems": MOST_NODES - 1}
_KINDS: _Schema = {
    "all": _object("Every part holds; an empty list is everyone.", {"all": _PARTS}),
    "any": _object("At least one part holds; an empty list is nobody.", {"any": _PARTS}),
    "not": _object("The part does not hold.", {"not": _ref("node")}),
    "attribute": _tested(
        "A value of the profile's attributes: a name, or the names that lead to a value inside objects.",
        {"attribute": _one_or_many(_ref("text"), values.MOST_STEPS)},
        ATTRIBUTE_TESTS,
        _WANTED,
    ),
    "profile": _tested(
        "What a profile has beside its attributes.", {"profile": {"enum": _TEXT_COLUMNS}}, TEXT_TESTS, _WANTED_OF_TEXT
    ),
    "created_at": _tested(
        "When the profile was first known.", {"profile": {"const": Column.CREATED_AT.value}}, INSTANT_TESTS, _WANTED
    ),
    "consent": _object(
        "The newest consent that covers the channel; without one, the newest that covers every channel.",
        {"consent": _ref("text")},
        {"channel": _CHANNEL, "granted": {"type": "boolean", "default": True}},
    ),
    "reachable": _object("There is a valid address on the channel.", {"reachable": _CHANNEL}),
    "event": _timed(
        "Events of the person, counted; without `count` at least one. `recency` is the age of the newest in days.",
        {"event": _one_or_many(_ref("text"))},
        {"where": _ref("pairs"), "recency": _range("at_least_days", "at_most_days", _ref("days"))},
    ),
    "outcome": _timed(
        "What came of messages to the person, counted; without `count` at least one.",
        {"outcome": _one_or_many(_OUTCOME)},
        {"campaign": _ref("text"), "channel": _CHANNEL},
    ),
    "segment": _object("Membership as of that segment's last refresh.", {"segment": _ref("text")}),
    "graph": _object(
        "The person is among the profile ids that a graph query returns.",
        {"graph": {"anyOf": [_ref("text"), _object("A query of one's own.", {"cypher": _CYPHER})]}},
        {"with": _ref("pairs")},
    ),
    "like": {
        **_object(
            "Near in meaning: within a cosine distance, or among the nearest so many.",
            {"like": _LIKE},
            {"within": _amount(FARTHEST), "nearest": _whole(MOST_NEAREST, 1)},
        ),
        "minProperties": 2,
        "maxProperties": 2,
    },
}

JSON_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The rule of a segment",
    "description": f"A tree of conditions, at most {DEEPEST} deep, of at most {MOST_NODES} parts.",
    "$ref": "#/$defs/node",
    "$defs": {"node": {"anyOf": [_ref(kind) for kind in _KINDS]}, **_KINDS, **_VALUES},
}
