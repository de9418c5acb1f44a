"""A policy's schema takes what a policy may hold and nothing else, and the published one is the one in use."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from rules.conditions import JSON_SCHEMA as CONDITIONS
from rules.errors import InvalidInput
from rules.policy import DEFAULT_POLICY, Policy
from rules.policy.schema import JSON_SCHEMA
from tests.rules.strategies import policy_documents, quick
from tests.rules.wrong_policies import WRONG

PUBLISHED = Path(__file__).parents[2] / "docs" / "policy.schema.json"
SCHEMA = Draft202012Validator(JSON_SCHEMA)
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
# That a zone exists, that hours have a length, that two names or channels are not alike, and what no JSON holds.
BEYOND_A_SCHEMA: list[dict[str, Any]] = [
    {"zone": "Mars/Olympus_Mons"},
    {"zone": "../UTC"},
    {"quiet_hours": {"start": "21:00", "end": "21:00"}},
    {"applicability": [{"name": "A", "when": {"all": []}}] * 2},
    {"sending_hours": [{"from": "07:00", "to": "07:00"}]},
    {"windows": [{"channel": "chat", "hours": 1}, {"channel": "chat", "hours": 2}]},
]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(JSON_SCHEMA)
    assert JSON_SCHEMA["properties"].keys() == DEFAULT_POLICY.keys()


def test_conditions_are_those_of_segments() -> None:
    assert JSON_SCHEMA["$defs"] == CONDITIONS["$defs"]


def test_the_default_fits() -> None:
    SCHEMA.validate(dict(DEFAULT_POLICY))


@quick
@given(policy_documents)
def test_every_policy_that_can_be_read_fits(document: dict[str, Any]) -> None:
    SCHEMA.validate(document)


@pytest.mark.parametrize("document", BROKEN.values(), ids=BROKEN)
def test_what_is_no_policy_fits_neither(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Policy.parse(document)
    assert not SCHEMA.is_valid(document)


def test_what_cannot_be_read_does_not_fit_but_for_what_a_schema_cannot_say() -> None:
    as_json = [document for document, _ in WRONG if json.loads(json.dumps(document)) == document]
    assert len(as_json) > 80
    assert [document for document in as_json if SCHEMA.is_valid(document)] == BEYOND_A_SCHEMA


def test_the_published_schema_is_this_one() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == json.dumps(JSON_SCHEMA, ensure_ascii=False, indent=2) + "\n"
