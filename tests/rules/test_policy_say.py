"""A policy is data: it has a schema, and every field of it is said in English and Vietnamese."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rules.conditions import Language
from rules.errors import InvalidInput
from rules.policy import DEFAULT_POLICY, Policy
from rules.policy.say import say
from rules.policy.schema import JSON_SCHEMA
from rules.words import Gate

DOCS = Path(__file__).parents[2] / "docs"
WHOLE: dict[str, Any] = {
    "zone": "Asia/Ho_Chi_Minh",
    "required_consent": False,
    "purposes": {"order": "contract", "recall": "legal_obligation", "news": "legitimate_interest", "ads": "consent"},
    "eligibility": [{"name": "Adults", "when": {"attribute": "age", "at_least": 18}, "for": {"channels": ["email"]}}],
    "applicability": [{"name": "No open order", "when": {"not": {"attribute": "order", "is": "open"}}}],
    "suitability": [
        {
            "name": "Likes it",
            "when": {"attribute": "tier", "is": "gold"},
            "for": {"templates": ["tet"], "campaigns": ["a"], "purposes": ["ads"]},
        }
    ],
    "quiet_hours": None,
    "sending_hours": [{"from": "07:00", "to": "22:00", "channels": ["zalo_oa"], "purposes": ["ads"], "source": "Law."}],
    "windows": [{"channel": "facebook", "hours": 24, "except": {"purposes": ["order"]}, "source": "Messenger"}],
    "caps": [{"limit": 1, "days": 1}, {"limit": 3, "hours": 5, "scope": "channel"}, {"limit": 9, "per": "month"}],
    "yields": None,
    "control_share": 0.05,
    "costs": {"zalo_template": 300},
    "arbitration": {"order": ["gemini", "score"], "within_ms": 1500, "budget": {"hours": 2, "cost": 1}},
    "weights": {"channel": {"email": 2.0}, "interest": 1.0},
}
BROKEN: dict[str, Any] = {
    "an unknown field": {"quiet": None},
    "an unknown basis": {"purposes": {"ads": "because"}},
    "an unknown channel": {"costs": {"fax": 1}},
    "a condition that is none": {"eligibility": [{"name": "x", "when": {"age": 18}}]},
    "a requirement without a name": {"suitability": [{"when": {"attribute": "a", "is": 1}}]},
    "a time that is none": {"quiet_hours": {"start": "25:00", "end": "08:00"}},
    "a cap of two spans": {"caps": [{"limit": 1, "days": 1, "hours": 1}]},
    "a cap without one": {"caps": [{"limit": 1}]},
    "a share beyond one": {"control_share": 2},
    "an arbiter that is none": {"arbitration": {"order": ["dice"]}},
    "nobody to choose": {"arbitration": {"order": []}},
    "a list for an object": {"weights": []},
}
schema = Draft202012Validator(JSON_SCHEMA)


@pytest.mark.parametrize("document", [dict(DEFAULT_POLICY), {}, WHOLE], ids=["default", "empty", "whole"])
def test_what_is_a_policy_fits_its_schema(document: dict[str, Any]) -> None:
    Policy.parse(document)
    assert not list(schema.iter_errors(document))


@pytest.mark.parametrize("document", BROKEN.values(), ids=BROKEN)
def test_what_is_none_fits_neither(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Policy.parse(document)
    assert list(schema.iter_errors(document))


def test_the_published_schema_is_this_one() -> None:
    published = (DOCS / "policy.schema.json").read_text(encoding="utf-8")
    assert published == json.dumps(JSON_SCHEMA, ensure_ascii=False, indent=2) + "\n"


def test_every_field_is_said_in_both_languages() -> None:
    policy = Policy.parse(WHOLE)
    said = {language: say(policy, language) for language in Language}
    assert [one.layer for one in said[Language.EN]] == [one.layer for one in said[Language.VI]]
    layers = {one.layer for one in said[Language.EN]}
    always = {"not_approved", "unknown_profile", "suppression", "unreachable", "duplicate", "campaign_window"}
    assert layers == {str(gate) for gate in Gate} - always | {"zone", "arbitration"}
    english = "\n".join(one.text for one in said[Language.EN])
    for part in (
        "age is at least 18",
        "07:00 to 22:00",
        "Source: Law.",
        "within 1 day after",
        "5%",
        "300",
        "gemini, score",
        "1.5 s",
    ):
        assert part in english
    assert WORDS[Language.EN].keys() == WORDS[Language.VI].keys()
    assert all(one.text.endswith(".") for both in said.values() for one in both)


def test_a_sentence_reads_as_one() -> None:
    said = [one.text for one in say(Policy.parse({}), Language.EN)]
    assert "Nobody is disturbed from 21:00 to 08:00 of their own day; what is held waits until then." in said
    assert "At most 3 messages in any 7 days over all campaigns and channels." in said
    assert "Messages for any other purpose need a granted consent." in said
