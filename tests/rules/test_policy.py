"""A policy's document: what it leaves out is the default, and what is wrong in it is named."""

import json
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import InvalidInput
from rules.policy import (
    DEFAULT_POLICY,
    Arbitration,
    Basis,
    Cap,
    CapScope,
    Period,
    Policy,
    QuietHours,
    SendingHours,
    Window,
)
from rules.words import Arbiter, Channel, Gate
from tests.rules.strategies import json_values, policy_documents, quick, words
from tests.rules.wrong_policies import WRONG


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
    assert policy.yields == timedelta(hours=1)
    assert policy.fallback is None
    assert policy.arbitration == Arbitration((Arbiter.SCORE,), 2000)
    assert not policy.needs_person
    assert policy.rules() == ()


def test_the_default_keeps_to_what_the_law_and_the_providers_say() -> None:
    policy = Policy.parse({})
    assert {hours.channels: (hours.start, hours.end) for hours in policy.sending_hours} == {
        frozenset({Channel.ZALO_TEMPLATE}): (time(7), time(22)),
        frozenset({Channel.ZALO_OA}): (time(6), time(22)),
    }
    assert {channel: window.length for channel, window in policy.windows.items()} == {
        Channel.ZALO_OA: timedelta(days=7),
        Channel.FACEBOOK: timedelta(days=1),
    }
    assert all(hours.source for hours in policy.sending_hours)
    assert all(window.source for window in policy.windows.values())


def test_a_field_that_is_given_replaces_the_whole_field() -> None:
    policy = Policy.parse(
        {"caps": [{"limit": 2, "hours": 6}], "weights": {"channel": {"chat": 3}}, "quiet_hours": None}
    )
    assert policy.caps == (Cap(2, timedelta(hours=6), CapScope.OVERALL),)
    assert policy.weights.channel == {Channel.CHAT: 3.0}
    assert policy.weights.engagement == 1.0
    assert policy.quiet_hours is None
    assert Policy.parse({"caps": []}).longest_window == timedelta(0)


def test_every_field_is_read() -> None:
    adults = {"attribute": "age", "at_least": 18}
    policy = Policy.parse(
        {
            "purposes": {"order": "contract"},
            "suitability": [{"name": "Fine", "when": {"all": []}}],
            "eligibility": [{"name": "Adults", "when": adults, "for": {"templates": ["wine"], "channels": ["email"]}}],
            "sending_hours": [{"from": "08:00", "to": "20:00", "purposes": ["marketing"]}],
            "windows": [{"channel": "chat", "hours": 2, "except": {"templates": ["otp"], "purposes": ["order"]}}],
            "caps": [{"limit": 4, "per": "month", "channels": ["email"], "purposes": ["marketing"]}],
            "yields": {"minutes": 15},
            "fallback": {"hours": 6},
            "costs": {"zalo_template": 300},
            "arbitration": {"order": ["functiongemma", "score"], "budget": {"hours": 8, "cost": 10.5}},
        }
    )
    assert (policy.basis("order"), policy.basis("marketing")) == (Basis.CONTRACT, Basis.CONSENT)
    first, second = policy.requirements
    assert (first.layer, first.name, first.asked) == (Gate.ELIGIBILITY, "Adults", "age is at least 18")
    assert (first.scope.templates, first.scope.channels) == (frozenset({"wine"}), frozenset({Channel.EMAIL}))
    assert (second.layer, second.name) == (Gate.SUITABILITY, "Fine")
    assert [rule.document for rule in policy.rules()] == [adults, {"all": []}]
    assert policy.needs_person
    assert policy.names_templates
    assert policy.sending_hours == (SendingHours(time(8), time(20), purposes=frozenset({"marketing"})),)
    assert policy.windows == {
        Channel.CHAT: Window(Channel.CHAT, timedelta(hours=2), frozenset({"otp"}), frozenset({"order"}))
    }
    monthly = Cap(4, timedelta(days=32), CapScope.OVERALL, Period.MONTH, frozenset({Channel.EMAIL}))
    assert policy.caps == (replace(monthly, purposes=frozenset({"marketing"})),)
    assert policy.longest_window == timedelta(days=32)
    assert policy.yields == timedelta(minutes=15)
    assert policy.fallback == timedelta(hours=6)
    assert policy.costs == {Channel.ZALO_TEMPLATE: 300}
    assert policy.arbitration == Arbitration((Arbiter.FUNCTIONGEMMA, Arbiter.SCORE), 2000, 8, 10.5)


def test_what_is_not_named_is_no_limit() -> None:
    policy = Policy.parse({"required_consent": False, "yields": None, "windows": [], "sending_hours": []})
    assert policy.basis("anything") is Basis.LEGITIMATE_INTEREST
    assert policy.yields is None
    assert policy.windows == {}
    assert policy.sending_hours == ()
    assert not policy.names_templates
    assert policy.arbitration.most_hours is None


@quick
@given(policy_documents)
def test_a_policy_survives_as_json(document: dict[str, Any]) -> None:
    assert Policy.parse(json.loads(json.dumps(document))) == Policy.parse(document)


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
        **dict.fromkeys(
            ("purposes", "eligibility", "suitability", "sending_hours", "windows", "yields", "costs", "arbitration"),
            anything | st.lists(st.dictionaries(st.sampled_from(["name", "when", "for", "from", "hours"]), anything)),
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
