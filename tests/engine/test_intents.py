"""The labelled requests are sound, and an answer is graded by what it means, not by how it is written."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import pytest

from engine.evaluation.dataset import CONTEXT, Intent, Style, intents, sample
from engine.evaluation.grade import NOTHING, Grade, grade
from engine.tenants import ALL_SCOPES
from engine.think.contract import Call
from engine.tools import check, definitions
from rules.conditions import Language

EVERY = intents()


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold()))


# --- the labelled requests ---


def test_there_are_enough_requests_half_of_them_vietnamese() -> None:
    assert len(EVERY) >= 200
    languages = Counter(one.language for one in EVERY)
    assert languages[Language.VI] == languages[Language.EN]


def test_no_request_is_there_twice() -> None:
    texts = Counter(_plain(one.text) for one in EVERY)
    assert [text for text, times in texts.items() if times > 1] == []


@pytest.mark.parametrize("language", list(Language))
def test_each_tool_is_asked_for_in_each_language(language: Language) -> None:
    counts = Counter(call.name for one in EVERY if one.language is language for call in one.calls)
    assert counts.keys() == definitions().keys()
    assert min(counts.values()) >= 6
    assert counts["do_nothing"] >= 15


def test_each_label_is_a_call_that_a_task_could_make() -> None:
    assert not [(one.text, check(one.calls, ALL_SCOPES)) for one in EVERY if check(one.calls, ALL_SCOPES)]


def test_each_label_is_exact_against_itself() -> None:
    assert not [one.text for one in EVERY if grade(one, one.calls).grade is not Grade.EXACT]


def test_requests_are_written_in_several_ways() -> None:
    styles = Counter((one.language, one.style) for one in EVERY)
    assert styles[Language.VI, Style.BARE] >= 12
    assert all(styles[language, Style.TYPO] >= 8 for language in Language)
    bare = [one.text for one in EVERY if one.style is Style.BARE]
    assert all(text.isascii() for text in bare)
    assert sum(len(one.calls) > 1 for one in EVERY) >= 10


def test_what_a_label_names_by_its_key_stands_in_the_request() -> None:
    """A label must follow from the words alone: keys are copied, never guessed."""
    keys = {"campaign", "profile", "segment", "key", "decision_id"}
    named = [
        (one, str(call.arguments[key])) for one in EVERY for call in one.calls for key in keys & call.arguments.keys()
    ]
    assert len(named) > len(EVERY) / 2
    assert not [(one.text, key) for one, key in named if key.lower() not in one.text.lower()]


def test_what_a_label_compares_is_known_to_the_model() -> None:
    for intent in EVERY:
        for call in intent.calls:
            for condition in call.arguments.get("conditions", []):
                # Keys of segments and names of channels are in the request.
                known = condition.get("about") in {"segment", "reachable"}
                assert known or f'"{condition["field"]}"' in CONTEXT


def test_a_sample_is_spread_over_all_tools() -> None:
    assert len({one.text for one in sample(60)}) == 60
    assert {one.tool for one in sample(60)} == definitions().keys()
    assert sample(None) == sample(10_000) == EVERY


# --- grading ---


def _intent(text: str, *calls: Call) -> Intent:
    return Intent(Language.VI, Style.PLAIN, text, calls)


def _segment(**changed: object) -> Call:
    conditions = [{"field": "city", "value": "Huế"}, {"field": "orders", "test": "at_least", "value": "5"}]
    return Call("create_segment", {"key": "hue", "name": "Khách Huế", "conditions": conditions, **changed})


HUE = _intent("Tạo phân khúc hue tên Khách Huế, ở Huế, từ 5 đơn", _segment())


@pytest.mark.parametrize(
    "answer",
    [
        _segment(conditions=list(reversed(_segment().arguments["conditions"]))),
        _segment(match="all"),
        _segment(name="khach  hue"),
        _segment(
            conditions=[
                {"field": "city", "about": "attribute", "test": "is", "value": "hue", "negated": False},
                {"field": "orders", "test": "at_least", "value": "5"},
            ]
        ),
        Call(
            "create_segment",
            {
                "key": "hue",
                "name": "Khách Huế",
                "rule": {"all": [{"attribute": "orders", "at_least": 5}, {"attribute": "city", "is": "Huế"}]},
            },
        ),
    ],
)
def test_the_same_meaning_in_another_form_is_exact(answer: Call) -> None:
    assert grade(HUE, [answer]).grade is Grade.EXACT


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (_segment(match="any"), "conditions"),
        (_segment(conditions=_segment().arguments["conditions"][:1]), "conditions"),
        (_segment(key="da-nang"), "key"),
        (_segment(name="Khách Hà Nội"), "name"),
    ],
)
def test_another_argument_is_named(answer: Call, wrong: str) -> None:
    graded = grade(HUE, [answer])
    assert graded.grade is Grade.WRONG_ARGUMENT
    assert [name for (_, name), (right, compared) in graded.arguments.items() if right < compared] == [wrong]


def test_an_argument_too_many_is_wrong() -> None:
    meant = _intent("Tìm mẫu về Tết", Call("find_templates", {"words": "Tết"}))
    graded = grade(meant, [Call("find_templates", {"words": "Tết", "channel": "email"})])
    assert graded.grade is Grade.WRONG_ARGUMENT
    assert graded.arguments == {("find_templates", "channel"): (0, 1), ("find_templates", "words"): (1, 1)}


def test_not_being_something_may_be_said_in_two_ways() -> None:
    negated = {"field": "city", "value": "Huế", "negated": True}
    other = {"field": "city", "test": "is_not", "value": "Huế"}
    meant = _intent("Khách không ở Huế", Call("preview_segment", {"conditions": [negated]}))
    assert grade(meant, [Call("preview_segment", {"conditions": [other]})]).grade is Grade.EXACT
    affirmed = {"field": "city", "value": "Huế"}
    assert grade(meant, [Call("preview_segment", {"conditions": [affirmed]})]).grade is Grade.WRONG_ARGUMENT


def test_what_the_request_leaves_to_the_model_is_not_compared() -> None:
    meant = _intent("Tạo phân khúc khách ở Huế từ 5 đơn", _segment(name="Khách thân thiết"))
    assert grade(meant, [_segment(name="Bất kỳ")]).grade is Grade.EXACT
    nothing = _intent("Trời đẹp", Call("do_nothing", {"reason": "Không có gì."}))
    assert grade(nothing, [Call("do_nothing", {"reason": "No tool does that."})]).grade is Grade.EXACT


PAUSE, START = Call("pause_campaign", {"campaign": "a"}), Call("activate_campaign", {"campaign": "b"})
BOTH = _intent("Dừng a, chạy b", PAUSE, START)


@pytest.mark.parametrize(
    ("answers", "reached"),
    [
        ([PAUSE, START], Grade.EXACT),
        ([PAUSE], Grade.WRONG_TOOL),
        ([START, PAUSE], Grade.WRONG_TOOL),
        ([PAUSE, START, START], Grade.WRONG_TOOL),
        ([PAUSE, Call("activate_campaign", {"campaign": "c"})], Grade.WRONG_ARGUMENT),
        ([PAUSE, Call("activate_campaign", {})], Grade.INVALID),
        ([PAUSE, Call("send_everything", {})], Grade.INVALID),
        ([], Grade.INVALID),
    ],
)
def test_several_calls_are_right_together_and_in_order(answers: Sequence[Call], reached: Grade) -> None:
    assert grade(BOTH, answers).grade is reached


def test_mistakes_are_paired_with_what_was_meant() -> None:
    assert set(grade(BOTH, [PAUSE]).pairs) == {
        ("pause_campaign", "pause_campaign"),
        ("activate_campaign", NOTHING),
    }
    nothing = Call("do_nothing", {"reason": "?"})
    assert ("activate_campaign", "do_nothing") in grade(BOTH, [PAUSE, nothing]).pairs
