"""Tasks as they are stored: asked for once per key, read, and reported step by step."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine import clock
from engine.db import Transaction
from engine.queries import queries
from engine.tasks.task import Kind, Step, Task, Told
from engine.think.contract import Call
from engine.tools import check, raise_wrong
from rules.conditions import Language
from rules.errors import Conflict, InvalidInput, NotFound
from rules.words import TaskStatus

LONGEST_TEXT = 4_000
MOST_STEPS = 1_000
_SQL = queries("tasks")


async def ask(
    conn: Transaction,
    *,
    tenant_id: UUID,
    scopes: Collection[str],
    text: str | None = None,
    calls: Sequence[Call] = (),
    locale: Language = Language.VI,
    key: str | None = None,
    asked_by: str | None = None,
) -> tuple[Task, bool]:
    """Ask for a task, in words or as calls; the same `key` gives the task that it asked for first. True: it is new.

    `scopes` are the asker's: only tools that they allow are called. Raises InvalidInput if neither or both of text and
    calls are given, or a call is wrong; Forbidden if a call needs another scope; Conflict if the key was used for
    another request.
    """
    if (text is None) == (not calls):
        raise InvalidInput("Nothing is asked, or it is asked twice.", remedy="Send either text or calls.")
    if text is not None and not 1 <= len(text.strip()) <= LONGEST_TEXT:
        raise InvalidInput(f"The text is empty or longer than {LONGEST_TEXT} characters.", remedy="Say it shortly.")
    if text is None:
        raise_wrong(check(calls, scopes))
    asked = {"text": text} if text is not None else {"calls": [_document(call) for call in calls]}
    values = {
        "tenant_id": tenant_id,
        "kind": Kind.CALLS if text is None else Kind.TEXT,
        "request": Jsonb({**asked, "scopes": sorted(scopes)}),
        "key": key,
        "locale": locale,
        "asked_by": asked_by,
        "now": clock.now(),
    }
    made = await (await conn.execute(_SQL["ask"], values)).fetchone()
    if made is None:
        return await _asked_before(conn, values, asked), False
    return await get_task(conn, tenant_id=tenant_id, task_id=made["task_id"]), True


async def get_task(conn: Transaction, *, tenant_id: UUID, task_id: int) -> Task:
    """Give the task; raises NotFound."""
    values = {"tenant_id": tenant_id, "task_id": task_id}
    row = await (await conn.execute(_SQL["task"], values)).fetchone()
    if row is None:
        raise unknown(task_id)
    return Task.of(row)


async def list_tasks(
    conn: Transaction,
    *,
    tenant_id: UUID,
    status: TaskStatus | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Task]:
    """Give tasks, the newest first, those before an id; of one status, if given."""
    values = {"tenant_id": tenant_id, "status": status, "before": before, "limit": limit}
    return [Task.of(row) for row in await (await conn.execute(_SQL["tasks"], values)).fetchall()]


async def steps(
    conn: Transaction, *, tenant_id: UUID, task_id: int, after: int = 0, limit: int = MOST_STEPS
) -> list[Told]:
    """Give the trace of a task in order, the steps beyond a place."""
    values = {"tenant_id": tenant_id, "task_id": task_id, "after": after, "limit": limit}
    rows = await (await conn.execute(_SQL["steps"], values)).fetchall()
    return [Told(row["place"], Step(row["kind"]), row["document"], row["at"]) for row in rows]


async def tell(
    conn: Transaction, *, tenant_id: UUID, task_id: int, told: Sequence[tuple[Step, Mapping[str, Any]]]
) -> None:
    """Add steps to a trace; the task's row must be locked by this transaction."""
    documents = [{"kind": kind, "document": storable(document)} for kind, document in told]
    await conn.execute(_SQL["tell"], {"tenant_id": tenant_id, "task_id": task_id, "steps": Jsonb(documents)})


def storable(value: Any) -> Any:
    """Give JSON that jsonb can store: a model may answer with NUL or an unpaired surrogate, which it cannot."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {storable(name): storable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [storable(one) for one in value]
    # Infinity and NaN are not JSON.
    return str(value) if isinstance(value, float) and value - value != 0 else value


def unknown(task_id: int) -> NotFound:
    return NotFound(f"There is no task {task_id}.", remedy="Check the id: GET /tasks lists them.")


async def _asked_before(conn: Transaction, values: Mapping[str, Any], asked: Mapping[str, Any]) -> Task:
    row = await (await conn.execute(_SQL["by_key"], values)).fetchone()
    if row is None or row["request"] != asked or row["locale"] != values["locale"]:
        raise Conflict(f"The key {values['key']!r} was used for another task.", remedy="Send a new key.")
    return await get_task(conn, tenant_id=values["tenant_id"], task_id=row["task_id"])


def _document(call: Call) -> dict[str, Any]:
    return {"name": call.name, "arguments": dict(call.arguments)}
