"""The gateway: several models behind one question, in the order that a policy names, within one time budget.

A failing model is asked again only as long as the budget lasts, and not at all while its breaker is open. The models
that were passed over, and why, are part of the answer. Nothing is decided here: an answer is a position in a list that
the rules made.
"""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from engine import tracing
from engine.metrics import count
from engine.think.breaker import Breaker
from engine.think.contract import Answer, Model, ModelRefused, ModelUnavailable, Question, Reply, Request
from rules.arbitration import PassedOver
from rules.errors import LeoError
from rules.words import Arbiter

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0
# With less time than this, no answer can come back.
LEAST_S = 0.01
# The results of a question, as they are counted.
ANSWERED, REFUSED, FAILED = "answered", "refused", "failed"
T = TypeVar("T")

log = logging.getLogger("leo.think")


@dataclass(frozen=True, slots=True)
class Asked:
    """The result of asking; without an answer the score has to choose."""

    answer: Answer | None
    arbiter: Arbiter
    passed_over: tuple[PassedOver, ...] = ()


class _Passed(ModelUnavailable):
    """A model was not asked at all; `retry_after` is what remains of the rest that its server asked for."""


@runtime_checkable
class Served(Protocol):
    """A model in another process, whose name has to be learned before an answer is remembered under it."""

    async def learn(self) -> None:
        """Learn it; raises ModelUnavailable or TimeoutError."""
        ...


@dataclass(slots=True)
class _Lane:
    """One model's breaker, and the turns of the questions that are asked of it at once."""

    turns: asyncio.Semaphore
    breaker: Breaker = field(default_factory=Breaker)


@dataclass(slots=True)
class Gateway:
    """`models` by arbiter, in the order in which free text is tried; each gets at most `at_once` questions.

    `clock`, `sleep` and `jitter` (in [0, 1)) are for tests.
    """

    models: Mapping[Arbiter, Model]
    at_once: int = 4
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    _lanes: dict[Arbiter, _Lane] = field(default_factory=dict)
    _named: set[Arbiter] = field(default_factory=set)

    async def names(self) -> dict[Arbiter, str]:
        """Give the name and version of each model; nothing for one that has not told them and is away."""
        for arbiter in self.models.keys() - self._named:
            model = self.models[arbiter]
            try:
                if isinstance(model, Served):
                    await model.learn()
            except (ModelUnavailable, TimeoutError) as error:
                log.info("%s has not told its name: %s", arbiter, why(error))
            else:
                self._named.add(arbiter)
        return {arbiter: model.model for arbiter, model in self.models.items() if arbiter in self._named}

    async def ask(self, question: Question, *, order: Sequence[Arbiter], within_s: float) -> Asked:
        """Ask the models of `order` until one answers; nobody has, if `score` or the end comes first."""
        passed: list[PassedOver] = []
        ends = self.clock() + within_s
        for arbiter in order:
            if arbiter is Arbiter.SCORE:
                break
            try:
                answer = await self._try(arbiter, ends, lambda model, left: model.choose(question, within_s=left))
                _check(answer, question, arbiter)
            except (ModelUnavailable, TimeoutError) as error:
                passed.append(PassedOver(arbiter, why(error)))
                continue
            return Asked(answer, arbiter, tuple(passed))
        return Asked(None, Arbiter.SCORE, tuple(passed))

    async def call(self, request: Request, *, within_s: float) -> Reply:
        """Let the first model that can turn words into calls.

        If none can, raises ModelUnavailable for all that were asked.
        """
        failed: list[ModelUnavailable | TimeoutError] = []
        ends = self.clock() + within_s
        for arbiter in self.models:
            try:
                return await self._try(arbiter, ends, lambda model, left: model.call(request, within_s=left))
            except (ModelUnavailable, TimeoutError) as error:
                log.info("%s read no words: %s", arbiter, why(error))
                failed.append(error)
        raise _together(failed)

    async def close(self) -> None:
        """Let go of every model."""
        for model in self.models.values():
            await model.close()

    async def _try(self, arbiter: Arbiter, ends: float, ask: Callable[[Model, float], Awaitable[T]]) -> T:
        """Ask one model, again as long as it is worth it; raises ModelUnavailable or TimeoutError."""
        model = self.models.get(arbiter)
        if model is None:
            raise ModelRefused(f"No {arbiter} is configured.", remedy="See docs/models.md.")
        lane = self._lanes.setdefault(arbiter, _Lane(asyncio.Semaphore(self.at_once)))
        async with self._turn(lane, arbiter, ends):
            for tried in itertools.count(1):
                try:
                    return await self._once(model, lane.breaker, ends, ask)
                except (ModelUnavailable, TimeoutError) as error:
                    delay_s = self._delay(error, tried)
                    if delay_s is None or self.clock() + delay_s + LEAST_S >= ends:
                        raise
                    await self.sleep(delay_s)
        raise AssertionError  # counting has no end

    @asynccontextmanager
    async def _turn(self, lane: _Lane, arbiter: Arbiter, ends: float) -> AsyncIterator[None]:
        """Wait until fewer than `at_once` are asking this model.

        Having to wait for others is not a failure of the model.
        """
        try:
            async with asyncio.timeout(max(0.0, ends - self.clock())):
                await lane.turns.acquire()
        except TimeoutError:
            raise ModelUnavailable(f"No time was left for {arbiter}.", remedy="It is asked next time.") from None
        try:
            yield
        finally:
            lane.turns.release()

    async def _once(
        self, model: Model, breaker: Breaker, ends: float, ask: Callable[[Model, float], Awaitable[T]]
    ) -> T:
        now = self.clock()
        if ends - now < LEAST_S:
            raise _Passed(f"No time was left for {model.arbiter}.", remedy="It is asked next time.")
        is_trial = breaker.is_open
        if not breaker.admit(now):
            rest_s = None if is_trial else breaker.until - now
            raise _Passed(
                f"{model.arbiter} failed and rests.", remedy="It is tried again by itself.", retry_after=rest_s
            )
        began, result = time.perf_counter(), FAILED
        try:
            with tracing.span("model call", arbiter=model.arbiter, model=model.model, calls_out=True):
                async with asyncio.timeout(ends - now):
                    given = await ask(model, ends - now)
            result = ANSWERED
        except ModelRefused as error:
            result = REFUSED
            if error.is_spent:
                self._fail(model, breaker, error)
            else:  # The server is there, and refuses.
                breaker.succeed()
            raise
        except (ModelUnavailable, TimeoutError) as error:
            self._fail(model, breaker, error)
            raise
        else:
            breaker.succeed()
        finally:
            if is_trial:
                breaker.leave()
            count.model_call(model.arbiter, result, time.perf_counter() - began, is_open=breaker.is_open)
        return given

    def _fail(self, model: Model, breaker: Breaker, error: ModelUnavailable | TimeoutError) -> None:
        was_open, now = breaker.is_open, self.clock()
        if isinstance(error, ModelUnavailable):
            breaker.fail(now, rest_s=error.retry_after, is_spent=error.is_spent)
        else:
            breaker.fail(now)
        if breaker.is_open and not was_open:
            log.warning("%s rests for %.0f s: %s", model.arbiter, breaker.until - now, why(error))

    def _delay(self, error: ModelUnavailable | TimeoutError, tried: int) -> float | None:
        """Give the seconds until the next try; None if there is none.

        The server's own delay is never shortened, and ours doubles; both are randomised, so that not all come back at
        once.
        """
        if isinstance(error, _Passed):
            return error.retry_after
        if not isinstance(error, ModelUnavailable) or error.is_spent or isinstance(error, ModelRefused):
            return None
        if error.retry_after is not None:
            return error.retry_after * (1 + self.jitter() / 10)
        return min(FIRST_DELAY_S * 2.0 ** min(tried - 1, 10), LONGEST_DELAY_S) * (0.5 + self.jitter())


