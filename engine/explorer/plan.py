"""How the server would run a query, as PostgreSQL plans it. AGE has no PROFILE; nothing is run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg import AsyncRawCursor

from engine.credentials import Vault
from engine.db import Database
from engine.explorer import reader, record
from engine.explorer.limits import LIMITS, Limits
from engine.explorer.record import Asker, Question
from engine.explorer.run import checked, running
from engine.idle import Session
from graph import explore, guard


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan as PostgreSQL's JSON, and as the lines that people read."""

    query_id: int
    ticket: UUID
    plan: Any
    lines: tuple[str, ...]


async def plan(
    db: Database,
    vault: Vault,
    asker: Asker,
    text: str,
    parameters: Mapping[str, Any],
    *,
    limits: Limits = LIMITS,
) -> Plan:
    """Plan a query of somebody's; raises what `ask` raises."""
    question = Question("plan", text, dict(parameters), uuid4())
    query, argument = await checked(db, asker, question, limits)
    query_id = await record.begin(db, asker, question, limits)
    opening = reader.session(db, vault, tenant_id=asker.tenant_id, query_id=query_id, limits=limits)
    async with running(db, asker, query_id, limits, opening) as run:
        found, lines = await run.watch.over(_read(run.session, run.graph, query, (argument, limits.rows)))
    return Plan(run.watch.query_id, question.ticket, found, lines)


async def _read(
    session: Session, graph: str, query: guard.Guarded, arguments: tuple[str, int]
) -> tuple[Any, tuple[str, ...]]:
    async with AsyncRawCursor(session) as cursor:
        await cursor.execute(explore.explained(graph, query, "JSON"), arguments)
        ((found,),) = await cursor.fetchall()
        await cursor.execute(explore.explained(graph, query, "TEXT"), arguments)
        return found[0], tuple(line for (line,) in await cursor.fetchall())
