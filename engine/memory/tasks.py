"""Tasks found by what was asked: successful ones are embedded, and similar ones recalled with the calls they made."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Database, Transaction
from engine.embeddings import written
from engine.memory.contract import LONGEST, Embedder, Point
from engine.queries import queries
from engine.think.contract import Call

MOST = 20

_SQL = queries("memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """A task that succeeded, the calls it made, and its cosine distance from what is asked now."""

    task_id: int
    asked: str | None
    summary: str | None
    calls: tuple[Call, ...]
    created_at: datetime
    distance: float


async def embed_tasks(db: Database, embedder: Embedder, *, tenant_id: UUID, most: int = 100) -> int:
    """Embed at most `most` newly successful tasks, the newest first; gives how many there were.

    As with templates, no transaction is open while the embedder works, and its errors are raised.
    """
    async with db.transaction(tenant_id, read_only=True) as conn:
        values = {"tenant_id": tenant_id, "model": embedder.name, "most": most}
        rows = await (await conn.execute(_SQL["stale_tasks"], values)).fetchall()
    if not rows:
        return 0
    vectors = await embedder.embed([task_text(row) for row in rows])
    given = [{"id": row["task_id"], "embedding": written(vector)} for row, vector in zip(rows, vectors, strict=True)]
    async with db.transaction(tenant_id) as conn:
        values = {"tenant_id": tenant_id, "model": embedder.name, "given": Jsonb(given)}
        await conn.execute(_SQL["write_tasks"], values)
    return len(rows)


def task_text(row: Mapping[str, Any]) -> str:
    """Give the text of a task that is embedded: the words that asked for it, then its summary."""
    return "\n".join(text for text in (row["asked"], row["summary"]) if text)[:LONGEST]


async def recall_tasks(conn: Transaction, *, tenant_id: UUID, near: Point, most: int = 5) -> list[Recalled]:
    """Give the tasks that succeeded nearest to a point, with their calls, the nearest first."""
    values = {"tenant_id": tenant_id, "most": min(most, MOST)} | asdict(near)
    rows = await (await conn.execute(_SQL["nearest_tasks"], values)).fetchall()
    return [_recalled(row) for row in rows]


def _recalled(row: Mapping[str, Any]) -> Recalled:
    rest = {name: row[name] for name in ("task_id", "asked", "summary", "created_at", "distance")}
    return Recalled(calls=tuple(Call(one["name"], one["arguments"]) for one in row["calls"]), **rest)
