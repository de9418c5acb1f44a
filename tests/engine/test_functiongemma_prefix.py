"""What many questions share is read once: across a question's end, and beside what other runs share."""

import dataclasses
import importlib.util
import itertools
from collections.abc import Iterator

import pytest

from engine.think.contract import Call, Question
from engine.think.functiongemma.prefix import MOST_KEPT, STEP
from engine.think.functiongemma.render import prompt
from rules.errors import InvalidInput
from tests.engine import tiny_model
from tests.engine.questions import QUESTION

if importlib.util.find_spec("llama_cpp") is None:
    pytest.skip("llama-cpp-python is not installed: make setup EXTRAS=functiongemma", allow_module_level=True)

from engine.think.functiongemma.model import FunctionGemma

LONG = dataclasses.replace(QUESTION, instructions="Choose. " * 200)
# Some readings of a clock on which each takes a second: a few steps of a prefix, and never all of LONG's.
SHORT_S = 5


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionGemma]:
    path = tiny_model.write(tmp_path_factory.mktemp("prefix") / "tiny.gguf")
    model = FunctionGemma(path, threads=1, clock=map(float, itertools.count()).__next__)
    yield model
    model.close()


def campaign(number: int) -> Question:
    return dataclasses.replace(QUESTION, instructions=f"Choose for campaign {number}.")


def length(model: FunctionGemma, asked: Question) -> int:
    return len(model.context.vocabulary.encode(prompt(asked.tools, asked.instructions, "").prefix))


def test_a_prefix_longer_than_any_question_lasts_is_read_all_the_same(gemma: FunctionGemma) -> None:
    """Else a slow machine would read the same beginning for every question, and answer none."""
    before, tries = gemma.prefix.decoded, 0
    while True:
        try:
            gemma.choose(LONG, within_s=SHORT_S)
        except TimeoutError:
            tries += 1
            assert gemma.prefix.decoded > before + (tries - 1) * STEP
        else:
            break
    assert tries > 1
    assert gemma.prefix.decoded == before + length(gemma, LONG)


def test_runs_that_take_turns_read_each_their_prefix_once(gemma: FunctionGemma) -> None:
    for number in range(3):
        gemma.choose(campaign(number), within_s=1_000)
    before = gemma.prefix.decoded
    for number in (0, 1, 2, 0, 2, 1):
        gemma.choose(dataclasses.replace(campaign(number), context="another person"), within_s=1_000)
    assert gemma.prefix.decoded == before


def test_a_prefix_that_was_put_aside_gives_the_same_to_the_bit(gemma: FunctionGemma) -> None:
    first = gemma.choose(LONG, within_s=1_000).probabilities
    for number in (3, 4):
        gemma.choose(campaign(number), within_s=1_000)
    assert gemma.choose(LONG, within_s=1_000).probabilities == first


def test_what_was_read_of_a_prefix_is_put_aside_too(gemma: FunctionGemma) -> None:
    asked = dataclasses.replace(LONG, instructions=LONG.instructions + "Once more.")
    before = gemma.prefix.decoded
    with pytest.raises(TimeoutError):
        gemma.choose(asked, within_s=SHORT_S)
    begun = gemma.prefix.decoded - before
    gemma.choose(campaign(0), within_s=1_000)
    before = gemma.prefix.decoded
    gemma.choose(asked, within_s=1_000)
    assert begun > 0
    assert gemma.prefix.decoded - before == length(gemma, asked) - begun


def test_only_the_latest_prefixes_are_kept(gemma: FunctionGemma) -> None:
    for number in range(MOST_KEPT + 2):
        gemma.choose(campaign(100 + number), within_s=1_000)
    before = gemma.prefix.decoded
    gemma.choose(campaign(100), within_s=1_000)
    assert gemma.prefix.decoded == before + length(gemma, campaign(100))


def test_the_next_question_is_answered_whatever_happened_to_the_last(gemma: FunctionGemma) -> None:
    expected = gemma.choose(QUESTION, within_s=1_000).probabilities
    for within_s in range(1, 12):
        with pytest.raises(TimeoutError):
            gemma.choose(dataclasses.replace(QUESTION, context="a, b " * 600), within_s=within_s / 4)
        assert gemma.choose(QUESTION, within_s=1_000).probabilities == expected


def test_two_calls_alike_cannot_be_chosen_among(gemma: FunctionGemma) -> None:
    alike = Call("do_nothing", {})
    with pytest.raises(InvalidInput, match="told apart"):
        gemma.choose(dataclasses.replace(QUESTION, calls=(alike, alike)), within_s=1_000)
