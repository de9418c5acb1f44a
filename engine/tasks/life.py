"""Moving a task from state to state: with its row locked, by the table of life cycles, each move reported by a step."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine import clock
from engine.db import Database, Transaction
from engine.queries import queries
from engine.tasks.store import storable, tell, unknown
from engine.tasks.summary import summary
from engine.tasks.task import FINAL, Step, Task, kept
from rules.errors import Conflict
from rules.faults import Fault
from rules.lifecycle import advance
from rules.words import TaskStatus

# How long a task of a killed worker waits for another; a living worker renews its lease after a third of it.
LEASE = timedelta(seconds=15)
# A task that takes its worker down with it must come to an end.
MOST_LOST = 10
_SQL = queries("tasks")
_IN_HAND = frozenset({TaskStatus.THINKING, TaskStatus.ACTING})


class Lost(Conflict):
    """Another worker has the task by now, or it was cancelled; whoever finds out writes nothing."""


@dataclass(slots=True)
class Change:
    """One transaction's change of a task: the task as it will be, and the steps that report it."""

    task: Task
    told: list[tuple[Step, Mapping[str, Any]]] = field(default_factory=list)
    is_put_off: bool = False

    def tell(self, kind: Step, **document: Any) -> None:
        self.told.append((kind, document))

    def move(self, to: TaskStatus, **why: Any) -> None:
        """Go to another state; raises Conflict if the table does not allow it."""
        before = self.task.status
        status = TaskStatus(advance("task", before, to))
        # A task that failed for now may be queued again.
        is_final = status in FINAL
        self.set(status=status, finished_at=clock.now() if is_final else None)
        self.set(summary=summary(self.task) if is_final else None)
        self.tell(Step.MOVED, **{"from": before, "to": status, **why})

    def set(self, **fields: Any) -> None:
        self.task = replace(self.task, **fields)

    def put_off(self, until: datetime) -> None:
        """Let the task wait, held by nobody."""
        self.set(due_at=until)
        self.is_put_off = True


@asynccontextmanager
async def locked(conn: Transaction, *, tenant_id: UUID, task_id: int) -> AsyncIterator[Change]:
    """Change a task in the caller's transaction; the change is written at the end. Raises NotFound."""
    values = {"tenant_id": tenant_id, "task_id": task_id}
    row = await (await conn.execute(_SQL["lock"], values)).fetchone()
    if row is None:
        raise unknown(task_id)
    change = Change(Task.of(row))
    yield change
    await _write(conn, tenant_id, change)


@asynccontextmanager
async def held(db: Database, *, tenant_id: UUID, task: Task, owner: str) -> AsyncIterator[tuple[Transaction, Change]]:
    """Change a task that `owner` holds, in a transaction of its own; raises Lost if the owner no longer holds it."""
    async with (
        db.transaction(tenant_id) as conn,
        locked(conn, tenant_id=tenant_id, task_id=task.task_id) as change,
    ):
        if change.task.lease_owner != owner or change.task.status != task.status:
            raise Lost(f"Task {task.task_id} is not {owner}'s any more.", remedy="Leave it.")
        yield conn, change


async def claim(db: Database, *, tenant_id: UUID, owner: str, now: datetime) -> Task | None:
    """Take the task of a tenant that has been due the longest, until `now` + LEASE; None if none is due.

    A queued one begins to be thought about; one whose worker is gone continues where it was.
    """
    async with db.transaction(tenant_id) as conn:
        row = await (await conn.execute(_SQL["claim"], {"tenant_id": tenant_id, "now": now})).fetchone()
        if row is None:
            return None
        change = Change(Task.of(row))
        values = {"tenant_id": tenant_id, "task_id": change.task.task_id}
        await conn.execute(_SQL["lease"], {**values, "owner": owner, "until": now + LEASE})
        if change.task.lease_owner is not None:
            change.tell(Step.RESUMED, after=change.task.lease_owner)
            counted = await (await conn.execute(_SQL["times_lost"], values)).fetchone()
            if counted is not None and counted["times"] >= MOST_LOST:
                _give_up(change)
        if change.task.status is TaskStatus.QUEUED:
            change.move(TaskStatus.THINKING)
        await _write(conn, tenant_id, change)
    return replace(change.task, lease_owner=owner)


async def renew(db: Database, *, tenant_id: UUID, task_id: int, owner: str, now: datetime) -> bool:
    """Keep a task until `now` + LEASE; False if another worker has it."""
    async with db.transaction(tenant_id) as conn:
        values = {"tenant_id": tenant_id, "task_id": task_id, "owner": owner, "until": now + LEASE}
        return await (await conn.execute(_SQL["renew"], values)).fetchone() is not None


def _give_up(change: Change) -> None:
    lost = Fault("task.workers_lost", values={"most": MOST_LOST})
    error = kept("workers_lost", [lost], remedy="See the workers' logs, and ask again.")
    change.set(result={**change.task.result, "error": error})
    change.move(TaskStatus.FAILED, why="workers_lost")


async def _write(conn: Transaction, tenant_id: UUID, change: Change) -> None:
    task = change.task
    values = {
        "tenant_id": tenant_id,
        "task_id": task.task_id,
        "status": task.status,
        "attempts": task.attempts,
        "due_at": task.due_at,
        "plan": Jsonb([one.to_document() for one in task.plan]),
        "approval": None if task.approval is None else Jsonb(task.approval),
        "result": Jsonb(storable(task.result)),
        "summary": task.summary,
        "finished_at": task.finished_at,
        # Nobody works on a task that waits: for a human, for its next try, or for nothing any more.
        "is_free": change.is_put_off or task.status not in _IN_HAND,
    }
    await conn.execute(_SQL["write"], values)
    await tell(conn, tenant_id=tenant_id, task_id=task.task_id, told=change.told)


def places(task: Task) -> Sequence[int]:
    """Give every place that the task's calls ever had."""
    return [one.place for one in task.plan] + [one["place"] for one in task.made]
