"""Whatever an arbiter answers: it chooses among what the gates let through, or it is refused."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.arbitration import Choice
from rules.decide import conclude, decide, eligible, weigh
from rules.facts import Address, Campaign, Candidate, Facts, candidates
from rules.policy import Policy
from rules.verdicts import CHOSEN, Verdict
from rules.words import Action, Arbiter, Channel, Gate
from tests.rules import strategies as made
from tests.rules.strategies import quick

NOON = datetime(2026, 3, 10, 5, tzinfo=UTC)
OFFER = candidates([(Channel.EMAIL, 11, "welcome", 1), (Channel.TELEGRAM, 12, "hello", 1)])
LAN = Facts(
    1,
    "lan",
    "UTC",
    addresses=(Address(Channel.EMAIL, "lan@example.vn", 1), Address(Channel.TELEGRAM, "7001", 2)),
)
FREE = Policy.parse({"required_consent": False, "quiet_hours": None, "caps": []})

# As a broken or hostile model might answer; a place is all that it can give.
hostile = (
    st.integers(-3, 9)
    | st.sampled_from([2**80, -1, True, None, "0", 0.0, 1.5, float("nan"), [0], {"place": 0}])
    | made.json_values
)


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants(), hostile, st.data())
def test_no_decision_does_what_a_gate_refused(
    facts: Facts,
    offer: tuple[Candidate, ...],
    campaign: Campaign,
    policy: Policy,
    now: datetime,
    answer: Any,
    data: st.DataObject,
) -> None:
    verdicts = weigh(facts, offer, campaign, policy, now)
    probabilities = tuple(data.draw(st.lists(st.floats(), max_size=4)))
    try:
        decision = conclude(verdicts, Choice(place=answer, arbiter=Arbiter.GEMINI, probabilities=probabilities))
    except ValueError:
        assert any(verdict.eligible for verdict in verdicts if verdict.candidate.action is Action.SEND)
        return
    assert decision.verdicts == verdicts
    if decision.action is Action.WAIT:
        assert decision.wait_until is not None
        return
    chosen = next(verdict for verdict in verdicts if verdict.candidate == decision.chosen)
    assert not chosen.reasons
    assert chosen.eligible


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants())
def test_every_decision_has_its_reasons(
    facts: Facts, offer: tuple[Candidate, ...], campaign: Campaign, policy: Policy, now: datetime
) -> None:
    decision = decide(facts, offer, campaign, policy, now)
    if decision.reason == CHOSEN:
        assert decision.choice is not None
        return
    assert decision.choice is None
    assert decision.arbiter is Arbiter.SCORE
    held = [verdict for verdict in decision.verdicts if verdict.candidate.action is Action.SEND]
    assert all(verdict.reasons for verdict in held)
    told = {reason.gate for verdict in held for reason in verdict.reasons}
    assert decision.reason in told or (not held and decision.reason == Gate.NOT_APPROVED)
    funnel = list(Gate)
    for verdict in held:
        places = [funnel.index(reason.gate) for reason in verdict.reasons]
        # A wait that would end too late is told last.
        in_order = places[:-1] if verdict.reasons[-1].text.startswith("It could go out") else places
        assert in_order == sorted(in_order)


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants(), st.randoms(), st.integers(0, 3))
def test_an_arbiter_is_shown_the_same_list_however_candidates_are_listed(
    facts: Facts,
    offer: tuple[Candidate, ...],
    campaign: Campaign,
    policy: Policy,
    now: datetime,
    shuffled: Random,
    place: int,
) -> None:
    listed = shuffled.sample(offer, len(offer))
    one, other = (weigh(facts, offered, campaign, policy, now) for offered in (offer, listed))
    assert eligible(one) == eligible(other)
    choice = Choice(place=place % len(eligible(one)))
    assert conclude(one, choice).chosen == conclude(other, choice).chosen


@pytest.mark.parametrize("place", [3, -1, True, False, 1.0, None, "1", 2**80])
def test_a_place_that_is_none_is_refused(place: Any) -> None:
    verdicts = weigh(LAN, OFFER, Campaign(1, "Spring"), FREE, NOON)
    with pytest.raises(ValueError, match=r"arbiter functiongemma gave .* for a list of 3"):
        conclude(verdicts, Choice(place=place, arbiter=Arbiter.FUNCTIONGEMMA))


def test_probabilities_are_one_for_each_or_none() -> None:
    verdicts = weigh(LAN, OFFER, Campaign(1, "Spring"), FREE, NOON)
    with pytest.raises(ValueError, match="gave 2 probabilities for a list of 3"):
        conclude(verdicts, Choice(place=0, probabilities=(0.5, 0.5)))
    assert conclude(verdicts, Choice(place=1, probabilities=(0.2, 0.5, 0.3))).chosen == OFFER[1]


def test_where_nothing_may_be_sent_a_choice_changes_nothing() -> None:
    verdicts = weigh(replace(LAN, active=False), OFFER, Campaign(1, "Spring"), FREE, NOON)
    decision = conclude(verdicts, Choice(place=99, arbiter=Arbiter.GEMINI))
    assert (decision.action, decision.reason, decision.choice) == (Action.DO_NOTHING, Gate.UNKNOWN_PROFILE, None)


def test_candidates_that_no_gate_tells_apart_share_their_reasons() -> None:
    offer = candidates([(Channel.EMAIL, 11, "welcome", 1), (Channel.EMAIL, 12, "hello", 1)])
    one, other, _ = weigh(replace(LAN, addresses=()), offer, Campaign(1, "Spring"), FREE, NOON)
    assert one.reasons is other.reasons


def test_deciding_is_weighing_and_concluding() -> None:
    def last(listed: Sequence[Verdict]) -> int:
        return len(listed) - 1

    verdicts = weigh(LAN, OFFER, Campaign(1, "Spring"), FREE, NOON)
    whole = decide(LAN, OFFER, Campaign(1, "Spring"), FREE, NOON, choose=last, arbiter=Arbiter.LEARNED)
    assert whole == conclude(verdicts, Choice(place=2, arbiter=Arbiter.LEARNED))
