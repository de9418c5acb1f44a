"""Thinking: words become calls, calls are checked and counted, and it is settled whether a human has to approve.

Nothing here has an effect: if a worker dies in the middle, another thinks again. A model is asked outside every
transaction.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from engine.db import Database, Transaction
from engine.memory import Embedder, Point, locate
from engine.queries import queries
from engine.tasks.brief import INSTRUCTIONS, brief
from engine.tasks.life import Change, held, places
from engine.tasks.setback import set_back, told
from engine.tasks.task import Kind, Planned, Step, Task, kept
from engine.think.contract import Call, ModelUnavailable, Reply, Request
from engine.tools import Reach, Wrong, allowed, check, examine, limit_of
from rules.errors import Forbidden, InvalidInput
from rules.faults import Fault
from rules.words import TaskStatus

# A model of this size takes some seconds per call on two cores, and Gemini as much when it is busy.
WITHIN_S = 60.0
LONGEST_RAW = 16_384
_SQL = queries("tools")
log = logging.getLogger(__name__)


class Reader(Protocol):
    """Reads words into calls: a model, or the gateway in front of several."""

    async def call(self, request: Request, *, within_s: float) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known before a task is thought about."""

    scopes: Collection[str]
    limit: int
    context: str


NO_MODEL = kept(
    ModelUnavailable.code,
    [Fault("task.no_model")],
    remedy="Configure one (docs/models.md), or send calls instead of a text.",
)


async def think(
    db: Database,
    reader: Reader | None,
    *,
    tenant_id: UUID,
    task: Task,
    owner: str,
    embedder: Embedder | None = None,
) -> Task:
    """Turn a task's request into a plan, or count a failure; gives the task as it is then. Raises Lost.

    With an embedder the model is told what was asked like this before.
    """
    near = await _near(embedder, task) if reader is not None else None
    async with db.transaction(tenant_id, read_only=True) as conn:
        ground = await _ground(conn, tenant_id, task, near)
    if task.kind is Kind.CALLS:
        return await _settle(db, tenant_id, task, owner, ground, task.asked, None)
    if reader is None:
        async with held(db, tenant_id=tenant_id, task=task, owner=owner) as (_, change):
            change.tell(Step.UNANSWERED, error=NO_MODEL)
            set_back(change, NO_MODEL, may_retry=False)
        return change.task
    try:
        reply = await _asked(reader, task, ground)
    except (ModelUnavailable, TimeoutError) as error:
        async with held(db, tenant_id=tenant_id, task=task, owner=owner) as (_, change):
            change.tell(Step.UNANSWERED, error=told(error))
            is_spent = isinstance(error, ModelUnavailable) and error.is_spent
            set_back(change, told(error), may_retry=not is_spent, retry_after=getattr(error, "retry_after", None))
        return change.task
    return await _settle(db, tenant_id, task, owner, ground, reply.calls, reply)


async def scopes_of(conn: Transaction, *, tenant_id: UUID, task: Task) -> Collection[str]:
    """Give what a task's asker may still do: what the key could when asking and still can; nothing if it is revoked."""
    kind, _, number = (task.asked_by or "").partition(":")
    if kind != "key":
        return task.scopes
    values = {"tenant_id": tenant_id, "api_key_id": int(number)}
    row = await (await conn.execute(_SQL["scopes"], values)).fetchone()
    return frozenset() if row is None else frozenset(row["scopes"]) & frozenset(task.scopes)


async def _near(embedder: Embedder | None, task: Task) -> Point | None:
    """Give the point of a request in memory; a task does not wait for an embedder that is away."""
    if embedder is None or task.kind is not Kind.TEXT:
        return None
    try:
        return await locate(embedder, task.request["text"])
    except (ModelUnavailable, TimeoutError, InvalidInput) as error:
        log.info("nothing is recalled for a task: %s", error, extra={"task": task.task_id})
        return None


async def _ground(conn: Transaction, tenant_id: UUID, task: Task, near: Point | None) -> Ground:
    scopes = await scopes_of(conn, tenant_id=tenant_id, task=task)
    limit = await limit_of(conn, tenant_id=tenant_id)
    context = await brief(conn, tenant_id=tenant_id, task=task, near=near) if task.kind is Kind.TEXT else ""
    return Ground(scopes, limit, context)


async def _asked(reader: Reader, task: Task, ground: Ground) -> Reply:
    tools = [definition.tool for definition in allowed(ground.scopes)]
    if not tools:
        return Reply(raw="", calls=(), model="none", prompt_hash=b"", latency_ms=0.0)
    request = Request(tools=tools, instructions=INSTRUCTIONS, text=task.request["text"], context=ground.context)
    async with asyncio.timeout(WITHIN_S + 5):
        return await reader.call(request, within_s=WITHIN_S)


async def _settle(
    db: Database,
    tenant_id: UUID,
    task: Task,
    owner: str,
    ground: Ground,
    calls: Sequence[Call],
    reply: Reply | None,
) -> Task:
    """Check calls, count whom they reach, and write down what follows."""
    wrong, reach = check(calls, ground.scopes), Reach(())
    if not wrong:
        async with db.transaction(tenant_id, read_only=True) as conn:
            reach, wrong = await examine(conn, tenant_id=tenant_id, calls=calls)
    async with held(db, tenant_id=tenant_id, task=task, owner=owner) as (_, change):
        if reply is not None:
            change.tell(Step.ANSWERED, **_answered(reply))
        change.tell(
            Step.CHECKED,
            wrong=[one.to_document() for one in wrong],
            people=list(reach.people),
            limit=ground.limit,
        )
        if wrong:
            set_back(change, _said(wrong), may_retry=reply is not None and not _is_hopeless(wrong))
        else:
            _plan(change, calls, reach, ground.limit)
    return change.task


def _plan(change: Change, calls: Sequence[Call], reach: Reach, limit: int) -> None:
    task = change.task
    first = max(places(task), default=-1) + 1
    plan = [Planned(first + place, call, reach.people[place]) for place, call in enumerate(calls)]
    reached = sum(one["people"] for one in task.made)
    whole = None if reach.total is None else reach.total + reached
    change.set(plan=tuple(plan))
    # A plan that reaches nobody needs no approval, however many an earlier plan reached.
    if reach.total != 0 and Reach((whole,)).is_beyond(limit):
        change.set(approval={"people": whole, "limit": limit})
        change.move(TaskStatus.AWAITING_APPROVAL, people=whole, limit=limit)
    else:
        change.set(approval=None)
        change.move(TaskStatus.ACTING)


def _answered(reply: Reply) -> dict[str, Any]:
    return {
        "model": reply.model,
        "prompt_hash": reply.prompt_hash.hex(),
        "raw": reply.raw[:LONGEST_RAW],
        "calls": [{"name": call.name, "arguments": dict(call.arguments)} for call in reply.calls],
        "latency_ms": round(reply.latency_ms, 1),
        "prompt_tokens": reply.prompt_tokens,
        "answer_tokens": reply.answer_tokens,
        "cost": reply.cost,
    }


def _said(wrong: Sequence[Wrong]) -> dict[str, Any]:
    """Say everything that is wrong in one error, for the asker and for the model's next try."""
    first = wrong[0].error
    return kept(first.code, [one.fault() for one in wrong], remedy=first.remedy)


def _is_hopeless(wrong: Sequence[Wrong]) -> bool:
    """Whether the model was right and the key is not sufficient: asking again would not help."""
    return all(isinstance(one.error, Forbidden) for one in wrong)
