"""The JSON Schema (draft 2020-12) of a policy's document, published as docs/policy.schema.json.

It accepts what `Policy.parse` accepts, except for what a schema cannot express: that no name or channel occurs twice,
that a span of hours is not empty, that a zone exists, and what the schema of conditions leaves open. It wants times as
21:00 only.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from rules.conditions import JSON_SCHEMA as CONDITIONS
from rules.consent import Basis
from rules.policy.default import DEFAULT_POLICY
from rules.policy.parts import CapScope, Period
from rules.policy.read import LONGEST_CAP, LONGEST_FALLBACK
from rules.policy.values import LARGEST_NUMBER, MOST_LETTERS, MOST_PARTS
from rules.words import Arbiter, Channel

_Schema: TypeAlias = dict[str, Any]
_TEXT: _Schema = {"$ref": "#/$defs/text", "maxLength": MOST_LETTERS, "pattern": r"\S"}
_TIME: _Schema = {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"}
_AMOUNT: _Schema = {"type": "number", "minimum": 0, "maximum": LARGEST_NUMBER}
_NUMBER: _Schema = {"type": "number", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}


def _up_to(most: float) -> _Schema:
    return {"type": "number", "exclusiveMinimum": 0, "maximum": most}


def _words(words: Iterable[StrEnum]) -> _Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None, **more: Any) -> _Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": [*required],
        "additionalProperties": False,
        **more,
    }


def _some(of: _Schema) -> _Schema:
    return {"type": "array", "items": of, "minItems": 1, "maxItems": MOST_PARTS}


def _many(of: _Schema) -> _Schema:
    return {"type": "array", "items": of, "maxItems": MOST_PARTS}


def _by(keys: _Schema, of: _Schema) -> _Schema:
    return {"type": "object", "propertyNames": keys, "additionalProperties": of}


_POSITIVE = _up_to(LARGEST_NUMBER)
_DAYS = LONGEST_CAP / timedelta(days=1)
_CHANNEL = _words(Channel)
_SCOPE = _object(
    {}, {"channels": _some(_CHANNEL), "templates": _some(_TEXT), "campaigns": _some(_TEXT), "purposes": _some(_TEXT)}
)
_LAYER = _many(_object({"name": _TEXT, "when": {"$ref": "#/$defs/node"}}, {"for": _SCOPE}))
_LIMITED: _Schema = {"channels": _some(_CHANNEL), "purposes": _some(_TEXT)}
_CAP = _object(
    {"limit": {"type": "integer", "minimum": 0, "maximum": LARGEST_NUMBER}},
    {"days": _up_to(_DAYS), "hours": _up_to(24 * _DAYS), "per": _words(Period), "scope": _words(CapScope), **_LIMITED},
    oneOf=[{"required": ["days"]}, {"required": ["hours"]}, {"required": ["per"]}],
)
_FIELDS: Mapping[str, _Schema] = {
    "zone": {**_TEXT, "description": "An IANA time zone, where no person says otherwise."},
    "required_consent": {"type": "boolean", "description": "A purpose that purposes does not name needs consent."},
    "purposes": {**_by(_TEXT, _words(Basis)), "description": "The legal basis of each purpose."},
    "eligibility": {**_LAYER, "description": "May they? Conditions of the segment language."},
    "applicability": {**_LAYER, "description": "Does it fit now?"},
    "suitability": {**_LAYER, "description": "Is it good for them?"},
    "quiet_hours": {
        "anyOf": [{"type": "null"}, _object({"start": _TIME, "end": _TIME})],
        "description": "In the person's zone; null: none.",
    },
    "sending_hours": {
        **_many(_object({"from": _TIME, "to": _TIME}, {**_LIMITED, "source": _TEXT})),
        "description": "Messages in scope go out only within them.",
    },
    "windows": {
        **_many(
            _object(
                {"channel": _CHANNEL, "hours": _POSITIVE},
                {"except": _object({}, {"templates": _some(_TEXT), "purposes": _some(_TEXT)}), "source": _TEXT},
            )
        ),
        "description": "Only so long after the person was last heard on the channel.",
    },
    "caps": {**_many(_CAP), "description": "At most so many messages to a person."},
    "yields": {
        "anyOf": [{"type": "null"}, _object({"minutes": _POSITIVE})],
        "description": "To a campaign of higher priority that is due so soon; null: never.",
    },
    "control_share": {"type": "number", "minimum": 0, "maximum": 1, "description": "Held back from every campaign."},
    "costs": {**_by(_CHANNEL, _AMOUNT), "description": "Of one message, in the tenant's money."},
    "fallback": {
        "anyOf": [{"type": "null"}, _object({"hours": _up_to(LONGEST_FALLBACK / timedelta(hours=1))})],
        "description": "So long after a message was queued, another channel takes its place if it failed; null: never.",
    },
    "arbitration": _object(
        {},
        {
            "order": {**_some(_words(Arbiter)), "uniqueItems": True},
            "within_ms": {"type": "integer", "minimum": 1, "maximum": LARGEST_NUMBER},
            "budget": _object(
                {}, {"hours": _POSITIVE, "cost": {**_AMOUNT, "description": "In US dollars, which models are paid in."}}
            ),
        },
        description="Who chooses, first to last, and what a run of theirs may take.",
    ),
    "weights": _object(
        {},
        {
            "channel": _by(_CHANNEL, _NUMBER),
            **dict.fromkeys(("engagement", "fatigue", "interest", "do_nothing"), _NUMBER),
        },
        description="What the score adds up.",
    ),
}

JSON_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Policy",
    "description": "The rules under which a campaign decides. What is left out is the default policy's.",
    "type": "object",
    "properties": {name: _FIELDS[name] for name in DEFAULT_POLICY},
    "additionalProperties": False,
    "$defs": CONDITIONS["$defs"],
}
