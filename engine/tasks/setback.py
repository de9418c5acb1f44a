"""What follows when a task goes wrong: it is tried again after a while, at most three times, or it has failed."""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from engine import clock
from engine.tasks.life import Change
from engine.tasks.task import kept
from engine.think.contract import ModelUnavailable
from rules.errors import LeoError
from rules.faults import Fault
from rules.words import TaskStatus

MOST_RETRIES = 3
# Before the first, second and third retry, plus or minus a quarter.
DELAYS = (timedelta(seconds=2), timedelta(seconds=10), timedelta(seconds=60))
# A model that wants to be left alone for longer is not asked again.
LONGEST = timedelta(hours=1)


def told(error: Exception) -> dict[str, Any]:
    """Give an error in the form in which it is stored.

    An error that is not ours is reported by its type only, because its text may contain anything.
    """
    if isinstance(error, LeoError):
        return kept(error.code, _faults(error), remedy=error.remedy, message=error.message)
    if isinstance(error, TimeoutError):
        return kept("timeout", [Fault("task.timeout")], remedy="Try again.")
    fault = Fault("task.internal", values={"said": type(error).__name__})
    return kept("internal", [fault], remedy="Tell the operator the task's id: the worker's log has it.")


def _faults(error: LeoError) -> Sequence[Fault]:
    if error.faults:
        return error.faults
    said = {"said": error.message.removesuffix(".")}
    return [Fault("task.model" if isinstance(error, ModelUnavailable) else "task.other", values=said)]


def set_back(
    change: Change,
    error: Mapping[str, Any],
    *,
    may_retry: bool,
    from_the_start: bool = True,
    retry_after: float | None = None,
) -> None:
    """Count a failure: the task waits for its next try, from the start or where it is, or has failed for good."""
    attempts = change.task.attempts + 1
    errors = [*change.task.result.get("errors", []), error]
    change.set(attempts=attempts, result={**change.task.result, "errors": errors})
    pause = _pause(attempts, retry_after) if may_retry and attempts <= MOST_RETRIES else None
    if pause is None or pause > LONGEST:
        change.set(result={**change.task.result, "error": error})
        change.move(TaskStatus.FAILED, why=error["code"])
        return
    if from_the_start and change.task.status is TaskStatus.ACTING:
        # For a moment, inside this transaction: in the table, the way back from acting to thinking leads through
        # failed.
        change.set(result={**change.task.result, "error": error})
        change.move(TaskStatus.FAILED, why=error["code"])
        change.set(result={name: one for name, one in change.task.result.items() if name != "error"})
        change.move(TaskStatus.QUEUED, why="retry")
    change.put_off(clock.now() + pause)


def _pause(attempts: int, retry_after: float | None) -> timedelta:
    own = DELAYS[attempts - 1] * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries
    return own if retry_after is None else max(own, timedelta(seconds=retry_after))
