"""A policy's document: what it leaves out is the default, and what is wrong in it is named."""

import json
from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import InvalidInput
from rules.policy import DEFAULT_POLICY, Cap, CapScope, Policy, QuietHours
from rules.words import Channel
from tests.rules.strategies import json_values, policy_documents, quick, words


def test_an_empty_document_is_the_default() -> None:
    assert Policy.parse({}) == Policy.parse(DEFAULT_POLICY)
    assert Policy.parse({}) == Policy.parse(json.loads(json.dumps(dict(DEFAULT_POLICY))))


def test_the_default_says_what_it_says() -> None:
    policy = Policy.parse({}, version=3)
    assert policy.version == 3
    assert policy.required_consent
    assert policy.quiet_hours == QuietHours(time(21), time(8))
    assert policy.caps == (
        Cap(1, timedelta(days=1), CapScope.OVERALL),
        Cap(3, timedelta(days=7), CapScope.OVERALL),
    )
    assert policy.longest_window == timedelta(days=7)
    assert policy.control_share == 0


def test_a_field_that_is_given_replaces_the_whole_field() -> None:
    policy = Policy.parse(
        {"caps": [{"limit": 2, "hours": 6}], "weights": {"channel": {"chat": 3}}, "quiet_hours": None}
    )
    assert policy.caps == (Cap(2, timedelta(hours=6), CapScope.OVERALL),)
    assert policy.weights.channel == {Channel.CHAT: 3.0}
    assert policy.weights.engagement == 1.0
    assert policy.quiet_hours is None
    assert Policy.parse({"caps": []}).longest_window == timedelta(0)


@quick
@given(policy_documents)
def test_a_policy_survives_as_json(document: dict[str, Any]) -> None:
    assert Policy.parse(json.loads(json.dumps(document))) == Policy.parse(document)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"quiet": None}, "quiet"),
    ({"a": 1, "b": 2}, "a, b"),
    ({"zone": "Mars/Olympus_Mons"}, "zone"),
    ({"zone": ""}, "zone"),
    ({"zone": "../UTC"}, "zone"),
    ({"zone": None}, "zone"),
    ({"zone": ["UTC"]}, "zone"),
    ({"required_consent": "yes"}, "required_consent"),
    ({"required_consent": 1}, "required_consent"),
    ({"quiet_hours": "21:00-08:00"}, "quiet_hours"),
    ({"quiet_hours": {}}, "quiet_hours.start"),
    ({"quiet_hours": {"start": "21:00"}}, "quiet_hours.end"),
    ({"quiet_hours": {"start": "9 pm", "end": "08:00"}}, "quiet_hours.start"),
    ({"quiet_hours": {"start": 21, "end": 8}}, "quiet_hours.start"),
    ({"quiet_hours": {"start": "21:00", "end": "08:00+07:00"}}, "quiet_hours.end"),
    ({"quiet_hours": {"start": "21:00", "end": "21:00"}}, "quiet_hours"),
    ({"quiet_hours": {"start": "21:00", "end": "08:00", "zone": "UTC"}}, "quiet_hours.zone"),
    ({"caps": {"limit": 1, "days": 1}}, "caps"),
    ({"caps": [1]}, "caps[0]"),
    ({"caps": [{"days": 1}]}, "caps[0].limit"),
    ({"caps": [{"limit": -1, "days": 1}]}, "caps[0].limit"),
    ({"caps": [{"limit": 1.5, "days": 1}]}, "caps[0].limit"),
    ({"caps": [{"limit": True, "days": 1}]}, "caps[0].limit"),
    ({"caps": [{"limit": 1, "days": 1}, {"limit": 1}]}, "caps[1]"),
    ({"caps": [{"limit": 1, "days": 1, "hours": 1}]}, "caps[0]"),
    ({"caps": [{"limit": 1, "days": "1"}]}, "caps[0].days"),
    ({"caps": [{"limit": 1, "days": 0}]}, "caps[0]"),
    ({"caps": [{"limit": 1, "hours": -1}]}, "caps[0]"),
    ({"caps": [{"limit": 1, "days": 367}]}, "caps[0]"),
    ({"caps": [{"limit": 1, "days": 1e300}]}, "caps[0].days"),
    ({"caps": [{"limit": 1, "days": 10**400}]}, "caps[0].days"),
    ({"caps": [{"limit": 1, "days": 1, "scope": "tenant"}]}, "caps[0].scope"),
    ({"caps": [{"limit": 1, "days": 1, "scope": []}]}, "caps[0].scope"),
    ({"caps": [{"limit": 1, "days": 1, "scop": "channel"}]}, "caps[0].scop"),
    ({"control_share": -0.1}, "control_share"),
    ({"control_share": 1.1}, "control_share"),
    ({"control_share": "10%"}, "control_share"),
    ({"control_share": True}, "control_share"),
    ({"control_share": float("nan")}, "control_share"),
    ({"weights": []}, "weights"),
    ({"weights": {"love": 1}}, "weights.love"),
    ({"weights": {"fatigue": None}}, "weights.fatigue"),
    ({"weights": {"do_nothing": float("inf")}}, "weights.do_nothing"),
    ({"weights": {"engagement": 10**400}}, "weights.engagement"),
    ({"weights": {"channel": 1}}, "weights.channel"),
    ({"weights": {"channel": {"fax": 1}}}, "weights.channel"),
    ({"weights": {"channel": {"email": "1"}}}, "weights.channel.email"),
    ({"weights": {"channel": {"email": 1e308}}}, "weights.channel.email"),
]


@pytest.mark.parametrize(("document", "field"), WRONG, ids=[f"{field}-{i}" for i, (_, field) in enumerate(WRONG)])
def test_what_is_wrong_is_named(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Policy.parse(document)
    assert refused.value.message.startswith(f"Policy field {field} ")
    assert refused.value.remedy


texts = st.text(st.characters(), max_size=6) | words
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 1e308, 5e-324])
anything = json_values | texts | numbers
times = st.times().map(str) | anything
near = st.fixed_dictionaries(
    {},
    optional={
        "zone": anything | st.sampled_from(["UTC", "Europe", "/etc/passwd", "a" * 300]),
        "required_consent": anything,
        "quiet_hours": anything | st.fixed_dictionaries({}, optional={"start": times, "end": times}),
        "caps": anything
        | st.lists(
            st.fixed_dictionaries(
                {}, optional={"limit": anything, "days": anything, "hours": anything, "scope": texts}
            ),
            max_size=2,
        ),
        "control_share": anything,
        "weights": anything
        | st.fixed_dictionaries(
            {},
            optional={
                "channel": anything | st.dictionaries(st.sampled_from(["email", "fax"]), anything),
                "fatigue": anything,
            },
        ),
    },
)


@quick
@given(anything | near)
def test_nothing_but_a_refusal_comes_of_a_wrong_document(document: Any) -> None:
    try:
        policy = Policy.parse(document)
    except InvalidInput:
        return
    assert 0 <= policy.control_share <= 1
    assert policy.longest_window <= timedelta(days=366)
