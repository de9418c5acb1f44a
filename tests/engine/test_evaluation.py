"""Evaluation: the harness tells right from wrong, whoever answers, and its figures say what they seem to say."""

import asyncio
import json
import shlex
import signal
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from engine.cli import evaluation, run
from engine.evaluation.dataset import Intent, intents, request_of
from engine.evaluation.grade import Grade
from engine.evaluation.measure import MOST_SILENT, Measured, measure
from engine.evaluation.reader import reader_named
from engine.evaluation.report import Report, Tally
from engine.settings import Settings
from engine.think.contract import Call, ModelRefused, ModelUnavailable, Reply, Request
from engine.tools import definitions
from rules.conditions import Language
from rules.errors import InvalidInput, LeoError, Misconfigured
from rules.words import Arbiter
from tests.engine import gemini_stub

EVERY = intents()
PAUSE = Call("pause_campaign", {"campaign": "a"})


# --- measuring: a model that does what its script says ---

Answer = Callable[[Intent], Sequence[Call] | BaseException]


class Scripted:
    """A model that knows the labels, and answers each request as it is told to."""

    def __init__(self, answer: Answer, *, pause_s: float = 0.0) -> None:
        self.answer = answer
        self.pause_s = pause_s
        self.busy = self.busiest = 0
        self.asked: list[Request] = []
        self._by_text = {one.text: one for one in EVERY}

    async def call(self, request: Request, *, within_s: float) -> Reply:
        assert within_s > 0
        self.asked.append(request)
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            await asyncio.sleep(self.pause_s)
        finally:
            self.busy -= 1
        calls = self.answer(self._by_text[request.text])
        if isinstance(calls, BaseException):
            raise calls
        return Reply(raw="", calls=tuple(calls), model="scripted-1", prompt_hash=b"", latency_ms=1.0, cost=0.001)


async def _measured(
    model: Scripted, chosen: Sequence[Intent] = EVERY, *, within_s: float = 5.0, at_once: int = 4
) -> list[Measured]:
    found: list[Measured] = []
    await measure(model, chosen, within_s=within_s, at_once=at_once, seen=found.append)
    return found


def _right(intent: Intent) -> Sequence[Call]:
    return intent.calls


async def test_a_model_that_is_always_right_gets_everything() -> None:
    report = Report.of(await _measured(Scripted(_right)))
    assert (report.whole.exact, report.whole.tool, report.argument) == (1.0, 1.0, 1.0)
    assert not report.confused
    assert report.models == ("scripted-1",)
    assert report.cost == pytest.approx(0.001 * len(EVERY))


async def test_a_model_that_does_nothing_is_right_only_where_nothing_is_meant() -> None:
    report = Report.of(await _measured(Scripted(lambda _: [Call("do_nothing", {"reason": "?"})])))
    nothing = sum(one.tool == "do_nothing" for one in EVERY)
    assert report.whole.grades[Grade.EXACT] == nothing
    assert report.whole.grades[Grade.WRONG_TOOL] == len(EVERY) - nothing
    assert report.by["tool"]["activate_campaign"].exact == 0
    assert report.confused["activate_campaign", "do_nothing"] >= 20


async def test_a_wrong_argument_costs_the_call_and_not_the_tool() -> None:
    def other(intent: Intent) -> Sequence[Call]:
        return [
            Call(one.name, {**one.arguments, "campaign": "other"}) if "campaign" in one.arguments else one
            for one in intent.calls
        ]

    report = Report.of(await _measured(Scripted(other)))
    assert report.whole.tool == 1.0
    assert report.arguments["send_message.campaign"][0] == 0
    right, compared = report.arguments["send_message.profile"]
    assert right == compared > 0
    assert report.by["tool"]["send_message"].exact == 0
    assert report.by["tool"]["explain_decision"].to_document()["asked"] > 0


