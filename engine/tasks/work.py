"""One worker's part in tasks: take the next, keep the lease alive, think, act, give it back."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine import clock, tracing
from engine.db import Database
from engine.memory import Embedder
from engine.tasks.act import Ring, act
from engine.tasks.life import LEASE, Lost, claim, held, renew
from engine.tasks.setback import set_back, told
from engine.tasks.task import Step, Task
from engine.tasks.think import Reader, think
from rules.errors import LeoError
from rules.words import TaskStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What tasks are worked on with; without a reader, texts fail and calls are made. `owner` names the process."""

    db: Database
    reader: Reader | None
    ring: Ring
    owner: str
    embedder: Embedder | None = None


async def work_next(desk: Desk, *, tenant_id: UUID, now: datetime | None = None) -> Task | None:
    """Work on the tenant's task that has been due the longest, until it waits or ends; None if none is due."""
    task = await claim(desk.db, tenant_id=tenant_id, owner=desk.owner, now=now or clock.now())
    if task is None or task.is_final:
        return task
    tenant, attempt = str(tenant_id), task.attempts + 1
    with tracing.span(
        "task", parent=task.traceparent, tenant=tenant, task=task.task_id, kind=task.kind, attempt=attempt
    ) as span:
        done = await _kept(desk, tenant_id, task)
        if span is not None:
            span.set_attribute("leo.status", done.status)
    return done


async def _kept(desk: Desk, tenant_id: UUID, task: Task) -> Task:
    """Work on a task while its lease is being renewed."""
    working = asyncio.create_task(_work(desk, tenant_id, task))
    beating = asyncio.create_task(_keep(desk, tenant_id, task.task_id))
    try:
        await asyncio.wait({working, beating}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in (working, beating):
            one.cancel()
        await asyncio.wait({working, beating})
    return task if working.cancelled() else working.result()


async def _work(desk: Desk, tenant_id: UUID, task: Task) -> Task:
    try:
        if task.status is TaskStatus.THINKING:
            with tracing.span("think"):
                task = await _think(desk, tenant_id, task)
        if task.status is TaskStatus.ACTING:
            with tracing.span("act"):
                task = await act(desk.db, desk.ring, tenant_id=tenant_id, task=task, owner=desk.owner)
    except Lost:
        log.info("a task went into other hands", extra={"task": task.task_id})
    return task


async def _think(desk: Desk, tenant_id: UUID, task: Task) -> Task:
    try:
        return await think(
            desk.db, desk.reader, tenant_id=tenant_id, task=task, owner=desk.owner, embedder=desk.embedder
        )
    except Lost:
        raise
    except Exception as error:
        # If the database is away this cannot be written down either: the lease ends, and another worker continues.
        log.exception("a task could not be thought about", extra={"task": task.task_id})
        async with held(desk.db, tenant_id=tenant_id, task=task, owner=desk.owner) as (_, change):
            change.tell(Step.UNANSWERED, error=told(error))
            set_back(change, told(error), may_retry=True)
        return change.task


async def _keep(desk: Desk, tenant_id: UUID, task_id: int) -> None:
    """Renew the lease until cancelled; ends if another worker has the task, or it was cancelled."""
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 3)
        with contextlib.suppress(LeoError):  # a call may hold the row for longer, and then nobody can take it
            now = clock.now()
            if not await renew(desk.db, tenant_id=tenant_id, task_id=task_id, owner=desk.owner, now=now):
                return
