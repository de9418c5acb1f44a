"""What people say about a task: yes, no, or stop. Each is part of its trace, with who said it."""

from uuid import UUID

from engine import clock
from engine.db import Transaction
from engine.tasks.life import locked
from engine.tasks.task import Step, Task
from rules.errors import Conflict
from rules.words import TaskStatus


async def approve(conn: Transaction, *, tenant_id: UUID, task_id: int, by: str, note: str | None = None) -> Task:
    """Approve a waiting task, so that it carries out its plan; ring for it after the commit.

    Raises NotFound, and Conflict.
    """
    async with locked(conn, tenant_id=tenant_id, task_id=task_id) as change:
        _check_waits(change.task)
        now = clock.now()
        given = {**(change.task.approval or {}), "approved_by": by, "at": now.isoformat(), "note": note}
        change.set(approval=given, due_at=now)
        change.tell(Step.SETTLED, approved=True, by=by, note=note)
        change.move(TaskStatus.ACTING)
    return change.task


async def reject(conn: Transaction, *, tenant_id: UUID, task_id: int, by: str, note: str | None = None) -> Task:
    """Reject a waiting task, which has done nothing of its plan. Raises NotFound, and Conflict."""
    async with locked(conn, tenant_id=tenant_id, task_id=task_id) as change:
        _check_waits(change.task)
        given = {
            **(change.task.approval or {}),
            "rejected_by": by,
            "at": clock.now().isoformat(),
            "note": note,
        }
        change.set(approval=given)
        change.tell(Step.SETTLED, approved=False, by=by, note=note)
        change.move(TaskStatus.CANCELLED, why="rejected")
    return change.task


async def cancel(conn: Transaction, *, tenant_id: UUID, task_id: int, by: str) -> Task:
    """Cancel a task that has not ended; calls already made stay made. Raises NotFound, and Conflict."""
    async with locked(conn, tenant_id=tenant_id, task_id=task_id) as change:
        if change.task.is_final:
            raise Conflict(f"Task {task_id} has {_ended(change.task)} already.", remedy="There is nothing to cancel.")
        change.tell(Step.SETTLED, cancelled=True, by=by)
        change.move(TaskStatus.CANCELLED, why="cancelled")
    return change.task


def _check_waits(task: Task) -> None:
    if task.status is not TaskStatus.AWAITING_APPROVAL:
        raise Conflict(
            f"Task {task.task_id} is {task.status}, it waits for nobody.",
            remedy="Only a task that is awaiting_approval can be approved or rejected.",
        )


def _ended(task: Task) -> str:
    return "been cancelled" if task.status is TaskStatus.CANCELLED else str(task.status)
