"""Several models behind one question: in order, in time, and a model that fails is left alone."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.think.breaker import MOST_FAILURES, OPEN_S, SPENT_S
from engine.think.contract import Answer, ModelRefused, ModelUnavailable, Question, Request
from engine.think.gateway import Gateway
from rules.arbitration import PassedOver
from rules.words import Arbiter
from tests.engine.gateways import DOWN, QUESTION, Clock, Scripted, answer, gateway

ORDER = (Arbiter.FUNCTIONGEMMA, Arbiter.GEMINI, Arbiter.SCORE)


def slow(clock: Clock, seconds: float) -> Callable[[], Answer]:
    def take() -> Answer:
        clock.now += seconds
        raise TimeoutError

    return take


async def test_the_first_that_answers_is_taken() -> None:
    clock = Clock()
    first, second = Scripted(Arbiter.FUNCTIONGEMMA, [answer(1)]), Scripted(Arbiter.GEMINI, [answer(2)])
    asked = await gateway(clock, first, second).ask(QUESTION, order=ORDER, within_s=2)
    assert (asked.arbiter, asked.answer, asked.passed_over) == (Arbiter.FUNCTIONGEMMA, answer(1), ())
    assert second.asked == 0


async def test_who_does_not_answer_is_passed_over_and_why_is_told() -> None:
    clock = Clock()
    first = Scripted(Arbiter.FUNCTIONGEMMA, [ModelRefused("It made no call.", remedy="")])
    asked = await gateway(clock, first, Scripted(Arbiter.GEMINI, [answer(2)])).ask(QUESTION, order=ORDER, within_s=2)
    assert asked.arbiter is Arbiter.GEMINI
    assert asked.passed_over == (PassedOver(Arbiter.FUNCTIONGEMMA, "It made no call."),)
    assert first.asked == 1


async def test_at_score_no_model_is_asked() -> None:
    model = Scripted(Arbiter.GEMINI, [answer()])
    asked = await gateway(Clock(), model).ask(QUESTION, order=(Arbiter.SCORE, Arbiter.GEMINI), within_s=2)
    assert (asked.arbiter, asked.answer, model.asked) == (Arbiter.SCORE, None, 0)


async def test_a_model_that_is_not_configured_is_named() -> None:
    asked = await gateway(Clock()).ask(QUESTION, order=ORDER, within_s=2)
    assert [one.why for one in asked.passed_over] == ["No functiongemma is configured.", "No gemini is configured."]


@pytest.mark.parametrize("place", [-1, 3, 1.0, True, None, "0"])
async def test_an_answer_outside_the_list_is_none(place: object) -> None:
    clock = Clock()
    asked = await gateway(clock, Scripted(Arbiter.GEMINI, [answer(place)])).ask(
        QUESTION, order=(Arbiter.GEMINI,), within_s=2
    )
    assert asked.answer is None


async def test_probabilities_for_another_list_are_no_answer() -> None:
    model = Scripted(Arbiter.GEMINI, [answer(0, probabilities=(0.5, 0.5))])
    assert (await gateway(Clock(), model).ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)).answer is None


async def test_a_failure_is_tried_again_within_the_budget() -> None:
    clock = Clock()
    model = Scripted(Arbiter.GEMINI, [DOWN, DOWN, answer(2)])
    asked = await gateway(clock, model).ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)
    assert asked.answer == answer(2)
    assert clock.slept == [pytest.approx(0.2), pytest.approx(0.4)]


async def test_a_servers_own_delay_is_never_undercut() -> None:
    clock = Clock()
    model = Scripted(Arbiter.GEMINI, [ModelUnavailable("Wait.", remedy="", retry_after=1.5), answer(0)])
    await gateway(clock, model).ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)
    assert clock.slept == [pytest.approx(1.5 * 1.05)]


async def test_beyond_the_budget_nobody_is_waited_for() -> None:
    clock = Clock()
    model = Scripted(Arbiter.GEMINI, [ModelUnavailable("Wait.", remedy="", retry_after=53.0)])
    asked = await gateway(clock, model).ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)
    assert (asked.answer, model.asked, clock.slept) == (None, 1, [])


async def test_what_one_model_used_up_the_next_has_not() -> None:
    clock = Clock()
    first = Scripted(Arbiter.FUNCTIONGEMMA, [slow(clock, 3)])
    second = Scripted(Arbiter.GEMINI, [answer(1)])
    asked = await gateway(clock, first, second).ask(QUESTION, order=ORDER, within_s=2)
    assert (asked.answer, second.asked) == (None, 0)
    assert [one.why for one in asked.passed_over] == ["It did not answer in time.", "No time was left for gemini."]


async def test_a_breaker_opens_closes_and_lets_one_question_try() -> None:
    clock = Clock()
    model = Scripted(Arbiter.GEMINI, [TimeoutError()] * (MOST_FAILURES + 1) + [answer(0)])
    behind = gateway(clock, model)

    async def ask() -> Answer | None:
        return (await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)).answer

    for _ in range(MOST_FAILURES):
        assert await ask() is None
    assert await ask() is None
    assert model.asked == MOST_FAILURES
    clock.now += OPEN_S
    assert await ask() is None  # half open: tried once, and open again
    assert await ask() is None
    assert model.asked == MOST_FAILURES + 1
    clock.now += OPEN_S
    assert await ask() == answer(0)
    assert await ask() == answer(0)


async def test_a_quota_that_is_spent_is_left_for_an_hour() -> None:
    clock = Clock()
    model = Scripted(Arbiter.GEMINI, [ModelUnavailable("Spent.", remedy="", is_spent=True), answer(0)])
    behind = gateway(clock, model)
    await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)
    clock.now += SPENT_S - 1
    assert (await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)).answer is None
    clock.now += 1
    assert (await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)).answer == answer(0)


async def test_a_model_elsewhere_is_asked_for_its_name_until_it_tells() -> None:
    class Elsewhere(Scripted):
        learnt: int = 0

        async def learn(self) -> None:
            self.learnt += 1
            if self.learnt == 1:
                raise DOWN
            self.model = "gemma@7"

    away, near = Elsewhere(Arbiter.FUNCTIONGEMMA, [], model="gemma"), Scripted(Arbiter.GEMINI, [])
    behind = gateway(Clock(), away, near)
    assert await behind.names() == {Arbiter.GEMINI: "scripted"}
    for _ in range(2):
        assert await behind.names() == {Arbiter.GEMINI: "scripted", Arbiter.FUNCTIONGEMMA: "gemma@7"}
    assert away.learnt == 2


async def test_a_key_that_is_wrong_is_asked_with_once() -> None:
    model = Scripted(Arbiter.GEMINI, [ModelRefused("Wrong key.", remedy="", is_spent=True)])
    behind = gateway(Clock(), model)
    for _ in range(3):
        assert (await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)).answer is None
    assert model.asked == 1


async def test_who_says_no_is_there_and_is_asked_again() -> None:
    model = Scripted(Arbiter.GEMINI, [ModelRefused("No.", remedy="")])
    behind = gateway(Clock(), model)
    for _ in range(MOST_FAILURES + 2):
        await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)
    assert model.asked == MOST_FAILURES + 2


async def test_what_a_server_asked_of_one_question_holds_for_all() -> None:
    clock = Clock()
    model = Scripted(Arbiter.GEMINI, [ModelUnavailable("Wait.", remedy="", retry_after=53.0), answer(2)])
    behind = gateway(clock, model)
    for _ in range(3):
        assert (await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)).answer is None
    assert model.asked == 1
    asked = await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=60)
    assert (asked.answer, clock.now) == (answer(2), 1053.0)


async def test_waiting_for_others_is_no_failure_of_the_model() -> None:
    came, goes = asyncio.Event(), asyncio.Event()

    class Busy(Scripted):
        async def choose(self, question: Question, *, within_s: float) -> Answer:
            came.set()
            await goes.wait()
            return await super().choose(question, within_s=within_s)

    model = Busy(Arbiter.GEMINI, [answer(1)])
    behind = Gateway({Arbiter.GEMINI: model}, at_once=1)
    first = asyncio.create_task(behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=60))
    await came.wait()
    for _ in range(MOST_FAILURES + 1):
        asked = await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=0.02)
        assert [one.why for one in asked.passed_over] == ["No time was left for gemini."]
    goes.set()
    assert (await first).answer == answer(1)
    assert (await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=60)).answer == answer(1)


async def test_a_try_that_is_cancelled_keeps_nobody_else_from_trying() -> None:
    clock, came = Clock(), asyncio.Event()

    class Hanging(Scripted):
        async def choose(self, question: Question, *, within_s: float) -> Answer:
            if self.asked == MOST_FAILURES and not came.is_set():
                came.set()
                await asyncio.Event().wait()
            return await super().choose(question, within_s=within_s)

    behind = gateway(clock, Hanging(Arbiter.GEMINI, [TimeoutError()] * MOST_FAILURES + [answer(0)]))
    for _ in range(MOST_FAILURES):
        await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)
    clock.now += OPEN_S
    trying = asyncio.create_task(behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=60))
    await came.wait()
    assert (await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=60)).answer is None
    trying.cancel()
    await asyncio.gather(trying, return_exceptions=True)
    assert (await behind.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=60)).answer == answer(0)


async def test_several_failures_are_told_as_one_that_may_pass() -> None:
    spent = ModelUnavailable("Spent.", remedy="Pay.", is_spent=True)
    later = ModelUnavailable("Later.", remedy="Wait.", retry_after=90.0)
    request = Request(tools=(), instructions="", text="x")
    both = gateway(Clock(), Scripted(Arbiter.FUNCTIONGEMMA, [spent]), Scripted(Arbiter.GEMINI, [later]))
    with pytest.raises(ModelUnavailable, match=r"Spent\. Later\.") as caught:
        await both.call(request, within_s=2)
    assert (caught.value.is_spent, caught.value.retry_after) == (False, 90.0)


@given(
    place=st.one_of(st.integers(), st.floats(), st.text(max_size=3), st.none(), st.booleans()),
    probabilities=st.lists(st.floats(), max_size=5),
)
async def test_whatever_a_model_answers_it_is_a_place_in_the_list_or_nothing(
    place: object, probabilities: list[float]
) -> None:
    model = Scripted(Arbiter.GEMINI, [answer(place, probabilities=tuple(probabilities))])
    asked = await gateway(Clock(), model).ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)
    if asked.answer is not None:
        assert asked.answer.place in (0, 1, 2)
        assert isinstance(asked.answer.place, int)
        assert len(asked.answer.probabilities) in (0, 3)
        assert all(0 <= one <= 1 for one in asked.answer.probabilities)


async def test_words_are_read_by_the_first_that_can() -> None:
    clock = Clock()
    request = Request(tools=(), instructions="", text="x")
    first = Scripted(Arbiter.FUNCTIONGEMMA, [ModelRefused("No.", remedy="")])
    reply = await gateway(clock, first, Scripted(Arbiter.GEMINI, [answer(2)])).call(request, within_s=2)
    assert reply.raw == "2"
    with pytest.raises(ModelUnavailable, match="No model is configured"):
        await gateway(clock).call(request, within_s=2)
