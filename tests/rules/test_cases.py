"""What is decided for one person, told as cases that a marketer can read and write: cases/*.yaml."""

from datetime import datetime

import pytest

from rules.decide import decide
from rules.words import Action, Gate
from tests.rules.reading import CASES, Story, stories

STORIES = list(stories())


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_case(story: Story) -> None:
    decision = decide(story.facts, story.candidates, story.campaign, story.policy, story.now)
    expected = story.expected
    sends = [verdict for verdict in decision.verdicts if verdict.candidate.action is Action.SEND]

    gates = {verdict.candidate.template_name: [reason.gate for reason in verdict.reasons] for verdict in sends}
    assert gates == expected.gates
    assert (decision.action, decision.reason) == (expected.action, expected.reason)
    assert decision.chosen is not None
    assert decision.chosen.template_name == expected.template
    wait_until = None if expected.wait_until is None else datetime.fromisoformat(expected.wait_until)
    assert decision.wait_until == wait_until
    told = "\n".join(reason.text for verdict in sends for reason in verdict.reasons)
    for part in expected.says:
        assert part in told


def test_every_promise_is_told_once() -> None:
    names = [story.name for story in STORIES]
    assert len(names) == len(set(names))


def test_every_gate_has_a_case_in_which_it_decides() -> None:
    told = {story.expected.reason for story in STORIES}
    assert told - {"chosen"} == set(Gate)


def test_each_file_tells_something() -> None:
    told = {story.name.split(":")[0] for story in STORIES}
    assert told == {file.stem for file in CASES.glob("*.yaml")}
