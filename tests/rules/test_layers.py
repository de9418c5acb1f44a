"""What a condition of the policy tells of the person for whom it does not hold."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions.person import Person
from rules.decide import weigh
from rules.facts import Campaign, Facts, candidates
from rules.gates import Case
from rules.gates.layers import unmet_at_all
from rules.policy import Policy
from rules.words import Channel
from tests.rules import strategies as made
from tests.rules.strategies import quick

NOW = datetime(2026, 3, 10, 5, tzinfo=UTC)
SPRING = Campaign(1, "Spring")
YOUNG = {"attribute": "age", "at_least": 18}
NEAR = {"attribute": "city", "is": "Hà Nội"}
LAN = Person(profile_id=1, ext_id="lan", created_at=NOW, attributes={"age": 16, "city": "Huế"})


def _found(when: dict[str, Any]) -> list[str]:
    policy = Policy.parse({"eligibility": [{"name": "Asked", "when": when}]})
    (one,) = unmet_at_all(Case.of(Facts(1, "lan", "UTC", person=LAN), SPRING, policy, NOW))
    assert one.reason.evidence["rule"] == "Asked"
    return [f"{part['text']}: {part['found']}" for part in one.reason.evidence["found"]]


@pytest.mark.parametrize(
    ("when", "found"),
    [
        (YOUNG, ["age is at least 18: found 16"]),
        ({"all": [NEAR, {"profile": "ext_id", "is": "lan"}]}, ['city is "Hà Nội": found "Huế"']),
        ({"any": [YOUNG, NEAR]}, ["age is at least 18: found 16", 'city is "Hà Nội": found "Huế"']),
        ({"not": {"attribute": "city", "is": "Huế"}}, ['city is "Huế": found "Huế"']),
        ({"not": {"any": [NEAR, {"attribute": "age", "at_most": 20}]}}, ["age is at most 20: found 16"]),
        ({"any": []}, []),
        (
            {"all": [{"attribute": f"a{n}", "exists": True} for n in range(5)]},
            [f"a{n} is there: nothing is there" for n in range(3)],
        ),
    ],
)
def test_the_conditions_that_decided_are_told_with_what_was_found(when: dict[str, Any], found: list[str]) -> None:
    assert _found(when) == found


def test_a_person_is_asked_once_for_all_candidates() -> None:
    policy = Policy.parse({"eligibility": [{"name": "Adults", "when": YOUNG}]})
    offer = candidates([(Channel.EMAIL, 1, "hello", 1), (Channel.TELEGRAM, 2, "hello", 1)])
    mail, telegram, _ = weigh(Facts(1, "lan", "UTC", person=LAN), offer, SPRING, policy, NOW)
    refused = [next(one for one in verdict.reasons if one.gate == "eligibility") for verdict in (mail, telegram)]
    assert refused[0] is refused[1]


def test_a_long_condition_is_cut_where_nobody_reads_on() -> None:
    policy = Policy.parse({"eligibility": [{"name": "Long", "when": {"attribute": "a" * 2000, "exists": True}}]})
    (one,) = unmet_at_all(Case.of(Facts(1, "lan", "UTC", person=LAN), SPRING, policy, NOW))
    assert len(one.reason.text) < 400


@quick
@given(st.sampled_from(made.CONDITIONS), made.persons, made.instants())
def test_a_condition_lets_through_exactly_whom_it_holds_for(
    when: dict[str, Any], person: Person, now: datetime
) -> None:
    policy = Policy.parse({"suitability": [{"name": "Asked", "when": when}]})
    (rule,) = policy.rules()
    holds = rule.holds(person, now=now, today=now.astimezone(UTC).date())
    assert bool(unmet_at_all(Case.of(Facts(1, "lan", "UTC", person=person), SPRING, policy, now))) is not holds
