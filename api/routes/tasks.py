"""Agent tasks: ask for one, look at it, approve or reject it, and follow it."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Header, Query
from fastapi.responses import StreamingResponse

from api.routes.paging import Limit, PathId, following
from api.schemas.base import LARGEST_ID
from api.schemas.tasks import AskIn, SettleIn, StepOut, TaskOut, TaskPage, WholeTask
from api.work import Working, WorkRoute, needs
from engine import tasks
from engine.db import Database
from engine.tenants import Scope
from engine.think.contract import Call
from rules.words import TaskStatus

router = APIRouter(route_class=WorkRoute, tags=["tasks"])

EVENTS = "text/event-stream"
_EXAMPLE = (
    'id: 1\nevent: moved\ndata: {"place": 1, "kind": "moved", "document": {"from": "queued", "to": "thinking"}}\n\n'
)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-Sent Events: `id` is a step's place, `event` its kind, `data` the step as JSON.",
        "content": {EVENTS: {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}
Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The `next` of the page before.")]
# A yes or no needs no reason, and therefore no body.
Settling = Annotated[SettleIn, Body(default_factory=SettleIn)]
LastEventId = Annotated[
    int, Header(ge=0, le=LARGEST_ID, alias="Last-Event-ID", description="Only steps after this one.")
]


@router.post("/activate/agent", status_code=202, operation_id="askAgent", openapi_extra=needs(Scope.WRITE))
async def ask_agent(body: AskIn, work: Working) -> TaskOut:
    """Ask for a task in words, or as calls that need no model; a task that reaches many people waits for a human."""
    task, _ = await tasks.ask(
        work.conn,
        tenant_id=work.tenant_id,
        scopes=frozenset() if work.caller is None else work.caller.scopes,
        text=body.text,
        calls=[Call(call.name, call.arguments) for call in body.calls or ()],
        locale=body.locale,
        key=body.key,
        asked_by=work.holder,
    )
    work.ring_tasks()
    return TaskOut.of(task)


@router.get("/tasks", operation_id="listTasks", openapi_extra=needs(Scope.READ))
async def list_tasks(
    work: Working, status: TaskStatus | None = None, before: Before = None, limit: Limit = 100
) -> TaskPage:
    """List tasks, the newest first."""
    found = await tasks.list_tasks(work.conn, tenant_id=work.tenant_id, status=status, before=before, limit=limit)
    return TaskPage(items=[TaskOut.of(task) for task in found], next=following([task.task_id for task in found], limit))


@router.get("/tasks/{task_id}", operation_id="getTask", openapi_extra=needs(Scope.READ))
async def get_task(task_id: PathId, work: Working) -> WholeTask:
    """Show a task with its trace: each answer of a model, each check, each call and its result."""
    task = await tasks.get_task(work.conn, tenant_id=work.tenant_id, task_id=task_id)
    trace = await tasks.steps(work.conn, tenant_id=work.tenant_id, task_id=task_id)
    return WholeTask.whole(task, trace)


@router.post("/tasks/{task_id}/approve", operation_id="approveTask", openapi_extra=needs(Scope.APPROVE))
async def approve_task(task_id: PathId, work: Working, body: Settling) -> TaskOut:
    """Approve a waiting task, so that it carries out its plan."""
    task = await tasks.approve(work.conn, tenant_id=work.tenant_id, task_id=task_id, by=work.holder, note=body.note)
    work.ring_tasks()
    return TaskOut.of(task)


@router.post("/tasks/{task_id}/reject", operation_id="rejectTask", openapi_extra=needs(Scope.APPROVE))
async def reject_task(task_id: PathId, work: Working, body: Settling) -> TaskOut:
    """Reject a waiting task."""
    return TaskOut.of(
        await tasks.reject(
            work.conn,
            tenant_id=work.tenant_id,
            task_id=task_id,
            by=work.holder,
            note=body.note,
        )
    )


@router.post("/tasks/{task_id}/cancel", operation_id="cancelTask", openapi_extra=needs(Scope.WRITE))
async def cancel_task(task_id: PathId, work: Working) -> TaskOut:
    """Cancel a task that has not ended; what it has already done stays done."""
    return TaskOut.of(await tasks.cancel(work.conn, tenant_id=work.tenant_id, task_id=task_id, by=work.holder))


@router.get(
    "/tasks/{task_id}/events",
    operation_id="followTask",
    responses=_STREAM,
    response_class=StreamingResponse,
    openapi_extra=needs(Scope.READ),
)
async def follow_task(task_id: PathId, work: Working, last_event_id: LastEventId = 0) -> StreamingResponse:
    """Follow a task: each step as it is written, until the task ends."""
    await tasks.get_task(work.conn, tenant_id=work.tenant_id, task_id=task_id)
    # It starts after this request's transaction, and opens one of its own for each look.
    stream = _events(work.services.db, work.tenant_id, task_id, last_event_id)
    return StreamingResponse(
        stream, media_type=EVENTS, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    )


async def _events(db: Database, tenant_id: UUID, task_id: int, after: int) -> AsyncIterator[str]:
    async for step in tasks.follow(db, tenant_id=tenant_id, task_id=task_id, after=after):
        if step is None:
            yield ": still here\n\n"
            continue
        data = json.dumps(StepOut.of(step).model_dump(mode="json"), ensure_ascii=False)
        yield f"id: {step.place}\nevent: {step.kind}\ndata: {data}\n\n"
