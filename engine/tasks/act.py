"""Acting: each call of a plan once, in a transaction of its own together with the step that reports it.

A worker that dies leaves either both or neither, so the one that continues knows what is left. Workers are rung for
what a call started after its commit; if that is lost, they find it by themselves.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any
from uuid import UUID

from engine import tracing
from engine.db import Database, Transaction
from engine.tasks.life import Change, Lost, held
from engine.tasks.setback import set_back, told
from engine.tasks.task import Kind, Planned, Step, Task
from engine.tasks.think import scopes_of
from engine.tools import Asking, Done, allowance, beyond, definitions, execute, limit_of
from rules.errors import Conflict, Forbidden, LeoError
from rules.faults import Fault
from rules.words import Lane, TaskStatus

Ring = Callable[[UUID, Mapping[Lane, tuple[int, ...]]], Awaitable[None]]

log = logging.getLogger(__name__)


class Beyond(Conflict):
    """A call would reach more people than the task may, since its people were counted; it is planned again."""


async def act(db: Database, ring: Ring, *, tenant_id: UUID, task: Task, owner: str) -> Task:
    """Make the calls that are left of a task's plan, in order; gives the task as it is then. Raises Lost."""
    for planned in task.pending:
        try:
            with tracing.span("tool call", tool=planned.call.name, place=planned.place):
                done = await _make(db, tenant_id, task, owner, planned)
        except Lost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the task reports it and the worker goes on
            return await _failed(db, tenant_id, task, owner, planned, error)
        await ring(tenant_id, done.batches)
    async with held(db, tenant_id=tenant_id, task=task, owner=owner) as (_, change):
        change.move(TaskStatus.SUCCEEDED)
    return change.task


async def _make(db: Database, tenant_id: UUID, task: Task, owner: str, planned: Planned) -> Done:
    started = perf_counter()
    async with held(db, tenant_id=tenant_id, task=task, owner=owner) as (conn, change):
        await _check_scope(conn, tenant_id, change.task, planned)
        done = await execute(conn, Asking(tenant_id, task.locale), planned.call)
        await _check_reach(conn, tenant_id, change.task, done)
        _add(change, planned, done, perf_counter() - started)
    return done


async def _check_scope(conn: Transaction, tenant_id: UUID, task: Task, planned: Planned) -> None:
    needed = definitions()[planned.call.name].scope
    if needed not in await scopes_of(conn, tenant_id=tenant_id, task=task):
        fault = Fault("task.scope_gone", values={"task": str(task.task_id), "scope": needed})
        raise Forbidden(fault.say().en, remedy="Ask again with a key that has it.", fault=fault)


async def _check_reach(conn: Transaction, tenant_id: UUID, task: Task, done: Done) -> None:
    if not done.people:
        return
    most = allowance(await limit_of(conn, tenant_id=tenant_id), task.approval)
    people = sum(one["people"] for one in task.made) + done.people
    if most is not None and people > most:
        error = beyond(people, most)
        raise Beyond(error.message, remedy=error.remedy, fault=error.fault)


def _add(change: Change, planned: Planned, done: Done, seconds: float) -> None:
    made = {**planned.to_document(), "people": done.people, "result": done.result}
    change.set(result={**change.task.result, "calls": [*change.task.made, made]})
    change.tell(Step.CALLED, **made, took_ms=round(seconds * 1000, 1))


async def _failed(db: Database, tenant_id: UUID, task: Task, owner: str, planned: Planned, error: Exception) -> Task:
    is_ours = isinstance(error, LeoError)
    if not is_ours:
        log.error("a task's call failed", extra={"task": task.task_id, "tool": planned.call.name}, exc_info=error)
    # A failure that may pass is tried again unchanged; others only if somebody can plan differently.
    may_pass = isinstance(error, LeoError) and error.retryable
    about: dict[str, Any] = {"place": planned.place, "name": planned.call.name, "error": told(error)}
    async with held(db, tenant_id=tenant_id, task=task, owner=owner) as (_, change):
        change.tell(Step.CALL_FAILED, **about)
        set_back(
            change,
            told(error),
            may_retry=may_pass or isinstance(error, Beyond) or _can_replan(task, error),
            from_the_start=not may_pass,
        )
    return change.task


def _can_replan(task: Task, error: Exception) -> bool:
    return task.kind is Kind.TEXT and isinstance(error, LeoError) and not isinstance(error, Forbidden)
