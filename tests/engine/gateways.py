"""A gateway over scripted models and a clock that only the test moves."""

from dataclasses import dataclass, field
from typing import Any

from engine.think.contract import Answer, Call, ModelUnavailable, Question, Reply, Request
from engine.think.gateway import Gateway
from rules.words import Arbiter

QUESTION = Question(tools=(), instructions="", context="", calls=(Call("a"), Call("b"), Call("c")))
DOWN = ModelUnavailable("It is down.", remedy="")


def answer(place: Any = 0, **more: Any) -> Answer:
    return Answer(place=place, model="scripted", prompt_hash=b"\x00" * 32, latency_ms=1.0, **more)


@dataclass
class Scripted:
    """A model that does what it is told, one thing after another, the last for good."""

    arbiter: Arbiter
    script: list[Any]
    asked: int = 0
    model: str = "scripted"

    async def choose(self, question: Question, *, within_s: float) -> Answer:  # noqa: ARG002
        given = self.script[min(self.asked, len(self.script) - 1)]
        self.asked += 1
        if isinstance(given, BaseException):
            raise given
        answer: Answer = given() if callable(given) else given
        return answer

    async def call(self, request: Request, *, within_s: float) -> Reply:  # noqa: ARG002
        given = await self.choose(QUESTION, within_s=within_s)
        return Reply(raw=str(given.place), calls=(), model="", prompt_hash=b"", latency_ms=1.0)

    async def close(self) -> None:
        self.asked = -1


@dataclass
class Clock:
    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def gateway(clock: Clock, *models: Scripted) -> Gateway:
    return Gateway({one.arbiter: one for one in models}, clock=clock, sleep=clock.sleep, jitter=lambda: 0.5)
