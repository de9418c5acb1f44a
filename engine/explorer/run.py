"""Asking: guarded, recorded, run in a session of the reader, cut at the limits."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid4

from psycopg import AsyncRawCursor

from engine.credentials import Vault
from engine.db import Database
from engine.explorer import reader, record, values
from engine.explorer.draw import Graph, draw
from engine.explorer.limits import LIMITS, Limits
from engine.explorer.record import Asker, Question
from engine.explorer.watch import TimedOut, Watch
from engine.idle import Opened, Session
from graph import agtype, explore, guard
from rules.errors import InvalidInput, LeoError


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows in the order of `columns`, and the graph in them. `rows_cut`: there were more rows, or larger ones."""

    query_id: int
    ticket: UUID
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    graph: Graph
    rows_cut: bool
    took_ms: float


async def ask(
    db: Database,
    vault: Vault,
    asker: Asker,
    text: str,
    parameters: Mapping[str, Any],
    *,
    ticket: UUID | None = None,
    most: int | None = None,
    limits: Limits = LIMITS,
) -> Answer:
    """Run a query of somebody's. `most` asks for fewer rows than the limit.

    Raises InvalidInput on what the guard or the server refuses and on what takes too long, Conflict where the tenant
    asks too much at once or the ticket was used before.
    """
    question = Question("query", text, dict(parameters), ticket or uuid4())
    query, argument = await checked(db, asker, question, limits)
    rows_most = min(most or limits.rows, limits.rows)
    query_id = await record.begin(db, asker, question, limits)
    opening = reader.session(db, vault, tenant_id=asker.tenant_id, query_id=query_id, limits=limits)
    async with running(db, asker, query_id, limits, opening) as run:
        statement = explore.statement(run.graph, query)
        rows, is_cut = await run.watch.over(_read(run.session, statement, (argument, rows_most + 1), limits, rows_most))
        run.row_count = len(rows)
    return Answer(
        query_id=run.watch.query_id,
        ticket=question.ticket,
        columns=query.columns,
        rows=rows,
        graph=draw(rows, most=limits.nodes),
        rows_cut=is_cut,
        took_ms=run.took_ms,
    )


@dataclass(slots=True)
class Run:
    """A query while it runs."""

    session: Session
    graph: str
    watch: Watch
    row_count: int | None = None
    took_ms: float = 0.0


async def checked(db: Database, asker: Asker, question: Question, limits: Limits) -> tuple[guard.Guarded, str]:
    """Give the query as the guard lets it through, and its parameters as JSON; what is refused is recorded."""
    try:
        query = guard.read(question.text)
        return query, values.parameters(question.parameters, wanted=query.parameters)
    except InvalidInput as error:
        await record.refused(db, asker, question, limits, error.message)
        raise


@asynccontextmanager
async def running(
    db: Database, asker: Asker, query_id: int, limits: Limits, opening: AbstractAsyncContextManager[Opened]
) -> AsyncIterator[Run]:
    """Open the session of a query that is recorded, and record what came of it."""
    started = time.perf_counter()
    try:
        async with opening as (session, graph):
            run = Run(session, graph, Watch(db, asker.tenant_id, query_id, limits))
            yield run
            run.took_ms = (time.perf_counter() - started) * 1000
    except LeoError as error:
        status = "timed_out" if isinstance(error, TimedOut) else "failed"
        await record.end(db, asker, query_id, status=status, took_ms=_since(started), error=error.message)
        raise
    except BaseException:
        await record.end(db, asker, query_id, status="failed", took_ms=_since(started), error="It failed here.")
        raise
    await record.end(db, asker, query_id, status="done", row_count=run.row_count, took_ms=run.took_ms)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


async def _read(
    session: Session, statement: LiteralString, arguments: tuple[str, int], limits: Limits, most: int
) -> tuple[tuple[tuple[Any, ...], ...], bool]:
    """Read rows one by one, so that no more than the limits allow is ever here."""
    rows: list[tuple[Any, ...]] = []
    octets = 0
    async with AsyncRawCursor(session) as cursor:
        async for row in cursor.stream(statement, arguments):
            octets += sum(len(cell) for cell in row if cell is not None)
            if len(rows) == most or octets > limits.octets:
                return tuple(rows), True
            rows.append(tuple(agtype.read(cell) for cell in row))
    return tuple(rows), False
