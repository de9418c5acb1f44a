"""Asking a model all the requests, some at once, and marking each answer as it comes."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from engine.evaluation.dataset import Intent, request_of
from engine.evaluation.grade import Grade, Graded, grade, unusable
from engine.think.contract import Call, ModelRefused, ModelUnavailable, Reply, Request
from rules.errors import LeoError

# A model that is silent so often in a row is not there: the rest would only take its time.
MOST_SILENT = 10


class Reader(Protocol):
    """A model, or the gateway before several."""

    async def call(self, request: Request, *, within_s: float) -> Reply: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One request with its mark; `latency_ms` is None where nothing came back, `said` what went wrong then."""

    intent: Intent
    graded: Graded
    calls: tuple[Call, ...] = ()
    latency_ms: float | None = None
    model: str | None = None
    cost: float = 0.0
    said: str | None = None


class _Asking:
    """What the askers of one evaluation share."""

    def __init__(self, chosen: Iterable[Intent]) -> None:
        self.left: Iterator[Intent] = iter(chosen)
        self.silent = 0
        self.stopped_by: LeoError | None = None


async def measure(
    reader: Reader, chosen: Sequence[Intent], *, within_s: float, at_once: int, seen: Callable[[Measured], None]
) -> None:
    """Ask each request once and give what came of it to `seen`, in the order of the answers.

    Raises the model's error where it will answer nothing more: it is spent, set up wrong, or was silent too often.
    """
    asking = _Asking(chosen)
    await asyncio.gather(*(_ask(reader, asking, within_s, seen) for _ in range(min(at_once, len(chosen)))))
    if asking.stopped_by is not None:
        raise asking.stopped_by


async def _ask(reader: Reader, asking: _Asking, within_s: float, seen: Callable[[Measured], None]) -> None:
    for intent in asking.left:
        if asking.stopped_by is not None:
            return
        try:
            measured = await _measured(reader, intent, within_s)
            asking.silent = 0
        except (ModelUnavailable, TimeoutError) as error:
            measured = _unanswered(intent, error, within_s)
            asking.silent += 1
            if _is_hopeless(asking, error):
                asking.stopped_by = _as_ours(error, within_s)
        except LeoError as error:
            asking.stopped_by = error
            return
        seen(measured)


async def _measured(reader: Reader, intent: Intent, within_s: float) -> Measured:
    started = perf_counter()
    try:
        async with asyncio.timeout(within_s):
            reply = await reader.call(request_of(intent), within_s=within_s)
    except ModelRefused as error:
        took_ms = (perf_counter() - started) * 1000
        return Measured(intent=intent, graded=unusable(intent, Grade.REFUSED), latency_ms=took_ms, said=error.message)
    took_ms = (perf_counter() - started) * 1000
    graded = grade(intent, reply.calls)
    return Measured(
        intent=intent, graded=graded, calls=reply.calls, latency_ms=took_ms, model=reply.model, cost=reply.cost
    )


def _unanswered(intent: Intent, error: ModelUnavailable | TimeoutError, within_s: float) -> Measured:
    said = _as_ours(error, within_s).message
    return Measured(intent=intent, graded=unusable(intent, Grade.UNANSWERED), said=said)


def _is_hopeless(asking: _Asking, error: ModelUnavailable | TimeoutError) -> bool:
    return asking.silent >= MOST_SILENT or (isinstance(error, ModelUnavailable) and error.is_spent)


def _as_ours(error: ModelUnavailable | TimeoutError, within_s: float) -> ModelUnavailable:
    if isinstance(error, ModelUnavailable):
        return error
    return ModelUnavailable(f"The model did not answer within {within_s:g} s.", remedy="Allow more: --within.")