async def test_vietnamese_and_english_are_counted_apart() -> None:
    answer: Answer = lambda one: one.calls if one.language is Language.VI else ()  # noqa: E731
    report = Report.of(await _measured(Scripted(answer)))
    assert report.by["language"]["vi"].exact == 1.0
    assert report.by["language"]["en"].grades == {Grade.INVALID: len(EVERY) // 2}


async def test_a_refusal_is_an_answer_and_a_wrong_one() -> None:
    refused = ModelRefused("It said no.", remedy="Ask otherwise.")
    report = Report.of(await _measured(Scripted(lambda _: refused), EVERY[:30]))
    assert report.whole.grades == {Grade.REFUSED: 30}
    assert report.latency_ms(0.5) is not None
    assert report.said == {"It said no.": 30}


async def test_a_slow_answer_is_none_and_does_not_count_as_right() -> None:
    slow = Scripted(_right, pause_s=30.0)
    report = Report.of(await _measured(slow, EVERY[: MOST_SILENT - 1], within_s=0.01))
    assert report.whole.grades == {Grade.UNANSWERED: MOST_SILENT - 1}
    assert (report.whole.exact, report.latency_ms(0.5)) == (0.0, None)


async def test_a_model_that_is_away_is_given_up() -> None:
    model = Scripted(lambda _: ModelUnavailable("It is away.", remedy="Start it."))
    with pytest.raises(ModelUnavailable, match="away"):
        await _measured(model, at_once=1)
    assert len(model.asked) == MOST_SILENT


@pytest.mark.parametrize(
    "error",
    [
        ModelUnavailable("Not today any more.", remedy="Wait.", is_spent=True),
        Misconfigured("The key is wrong.", remedy="Set another."),
    ],
)
async def test_what_waiting_does_not_mend_ends_it_at_once(error: LeoError) -> None:
    model = Scripted(lambda _: error)
    with pytest.raises(type(error)):
        await _measured(model, at_once=1)
    assert len(model.asked) == 1


async def test_no_more_are_asked_at_once_than_said_and_each_is_asked_once() -> None:
    model = Scripted(_right, pause_s=0.001)
    await _measured(model, at_once=3)
    assert model.busiest == 3
    assert Counter(one.text for one in model.asked) == Counter(one.text for one in EVERY)


async def test_what_was_measured_before_the_end_is_kept() -> None:
    found: list[Measured] = []

    def answer(intent: Intent) -> Sequence[Call]:
        if intent is EVERY[5]:
            asking.cancel()
        return intent.calls

    asking = asyncio.create_task(measure(Scripted(answer), EVERY, within_s=5, at_once=1, seen=found.append))
    await asyncio.wait([asking])
    assert asking.cancelled()
    assert 5 <= len(found) < len(EVERY)
    assert Report.of(found).whole.exact == 1.0


def test_a_model_sees_what_a_task_would_show_it_and_no_label() -> None:
    request = request_of(EVERY[0])
    assert {tool.name for tool in request.tools} == definitions().keys()
    assert request.text == EVERY[0].text
    assert "hue-vang" not in request.context


# --- figures ---


def test_times_are_ranks_of_what_was_measured() -> None:
    report = Report(
        models=(), whole=Tally({}), by={}, arguments={}, confused={}, said={}, latencies_ms=tuple(range(1, 101)), cost=0
    )
    assert (report.latency_ms(0.5), report.latency_ms(0.95), report.latency_ms(1.0)) == (50, 95, 100)


@pytest.mark.parametrize(
    ("right", "of", "low", "high"), [(16, 20, 0.584, 0.919), (0, 20, 0.0, 0.161), (20, 20, 0.839, 1)]
)
def test_few_requests_leave_much_open(right: int, of: int, low: float, high: float) -> None:
    """Wilson's interval; 16 of 20 as in Google's tutorial may be 58 % or 92 %."""
    found = Tally({Grade.EXACT: right, Grade.INVALID: of - right}).interval
    assert found[0] == pytest.approx(low, abs=0.001)
    assert found[1] == pytest.approx(high, abs=0.001)


def test_nothing_measured_is_nothing_claimed() -> None:
    document = Report.of([]).to_document()
    assert (document["asked"], document["exact_call"], document["p50_ms"]) == (0, 0.0, None)
    assert document["exact_call_between"] == [0.0, 1.0]


# --- which model ---


def _settings(**given: object) -> Settings:
    return Settings.load(**given)


def test_a_model_is_named_by_its_arbiter_or_its_own_name() -> None:
    settings = _settings(gemini_api_key="a key", gemini_model="gemini-a")
    by_arbiter = reader_named(settings, "gemini", at_once=1)
    by_name = reader_named(settings, "gemini-b", at_once=1)
    assert [one.models[Arbiter.GEMINI].model for one in (by_arbiter, by_name)] == ["gemini-a", "gemini-b"]


@pytest.mark.parametrize(
    ("name", "raised"),
    [("score", InvalidInput), ("gpt", InvalidInput), ("gemini", Misconfigured), ("gemini-3/../x", Misconfigured)],
)
def test_a_model_that_is_not_there_is_said_so(name: str, raised: type[LeoError]) -> None:
    with pytest.raises(raised):
        reader_named(_settings(gemini_api_key=None), name, at_once=1)


async def test_gemini_is_measured_over_its_own_wire() -> None:
    chosen = [one for one in EVERY if len(one.calls) == 1][:4]
    answers = [gemini_stub.calls((one.calls[0].name, dict(one.calls[0].arguments))) for one in chosen[:2]]
    async with gemini_stub.serving() as stub:
        stub.says(*answers, gemini_stub.TEXT, gemini_stub.calls(("pause_campaign", {"campaign": "a"})))
        reader = reader_named(_settings(gemini_api_key="a key", gemini_url=stub.url), "gemini", at_once=1)
        found: list[Measured] = []
        try:
            await measure(reader, chosen, within_s=10, at_once=1, seen=found.append)
        finally:
            await reader.close()
    assert [one.graded.grade for one in found] == [Grade.EXACT, Grade.EXACT, Grade.REFUSED, Grade.WRONG_TOOL]
    assert [one["contents"][0]["parts"][0]["text"].splitlines()[-1] for one in stub.asked] == [
        one.text for one in chosen
    ]


# --- the command ---


class Opened(Scripted):
    """A scripted model that can be closed."""

    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


def _open(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> Opened:
    model = Opened(answer)
    monkeypatch.setattr(evaluation, "reader_named", lambda _settings, _name, at_once: model if at_once else None)
    return model


def test_the_command_prints_one_json_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = _open(monkeypatch, _right)
    assert run(["eval", "intents", "--model", "scripted", "--limit", "24", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["of"], document["asked"], document["exact_call"], document["models"]) == (
        24,
        24,
        1.0,
        ["scripted-1"],
    )
    assert model.is_closed


def test_the_command_shows_each_mistake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _open(monkeypatch, lambda _: [PAUSE])
    assert run(["eval", "intents", "--model", "scripted", "--limit", "12", "--mistakes"]) == 0
    shown = capsys.readouterr().out
    assert "scripted-1: 12 of 12 requests" in shown
    assert "wrong_tool" in shown


def test_ctrl_c_prints_what_was_measured_so_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(intent: Intent) -> Sequence[Call]:
        if intent is EVERY[6]:
            signal.raise_signal(signal.SIGINT)
        return intent.calls

    model = _open(monkeypatch, answer)
    assert run(["eval", "intents", "--model", "scripted", "--json"]) == 130
    document = json.loads(capsys.readouterr().out)
    assert 6 <= document["asked"] < document["of"] == len(EVERY)
    assert model.is_closed


def test_a_model_that_goes_away_in_between_is_told_after_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spent = ModelUnavailable("The day's quota is used up.", remedy="Go on tomorrow.", is_spent=True)
    _open(monkeypatch, lambda intent: spent if intent is EVERY[3] else intent.calls)
    assert run(["eval", "intents", "--model", "scripted", "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["exact"] == 3
    assert "quota" in printed.err


async def test_the_command_asks_gemini_what_the_page_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with gemini_stub.serving() as stub:
        stub.says(gemini_stub.calls(("do_nothing", {"reason": "?"})))
        monkeypatch.setenv("LEO_GEMINI_API_KEY", "a key")
        monkeypatch.setenv("LEO_GEMINI_URL", stub.url)
        words = shlex.split("eval intents --model gemini --limit 60 --at-once 4 --json")
        assert await asyncio.to_thread(run, words) == 0
    assert len(stub.asked) == json.loads(capsys.readouterr().out)["asked"] == 60
