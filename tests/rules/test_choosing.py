"""Which candidate is chosen among equals, and which gate is told where none is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.decide import decide
from rules.facts import Address, Campaign, Contact, Facts, candidates
from rules.policy import Policy
from rules.score import score
from rules.words import Action, Channel, Gate, OutcomeType

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
CHANNELS = (Channel.EMAIL, Channel.TELEGRAM, Channel.ZALO_OA)
OPEN: dict[str, Any] = {
    "required_consent": False,
    "quiet_hours": None,
    "caps": [],
    "weights": {"channel": {"telegram": 1.0}},
}
SPRING = Campaign(7, "Spring")


@settings(max_examples=24, deadline=None)
@given(st.permutations(range(len(CHANNELS) + 1)))
def test_of_equal_candidates_the_first_index_wins_however_they_are_listed(order: list[int]) -> None:
    offers = candidates([(channel, 1, "hello", 1) for channel in CHANNELS])
    addresses = tuple(Address(channel, "a", place) for place, channel in enumerate(CHANNELS, start=1))
    facts = Facts(1, "KH001", "UTC", addresses=addresses)
    decision = decide(facts, [offers[place] for place in order], SPRING, Policy.parse(OPEN), NOW)
    assert decision.chosen == offers[0]


@pytest.mark.parametrize("step", [1, -1])
def test_who_is_held_back_on_every_channel_is_told_the_gate_that_was_furthest(step: int) -> None:
    # Telegram stops at once, for want of an address. The e-mail would have gone out, had the campaign lasted longer.
    facts = Facts(
        1,
        "KH001",
        "UTC",
        addresses=(Address(Channel.EMAIL, "lan@example.com", 1),),
        contacts=(Contact(Channel.EMAIL, 7, NOW),),
    )
    offers = candidates([(Channel.EMAIL, 1, "hello", 1), (Channel.TELEGRAM, 2, "hello", 1)])
    campaign = Campaign(7, "Spring", ends_at=NOW + timedelta(hours=1))
    policy = Policy.parse({**OPEN, "caps": [{"limit": 1, "days": 1, "scope": "channel"}]})
    decision = decide(facts, offers[::step], campaign, policy, NOW)
    assert (decision.action, decision.reason) == (Action.DO_NOTHING, Gate.CAMPAIGN_WINDOW)


@pytest.mark.parametrize(
    ("outcome", "rate"),
    [
        (OutcomeType.READ, 0.75),
        (OutcomeType.CLICKED, 0.75),
        (OutcomeType.REPLIED, 0.75),
        (OutcomeType.VISITED, 0.75),
        (OutcomeType.BOUGHT, 0.75),
        (OutcomeType.COMPLAINED, 0.0),
        (OutcomeType.UNSUBSCRIBED, 0.0),
    ],
)
def test_what_a_person_does_with_a_message_earns_the_next_one_and_a_refusal_does_not(
    outcome: OutcomeType, rate: float
) -> None:
    facts = Facts(1, "KH001", "UTC", outcomes={OutcomeType.DELIVERED: 3, outcome: 3})
    offer = candidates([(Channel.EMAIL, 1, "hello", 1)])[0]
    _, features = score(facts, offer, Policy.parse({"weights": {"engagement": 1.0}}))
    assert features["engagement"] == rate
