"""Agent tasks as jobs of the realtime lane, because somebody waits for them. The sweeper rings for what is due."""

import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from arq.worker import Function, func

from engine import clock, lanes
from engine.queries import queries
from engine.tasks import Desk, work_next
from engine.worker.jobs import Hands
from rules.errors import LeoError
from rules.words import Lane

# A task asks a model and makes up to ten calls, each with a statement timeout of a minute.
TIMEOUT_S = 900
# How often a tenant with due tasks is rung for.
EVERY_S = 1.0
# After this many tasks the job ends; what is left is rung for again, behind other tenants.
AT_ONCE = 20

log = logging.getLogger("leo.worker")


def functions(lane: Lane) -> list[Function]:
    """Give the jobs of a lane."""
    return [func(tasks, name=lanes.TASKS, max_tries=2, timeout=TIMEOUT_S)] if lane is Lane.REALTIME else []


async def ring_due(hands: Hands) -> None:
    """Ask for tasks that are due; raises RedisError."""
    if hands.lane is not Lane.REALTIME:
        return
    async with hands.db.before_tenant() as conn:
        rows = await (await conn.execute(queries("tasks")["due"], {"now": clock.now()})).fetchall()
    for row in rows:
        await lanes.ring_upkeep(hands.client, hands.lane, lanes.TASKS, str(row["tenant_id"]), every_s=EVERY_S)


async def tasks(ctx: dict[str, Any], tenant_id: str) -> None:
    """Work on the tenant's tasks that are due, one by one."""
    hands: Hands = ctx["hands"]

    async def ring(tenant: UUID, batches: Mapping[Lane, tuple[int, ...]]) -> None:
        for lane, batch_ids in batches.items():
            await lanes.ring_batches(hands.client, lane=lane, tenant_id=tenant, batch_ids=batch_ids)

    desk = Desk(hands.db, hands.reader, ring, owner=f"{hands.owner}/{ctx['job_id']}", embedder=hands.embedder)
    for _ in range(AT_ONCE):
        started = time.perf_counter()
        try:
            task = await work_next(desk, tenant_id=UUID(tenant_id))
        except Exception as error:  # noqa: BLE001 - a worker goes on, and reports it
            _tell_failed(tenant_id, error)
            return
        if task is None or hands.stop.is_set():
            return
        took = {"attempts": task.attempts, "ms": round((time.perf_counter() - started) * 1000, 1)}
        log.info("task %s", task.status, extra={"tenant": tenant_id, "task": task.task_id, "kind": task.kind, **took})


def _tell_failed(tenant_id: str, error: Exception) -> None:
    code = getattr(error, "code", type(error).__name__)
    extra = {"job": lanes.TASKS, "tenant": tenant_id, "code": code, "error": str(error)}
    log.error("job failed", extra=extra, exc_info=None if isinstance(error, LeoError) else error)
