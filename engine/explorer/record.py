"""Who asked what: a row before the server is asked, completed with what came of it. Refusals are recorded too."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Database, Transaction
from engine.explorer.limits import LIMITS, Limits
from engine.queries import queries
from rules.errors import Conflict, NotFound
from rules.faults import Fault

_SQL = queries("explorer")
# What is kept of a text that was refused for its length.
MOST_KEPT = 10_000
# How long the record shows who asked what, and how much of it: an audit asks about a quarter.
KEPT = timedelta(days=90)
MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: `name` is how the record calls them; `sees_all` whether the queries of others are shown to them."""

    tenant_id: UUID
    name: str
    sees_all: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as the record has it; its status is `lost` where nobody will write its end."""

    query_id: int
    ticket: UUID
    kind: str
    text: str
    parameters: dict[str, Any]
    asked_by: str
    status: str
    row_count: int | None
    took_ms: float | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the asker's name for it, by which it can be stopped."""

    kind: str
    text: str
    parameters: dict[str, Any]
    ticket: UUID


async def begin(db: Database, asker: Asker, question: Question, limits: Limits) -> int:
    """Record what will be asked; raises Conflict where the ticket was used before."""
    async with db.transaction(asker.tenant_id) as connection:
        return await begun(connection, asker, question, limits)


async def begun(connection: Transaction, asker: Asker, question: Question, limits: Limits) -> int:
    """Do what `begin` does, inside a transaction of the caller's that ends before anything is asked."""
    return await _written(connection, asker, question, limits, status="running", error=None)


async def refused(db: Database, asker: Asker, question: Question, limits: Limits, why: str) -> None:
    """Record what was not asked, and why."""
    async with db.transaction(asker.tenant_id) as connection:
        await _written(connection, asker, question, limits, status="refused", error=why)


async def end(
    db: Database,
    asker: Asker,
    query_id: int,
    *,
    status: str,
    row_count: int | None = None,
    took_ms: float | None = None,
    error: str | None = None,
) -> str:
    """Record what came of it; give its status, which is `stopped` where somebody asked for its end.

    Nobody waits for the disk: of a query whose end a crash undid, the record says that it was lost.
    """
    values = {"query_id": query_id, "status": status, "row_count": row_count, "took_ms": took_ms, "error": error}
    async with db.transaction(asker.tenant_id, is_repeatable=True) as connection:
        row = await (await connection.execute(_SQL["end"], values)).fetchone()
    return status if row is None else str(row["status"])


async def history(connection: Transaction, asker: Asker, *, before: int | None = None, limit: int = 100) -> list[Asked]:
    """Give what was asked, the newest first: the asker's own, or everybody's for who may see all."""
    values = {
        "asked_by": asker.name,
        "sees_all": asker.sees_all,
        "before": before,
        "limit": limit,
        "longest_s": LIMITS.longest_s,
    }
    rows = await (await connection.execute(_SQL["history"], values)).fetchall()
    return [Asked(**row) for row in rows]


async def prune(connection: Transaction, *, now: datetime) -> None:
    """Remove what was asked too long ago, and of the rest all but the newest."""
    await connection.execute(_SQL["prune"], {"before": now - KEPT, "most": MOST_ROWS})


async def stop(connection: Transaction, asker: Asker, ticket: UUID) -> bool:
    """End a running query's session from outside; whether there was one. Raises NotFound.

    A cancellation that comes just before the query would be lost; a session serves one query, so it can go as well.
    """
    values = {"ticket": ticket, "asked_by": asker.name, "sees_all": asker.sees_all}
    row = await (await connection.execute(_SQL["ask_to_stop"], values)).fetchone()
    if row is None:
        fault = Fault("query.not_yours", "ticket", {"ticket": str(ticket)})
        raise NotFound(fault.say().en, remedy="See GET /cypher/history.", fault=fault)
    return row["status"] == "running" and await told_to_end(connection, row["query_id"], ending=True)


async def told_to_end(connection: Transaction, query_id: int, *, ending: bool) -> bool:
    """Cancel the query's session, or end it; whether there was one."""
    row = await (await connection.execute(_SQL["stop"], {"query_id": query_id, "ending": ending})).fetchone()
    return row is not None and row["stopped"] > 0


async def _written(
    connection: Transaction, asker: Asker, question: Question, limits: Limits, *, status: str, error: str | None
) -> int:
    values = {
        "ticket": question.ticket,
        "kind": question.kind,
        "text": question.text[:MOST_KEPT].replace("\x00", "�"),
        "parameters": Jsonb(question.parameters if status == "running" else {}),
        "asked_by": asker.name,
        "status": status,
        "error": error,
        "longest_s": limits.longest_s,
    }
    row = await (await connection.execute(_SQL["begin"], values)).fetchone()
    if row is None:
        fault = Fault("query.not_recorded", "ticket", {"ticket": str(question.ticket)})
        raise Conflict(fault.say().en, remedy="Send it again.", fault=fault)
    return int(row["query_id"])
