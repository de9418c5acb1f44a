"""Whatever is decided: it replays from what is stored, its funnel adds up, and a sentence sums it up."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.explain.decision import explained
from engine.explain.differences import differences
from engine.explain.funnel import first_reason, funnel, sends
from engine.explain.replay import replayed
from engine.explain.stored import record_of
from rules import editions
from rules.arbitration import Choice, PassedOver
from rules.conditions import Language
from rules.conditions.person import Person
from rules.decide import conclude, eligible, weigh
from rules.facts import Address, Campaign, Candidate, Facts, candidates
from rules.identity import canonical, inputs_hash
from rules.policy import Policy
from rules.verdicts import Decision
from rules.words import Action, Arbiter, Channel, Gate
from tests.rules.strategies import campaigns, instants, json_values, offers, people, policy_documents, quick

SALT = b"salt"
TET = Campaign(301, "Tết")


def as_stored(
    facts: Facts,
    campaign: Campaign,
    policy: dict[str, Any],
    decision: Decision,
    at: datetime,
    edition: int = editions.CURRENT,
) -> Any:
    """The row that the database would give; of the first edition nothing is said."""
    said = {} if edition == editions.FIRST else {"rules": edition}
    inputs = json.loads(canonical({"campaign": campaign.to_document(), "facts": facts.to_document(), **said}))
    chosen = decision.chosen if decision.action is Action.SEND else None
    return {
        "decision_id": 1,
        "run_id": 2,
        "campaign_key": "tet",
        "ext_id": facts.ext_id,
        "trigger_key": "snapshot",
        "decided_at": at,
        "action": decision.action.value,
        "channel": None if chosen is None else chosen.channel,
        "template_id": None if chosen is None else chosen.template_id,
        "reason": str(decision.reason),
        "candidates": json.loads(canonical([verdict.to_document() for verdict in decision.verdicts])),
        "inputs": inputs,
        "inputs_hash": inputs_hash(inputs, SALT),
        "inputs_salt": SALT,
        "policy_id": 3,
        "policy_version": 1,
        "policy_key": "default",
        "policy": policy,
        "arbiter": decision.arbiter.value,
        "arbitration": None if decision.choice is None else json.loads(canonical(decision.choice.to_document())),
        "wait_until": decision.wait_until,
        "deliveries": None,
    }


@st.composite
def rows(draw: st.DrawFn) -> Any:
    """A stored decision of anybody about anything, chosen by any arbiter."""
    facts, campaign, policy, at = draw(people), draw(campaigns), draw(policy_documents), draw(instants())
    edition = draw(st.integers(editions.FIRST, editions.CURRENT))
    offered: tuple[Candidate, ...] = draw(offers())
    verdicts = weigh(facts, offered, campaign, Policy.parse(policy, version=1), at, edition)
    could = len(eligible(verdicts))
    choice = Choice(
        place=draw(st.integers(0, could - 1)),
        arbiter=draw(st.sampled_from(Arbiter)),
        probabilities=draw(st.sampled_from(((), (1 / could,) * could))),
        passed_over=draw(st.sampled_from(((), (PassedOver(Arbiter.GEMINI, "no answer in 900 ms"),)))),
        is_remembered=draw(st.booleans()),
    )
    return as_stored(facts, campaign, policy, conclude(verdicts, choice), at, edition)


@pytest.mark.parametrize(("edition", "seconds"), [(editions.FIRST, 60), (editions.CURRENT, 30)])
def test_a_decision_of_the_last_quiet_minute_replays_by_the_rules_that_it_was_made_by(
    edition: int, seconds: int
) -> None:
    at = datetime(2026, 3, 11, 0, 59, 30, tzinfo=UTC)
    facts = Facts(1, "lan", "Asia/Ho_Chi_Minh", addresses=(Address(Channel.EMAIL, "lan@example.vn", 1),))
    policy = {"required_consent": False}
    verdicts = weigh(
        facts, candidates([(Channel.EMAIL, 1, "offer", 1)]), TET, Policy.parse(policy, version=1), at, edition
    )
    decision = conclude(verdicts, Choice(place=0))
    assert decision.wait_until == at + timedelta(seconds=seconds)
    found = replayed(record_of(as_stored(facts, TET, policy, decision, at, edition)))
    assert (found.changed, found.differences) == ((), ())


@quick
@given(rows())
def test_every_stored_decision_replays_the_same(row: Any) -> None:
    found = replayed(record_of(row))
    assert (found.changed, found.differences) == ((), ())


@quick
@given(rows())
def test_the_funnel_adds_up_and_each_candidate_drops_out_at_one_gate(row: Any) -> None:
    told = explained(record_of(row), Language.EN)
    verdicts = [one.verdict for one in told.candidates]
    stages = funnel(verdicts)
    assert stages[0].entered == len(sends(verdicts))
    assert all(after.entered == before.left for before, after in pairwise(stages))
    assert stages[-1].left == sum(verdict.eligible for verdict in sends(verdicts))
    for one in told.candidates:
        assert (one.dropped_at is None) == one.verdict.eligible
        assert one.verdict.eligible or one.dropped_at in {reason.gate for reason in one.verdict.reasons}


@quick
@given(rows(), st.sampled_from(Language))
def test_whatever_was_decided_is_summed_up_and_is_json(row: Any, language: Language) -> None:
    told = explained(record_of(row), language)
    assert told.summary
    document = json.loads(canonical(told.to_document()))
    given_ = [one["probability"] for one in document["candidates"] if one["probability"] is not None]
    assert given_ == [] or abs(sum(given_) - 1) < 1e-9
    assert sum(one["chosen"] for one in document["candidates"]) <= 1


@quick
@given(json_values, json_values)
def test_two_documents_differ_somewhere_exactly_where_they_are_not_written_the_same(one: Any, other: Any) -> None:
    assert list(differences(one, one)) == []
    assert (list(differences(one, other)) == []) == (canonical(one) == canonical(other))


@quick
@given(rows())
def test_the_first_reason_is_the_first_of_the_funnel(row: Any) -> None:
    order = [stage.gate for stage in funnel(())]
    for verdict in record_of(row).decision.verdicts:
        first = first_reason(verdict)
        assert first is None or all(order.index(first.gate) <= order.index(one.gate) for one in verdict.reasons)


@pytest.mark.parametrize(("language", "word"), [(Language.EN, "at least"), (Language.VI, "ít nhất")])
def test_a_layers_refusal_is_told_condition_by_condition_in_the_readers_language(language: Language, word: str) -> None:
    at = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)
    person = Person(profile_id=7, ext_id="kh-7", created_at=at, attributes={"orders": 1})
    facts = Facts(
        7,
        "kh-7",
        "Asia/Ho_Chi_Minh",
        attributes={"orders": 1},
        addresses=(Address(Channel.EMAIL, "a@b.example", 1),),
        person=person,
    )
    policy = {
        "required_consent": False,
        "eligibility": [{"name": "buyers", "when": {"attribute": "orders", "at_least": 2}}],
    }
    verdicts = weigh(facts, candidates([(Channel.EMAIL, 1, "offer", 1)]), TET, Policy.parse(policy, version=1), at)
    told = explained(record_of(as_stored(facts, TET, policy, conclude(verdicts, Choice(place=0)), at)), language)
    (against,) = told.candidates[0].against
    assert (told.candidates[0].dropped_at, told.replay.is_same) == (Gate.ELIGIBILITY, True)
    assert against.rule.startswith("buyers: ")
    assert word in against.rule
    assert [(one.holds, one.evidence) for one in against.conditions] == [(False, {"value": 1})]
