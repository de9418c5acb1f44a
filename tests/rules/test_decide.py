"""What holds for every decision, whoever it is about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.decide import best_score, decide
from rules.facts import Address, Campaign, Candidate, Consent, Contact, Facts, Suppression, candidates
from rules.gates import Case
from rules.gates.hours import quiet_hours
from rules.policy import Policy
from rules.score import score
from rules.verdicts import CHOSEN, Verdict
from rules.words import Action, Arbiter, Channel, Gate
from tests.rules import strategies as made
from tests.rules.strategies import quick

OPEN = Campaign(1, "Spring")
FREE = Policy.parse({"quiet_hours": None, "caps": []})
OFFER = candidates([(Channel.EMAIL, 11, "welcome", 1), (Channel.TELEGRAM, 12, "hello", 1)])
NOON = datetime(2026, 3, 10, 5, tzinfo=UTC)


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants())
def test_what_is_chosen_may_be_sent(
    facts: Facts, offer: tuple[Candidate, ...], campaign: Campaign, policy: Policy, now: datetime
) -> None:
    decision = decide(facts, offer, campaign, policy, now)

    assert [verdict.candidate for verdict in decision.verdicts] == list(offer)
    assert decision.chosen in offer
    chosen = decision.verdicts[decision.chosen.index]
    if decision.action is Action.WAIT:
        assert decision.wait_until == chosen.wait_until
        assert decision.wait_until is not None
        assert decision.wait_until > now
        assert campaign.ends_at is None or decision.wait_until < campaign.ends_at
        assert not any(verdict.eligible for verdict in decision.verdicts[:-1])
    else:
        assert chosen.eligible
        assert decision.action is chosen.candidate.action
        assert decision.wait_until is None
    assert (decision.reason == CHOSEN) is any(verdict.eligible for verdict in decision.verdicts[:-1])
    assert decision.reason == CHOSEN or decision.reason in set(Gate)


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants())
def test_every_refusal_has_a_reason_and_every_message_a_score(
    facts: Facts, offer: tuple[Candidate, ...], campaign: Campaign, policy: Policy, now: datetime
) -> None:
    for verdict in decide(facts, offer, campaign, policy, now).verdicts:
        assert verdict.eligible is not bool(verdict.reasons)
        if verdict.eligible:
            assert verdict.wait_until is None
            assert verdict.score == pytest.approx(sum(verdict.features.values()))
        else:
            assert verdict.score is None
            assert all(reason.text.endswith(".") for reason in verdict.reasons)
        if verdict.wait_until is not None:
            assert verdict.wait_until == max(reason.until for reason in verdict.reasons if reason.until)


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants())
def test_the_same_facts_give_the_same_decision(
    facts: Facts, offer: tuple[Candidate, ...], campaign: Campaign, policy: Policy, now: datetime
) -> None:
    again = decide(facts, offer, campaign, policy, now.astimezone(UTC))
    assert decide(facts, offer, campaign, policy, now).to_document() == again.to_document()


def _closer(
    facts: Facts, campaign: Campaign, policy: Policy, now: datetime, data: st.DataObject
) -> tuple[Facts, Campaign, Policy]:
    """Add one restriction."""
    kind = data.draw(st.sampled_from(("suppression", "withdrawal", "contact", "share", "global_share", "cap")))
    if kind == "suppression":
        return replace(facts, suppressions=(*facts.suppressions, data.draw(made.suppressions))), campaign, policy
    if kind == "withdrawal":
        last = max((consent.at for consent in facts.consents), default=now)
        withdrawn = Consent(data.draw(made.any_channel), campaign.purpose, granted=False, at=last)
        return replace(facts, consents=(*facts.consents, withdrawn)), campaign, policy
    if kind == "contact":
        contact = Contact(data.draw(made.channels), data.draw(st.integers(1, 2)), now)
        return replace(facts, contacts=(*facts.contacts, contact)), campaign, policy
    if kind == "share":
        share = data.draw(st.floats(campaign.control_share, 1))
        return facts, replace(campaign, control_share=share), policy
    if kind == "global_share":
        return facts, campaign, replace(policy, control_share=data.draw(st.floats(policy.control_share, 1)))
    more = Policy.parse({"caps": [data.draw(made.caps)]}).caps
    return facts, campaign, replace(policy, caps=(*policy.caps, *more))


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants(), st.data())
def test_one_more_restriction_never_lets_a_message_out(
    facts: Facts, offer: tuple[Candidate, ...], campaign: Campaign, policy: Policy, now: datetime, data: st.DataObject
) -> None:
    before = decide(facts, offer, campaign, policy, now)
    closer = _closer(facts, campaign, policy, now, data)
    after = decide(closer[0], offer, closer[1], closer[2], now)

    for was, became in zip(before.verdicts, after.verdicts, strict=True):
        assert was.eligible or not became.eligible


@quick
@given(made.reachable_people(), made.campaigns, made.passing_policies, made.instants())
def test_who_waits_is_asked_again_when_that_reason_is_over(
    facts: Facts, campaign: Campaign, policy: Policy, now: datetime
) -> None:
    # What is sent after this moment may fill a month that begins meanwhile, and is that month's reason, not this one's.
    facts = replace(facts, contacts=tuple(contact for contact in facts.contacts if contact.at <= now))
    # Without an end: whoever is asked again in the night before it is told the window, rightly.
    open_ended = replace(campaign, purpose="marketing", ends_at=None, control_share=0.0)
    decision = decide(facts, OFFER, open_ended, policy, now)
    assume(decision.wait_until is not None)
    assert decision.wait_until is not None
    assert decision.chosen is not None

    later = decide(facts, OFFER, open_ended, policy, decision.wait_until)
    left = {reason.gate for reason in later.verdicts[decision.chosen.index].reasons}
    assert decision.reason not in left


@quick
@given(made.reachable_people(), made.policies, made.instants())
def test_whoever_waits_is_not_asked_forever(facts: Facts, policy: Policy, now: datetime) -> None:
    moment: datetime | None = now
    for _ in range(12):
        assert moment is not None
        moment = decide(facts, OFFER, OPEN, policy, moment).wait_until
        if moment is None:
            return
    pytest.fail(f"still waiting at {moment}")


@quick
@given(
    st.sampled_from(
        ("America/Los_Angeles", "Europe/Paris", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia")
    ),
    made.quiet_hours.filter(bool),
    st.integers(0, 365 * 24 * 4),
)
def test_quiet_hours_end_when_they_say_on_every_day_of_the_year(zone: str, quiet: dict[str, str], quarter: int) -> None:
    policy = Policy.parse({"quiet_hours": quiet})
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)
    reason = quiet_hours(Case.of(Facts(1, "lan", zone), OPEN, policy, now))
    assume(reason is not None)
    assert reason is not None
    assert reason.until is not None
    # A day that clocks make longer has 25 hours.
    assert now < reason.until <= now + timedelta(hours=25)
    assert quiet_hours(Case.of(Facts(1, "lan", zone), OPEN, policy, reason.until)) is None


def _reachable() -> Facts:
    return Facts(
        1,
        "lan",
        "Asia/Ho_Chi_Minh",
        addresses=(Address(Channel.EMAIL, "lan@example.vn", 1), Address(Channel.TELEGRAM, "7001", 2)),
        consents=(Consent(None, "marketing", granted=True, at=made.START),),
    )


def test_an_arbiter_chooses_among_the_eligible_only() -> None:
    shown: list[Candidate] = []

    def last(eligible: Sequence[Verdict]) -> int:
        shown.extend(verdict.candidate for verdict in eligible)
        return len(eligible) - 1

    facts = replace(_reachable(), suppressions=(Suppression(Channel.EMAIL, None, "complained"),))
    decision = decide(facts, OFFER, OPEN, FREE, NOON, choose=last, arbiter=Arbiter.GEMINI)

    assert shown == [OFFER[1], OFFER[2]]
    assert decision.action is Action.DO_NOTHING
    assert decision.chosen == OFFER[2]
    assert decision.reason == CHOSEN
    assert decision.arbiter is Arbiter.GEMINI


@pytest.mark.parametrize("place", [-1, 3, 99])
def test_an_arbiter_that_invents_a_place_is_refused(place: int) -> None:
    with pytest.raises(ValueError, match=f"gave {place} for a list of 3"):
        decide(_reachable(), OFFER, OPEN, FREE, NOON, choose=lambda _: place, arbiter=Arbiter.FUNCTIONGEMMA)


def test_an_arbiter_is_not_asked_where_nothing_may_be_sent() -> None:
    def never(_: Sequence[Verdict]) -> int:
        raise AssertionError("nothing to choose from")

    assert decide(Facts(1, "lan", "UTC"), OFFER, OPEN, FREE, NOON, choose=never).action is Action.DO_NOTHING


def test_doing_nothing_is_always_offered_last() -> None:
    assert candidates([]) == (Candidate(0, Action.DO_NOTHING),)
    assert [candidate.index for candidate in OFFER] == [0, 1, 2]
    assert OFFER[-1].action is Action.DO_NOTHING


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants(), st.randoms())
def test_the_order_in_which_candidates_are_listed_changes_nothing(
    facts: Facts, offer: tuple[Candidate, ...], campaign: Campaign, policy: Policy, now: datetime, shuffled: Random
) -> None:
    listed = shuffled.sample(offer, len(offer))
    one, other = (decide(facts, candidates, campaign, policy, now) for candidates in (offer, listed))
    assert (one.action, one.reason, one.chosen, one.wait_until) == (
        other.action,
        other.reason,
        other.chosen,
        other.wait_until,
    )


@quick
@given(st.lists(st.none() | st.integers(-3, 3), min_size=1, max_size=6))
def test_the_best_score_is_the_first_of_the_highest(scores: list[float | None]) -> None:
    verdicts = [
        Verdict(Candidate(index, Action.SEND, Channel.EMAIL), eligible=True, score=value)
        for index, value in enumerate(scores)
    ]
    numbers = [value or 0 for value in scores]
    assert best_score(verdicts) == numbers.index(max(numbers))


def test_a_message_without_a_channel_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="candidate 0 sends, and has no channel"):
        decide(_reachable(), [Candidate(0, Action.SEND)], OPEN, FREE, NOON)


@quick
@given(made.people, made.offers(), made.policies)
def test_a_score_is_the_sum_of_its_features(facts: Facts, offer: tuple[Candidate, ...], policy: Policy) -> None:
    for candidate in offer:
        value, features = score(facts, candidate, policy)
        assert value == sum(features.values())


@quick
@given(made.people, made.offers(), made.policies)
def test_a_score_is_kept_by_jsonb_digit_by_digit(facts: Facts, offer: tuple[Candidate, ...], policy: Policy) -> None:
    """PostgreSQL's numbers have no negative nought, and a replay compares digits."""
    for candidate in offer:
        if candidate.action is Action.SEND:
            value, features = score(facts, candidate, policy)
            assert "-0.0" not in {repr(number) for number in (value, *features.values())}