def why(error: Exception) -> str:
    """Say in a few words why an arbiter was passed over."""
    if isinstance(error, TimeoutError):
        return "It did not answer in time."
    return error.message if isinstance(error, LeoError) else type(error).__name__


def _together(failed: Sequence[ModelUnavailable | TimeoutError]) -> ModelUnavailable | TimeoutError:
    """Combine several errors into one: it may be tried again as soon as one of the models may."""
    if not failed:
        return ModelUnavailable(
            "No model is configured.", remedy="Set LEO_MODEL_URL or LEO_GEMINI_API_KEY: see docs/models.md."
        )
    if len(failed) == 1:
        return failed[0]
    told = [one for one in failed if isinstance(one, ModelUnavailable)]
    delays = [one.retry_after for one in told if one.retry_after is not None]
    return ModelUnavailable(
        " ".join(why(one) for one in failed),
        remedy=told[0].remedy if told else "Ask again, or allow more time.",
        retry_after=min(delays, default=None),
        is_spent=len(told) == len(failed) and all(one.is_spent for one in told),
    )


def _check(answer: Answer, question: Question, arbiter: Arbiter) -> None:
    """A model that answers with anything but a position in the list has not answered."""
    count = len(question.calls)
    is_place = isinstance(answer.place, int) and not isinstance(answer.place, bool) and 0 <= answer.place < count
    chances = answer.probabilities
    are_chances = len(chances) in {0, count} and all(0.0 <= one <= 1.0 for one in chances)
    if not is_place or not are_chances:
        raise ModelRefused(f"{arbiter} answered outside the list of {count}.", remedy="Another arbiter chooses.")
