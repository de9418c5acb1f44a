"""What is stored can be replayed: every document comes back from JSON text as exactly what it was."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.arbitration import Choice, PassedOver
from rules.decide import conclude, decide, weigh
from rules.facts import Address, Campaign, Candidate, Facts, candidates
from rules.identity import canonical, inputs_hash, written_hash
from rules.policy import Policy
from rules.verdicts import Decision, Reason, Verdict, read, write_standings
from rules.words import Arbiter, Channel, Gate
from tests.rules import strategies as made
from tests.rules.reading import Story, stories
from tests.rules.strategies import quick

ZONE = "Asia/Ho_Chi_Minh"
NIGHT = datetime(2026, 3, 10, 16, tzinfo=UTC)

reasons = st.builds(
    Reason,
    st.sampled_from(Gate),
    made.words,
    st.dictionaries(made.words, made.json_values),
    st.none() | made.instants(),
)


def _through_text(document: Any) -> Any:
    return json.loads(canonical(document))


@quick
@given(made.people)
def test_facts(facts: Facts) -> None:
    written = canonical(facts.to_document())
    document = json.loads(written)
    again = Facts.from_document(document)
    assert again == facts
    # Its hash is the proof of a decision: reading changes nothing.
    assert canonical(document) == written
    # To Python 1 == 1.0 == Decimal(1): the document tells them apart.
    assert canonical(again.to_document()) == written


@quick
@given(made.campaigns)
def test_campaign(campaign: Campaign) -> None:
    assert Campaign.from_document(_through_text(campaign.to_document())) == campaign


@quick
@given(made.offers())
def test_candidate(offer: tuple[Candidate, ...]) -> None:
    for candidate in offer:
        assert Candidate.from_document(_through_text(candidate.to_document())) == candidate


@quick
@given(reasons)
def test_reason(reason: Reason) -> None:
    assert Reason.from_document(_through_text(reason.to_document())) == reason


def _written(decision: Decision) -> dict[str, Any]:
    """As the record of a decision keeps its verdicts: the candidates beside the standings."""
    candidates_ = [verdict.candidate.to_document() for verdict in decision.verdicts]
    return {**write_standings(decision.verdicts), "candidates": candidates_}


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants())
def test_verdict_and_decision(
    facts: Facts, offer: tuple[Candidate, ...], campaign: Campaign, policy: Any, now: Any
) -> None:
    decision = decide(facts, offer, campaign, policy, now)
    assert Decision.from_document(_through_text(decision.to_document())) == decision
    for verdict in decision.verdicts:
        assert Verdict.from_document(_through_text(verdict.to_document())) == verdict
    assert read(_through_text(_written(decision))) == decision.verdicts
    assert read(_through_text([verdict.to_document() for verdict in decision.verdicts])) == decision.verdicts


def test_what_many_candidates_share_is_written_once() -> None:
    offer = candidates([(channel, 1, "hello", 1) for channel in (Channel.EMAIL, Channel.TELEGRAM) for _ in range(12)])
    decision = decide(Facts(1, "lan", ZONE, active=False), offer, Campaign(1, "Spring"), Policy.parse({}), NIGHT)
    document = _written(decision)

    gates = [reason["gate"] for reason in document["reasons"]]
    # The profile and the night are the person's, each consent and address is a channel's.
    assert sorted(gates) == ["consent", "consent", "quiet_hours", "unknown_profile", "unreachable", "unreachable"]
    assert len(document["standings"]) == 3
    assert len(document["places"]) == len(document["candidates"]) == 25
    plain = canonical([verdict.to_document() for verdict in decision.verdicts])
    assert len(canonical(document)) * 4 < len(plain)


def test_a_choice_is_kept_with_its_decision() -> None:
    offer = candidates([(Channel.EMAIL, 1, "hello", 1)])
    policy = Policy.parse({"required_consent": False, "quiet_hours": None})
    facts = Facts(1, "lan", "UTC", addresses=(Address(Channel.EMAIL, "lan@example.vn", 1),))
    choice = Choice(
        place=1,
        arbiter=Arbiter.FUNCTIONGEMMA,
        probabilities=(0.25, 0.75),
        passed_over=(PassedOver(Arbiter.GEMINI, "it did not answer within 2 s"),),
        is_remembered=True,
        detail={"model": "tiny"},
    )
    decision = conclude(weigh(facts, offer, Campaign(1, "Spring"), policy, NIGHT), choice)
    assert decision.choice == choice
    assert decision.arbiter is Arbiter.FUNCTIONGEMMA
    assert Decision.from_document(_through_text(decision.to_document())) == decision


@quick
@given(made.people, made.offers(), made.campaigns, made.policies, made.instants())
def test_a_decision_replayed_from_its_stored_inputs_is_the_same(
    facts: Facts, offer: tuple[Candidate, ...], campaign: Campaign, policy: Any, now: Any
) -> None:
    stored = _through_text(
        {
            "facts": facts.to_document(),
            "campaign": campaign.to_document(),
            "candidates": [candidate.to_document() for candidate in offer],
        }
    )
    replayed = decide(
        Facts.from_document(stored["facts"]),
        [Candidate.from_document(candidate) for candidate in stored["candidates"]],
        Campaign.from_document(stored["campaign"]),
        policy,
        now,
    )
    assert replayed.to_document() == decide(facts, offer, campaign, policy, now).to_document()


@pytest.mark.parametrize("story", list(stories()), ids=lambda story: story.name)
def test_every_case_comes_back(story: Story) -> None:
    decision = decide(story.facts, story.candidates, story.campaign, story.policy, story.now)
    assert Facts.from_document(_through_text(story.facts.to_document())) == story.facts
    assert Decision.from_document(_through_text(decision.to_document())) == decision


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"profile_id": 1},
        {"profile_id": 1, "ext_id": "a", "zone": "UTC", "addresses": [["fax", "1", 1, True, None]]},
    ],
)
def test_facts_that_cannot_be_read_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Facts.from_document(document)


@quick
@given(made.json_values, st.binary(max_size=16), st.binary(max_size=16))
def test_the_hash_of_inputs_depends_on_its_salt_and_not_on_the_order_of_keys(
    document: Any, salt: bytes, other: bytes
) -> None:
    reordered = json.loads(json.dumps(document), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert inputs_hash(reordered, salt) == inputs_hash(document, salt) == written_hash(canonical(document), salt)
    assert (inputs_hash(document, salt) == inputs_hash(document, other)) is (salt == other)


@pytest.mark.parametrize("document", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_is_not_json_has_no_canonical_form(document: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical(document)


def test_facts_without_a_twin_are_written_as_they_were_before_there_were_twins() -> None:
    facts = Facts(profile_id=1, ext_id="kh-1", zone="UTC")
    assert facts.to_document() == {"profile_id": 1, "ext_id": "kh-1", "zone": "UTC"}
