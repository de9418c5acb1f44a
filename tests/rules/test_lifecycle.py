"""The life cycles: every state is told, every step leads to a state, and what may not follow is refused."""

from enum import StrEnum
from itertools import product

import pytest

from rules.errors import Conflict
from rules.lifecycle import TRANSITIONS, advance
from rules.words import CampaignStatus, DeliveryStatus, RunStatus, TaskStatus, TemplateStatus

STATES: dict[str, type[StrEnum]] = {
    "delivery": DeliveryStatus,
    "run": RunStatus,
    "task": TaskStatus,
    "campaign": CampaignStatus,
    "template": TemplateStatus,
}
FIRST = {"delivery": "queued", "run": "pending", "task": "queued", "campaign": "draft", "template": "draft"}


def test_there_is_a_table_for_each_thing_that_lives() -> None:
    assert TRANSITIONS.keys() == STATES.keys()


@pytest.mark.parametrize("machine", TRANSITIONS)
def test_each_state_is_told_and_each_step_leads_to_one(machine: str) -> None:
    states = set(STATES[machine])
    assert set(TRANSITIONS[machine]) == states
    for state, following in TRANSITIONS[machine].items():
        assert following <= states - {state}


@pytest.mark.parametrize("machine", TRANSITIONS)
def test_each_state_can_be_reached(machine: str) -> None:
    reached = {FIRST[machine]}
    while more := {to for state in reached for to in TRANSITIONS[machine][state]} - reached:
        reached |= more
    assert reached == set(STATES[machine])


@pytest.mark.parametrize("machine", TRANSITIONS)
def test_advance_allows_what_the_table_says_and_nothing_else(machine: str) -> None:
    for state, to in product(STATES[machine], repeat=2):
        if to in TRANSITIONS[machine][state]:
            assert advance(machine, state, to) == to
            continue
        with pytest.raises(Conflict, match=f"A {machine} that is {state} cannot become {to}") as refused:
            advance(machine, state, to)
        for allowed in TRANSITIONS[machine][state] or {"nothing"}:
            assert allowed in refused.value.remedy


def test_a_state_nobody_knows_leads_nowhere() -> None:
    with pytest.raises(Conflict):
        advance("delivery", "lost", "sent")
    with pytest.raises(KeyError):
        advance("parcel", "queued", "sending")


def test_a_message_that_may_have_left_is_never_sending_again_by_itself() -> None:
    assert "sending" not in TRANSITIONS["delivery"]["uncertain"]


def test_a_message_is_sending_before_it_is_sent_or_waits_to_be_sent_again() -> None:
    before = {state for state, following in TRANSITIONS["delivery"].items() if "sent" in following}
    assert before == {"sending", "uncertain", "queued"}
