"""Queries that a tenant keeps under a name. Both are data: a text is checked again each time it is run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.explorer import values
from engine.explorer.record import Asker
from engine.queries import queries
from graph import guard
from rules.errors import NotFound

_SQL = queries("explorer")


@dataclass(frozen=True, slots=True)
class Draft:
    """What is saved: `parameters` are the values it is offered with."""

    name: str
    text: str
    parameters: Mapping[str, Any]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    saved_id: int
    name: str
    note: str | None
    text: str
    parameters: dict[str, Any]
    saved_by: str
    created_at: datetime
    updated_at: datetime


async def save(connection: Transaction, asker: Asker, draft: Draft) -> Saved:
    """Keep a query; raises InvalidInput on one that would not run, Conflict where the name is taken."""
    row = await (await connection.execute(_SQL["save"], _values(asker, draft))).fetchone()
    return _saved(row, 0)


async def change(connection: Transaction, asker: Asker, saved_id: int, draft: Draft) -> Saved:
    """Put another query in its place; raises NotFound too."""
    values_ = {**_values(asker, draft), "saved_id": saved_id}
    return _saved(await (await connection.execute(_SQL["change_saved"], values_)).fetchone(), saved_id)


async def get_saved(connection: Transaction, saved_id: int) -> Saved:
    """Give one; raises NotFound."""
    return _saved(await (await connection.execute(_SQL["saved"], {"saved_id": saved_id})).fetchone(), saved_id)


async def list_saved(connection: Transaction, *, after: int = 0, limit: int = 100) -> list[Saved]:
    """Give those beyond `after`, in the order of their ids."""
    rows = await (await connection.execute(_SQL["all_saved"], {"after": after, "limit": limit})).fetchall()
    return [Saved(**row) for row in rows]


async def forget(connection: Transaction, saved_id: int) -> None:
    """Remove one; raises NotFound."""
    if await (await connection.execute(_SQL["forget_saved"], {"saved_id": saved_id})).fetchone() is None:
        raise _missing(saved_id)


def _values(asker: Asker, draft: Draft) -> dict[str, Any]:
    query = guard.read(draft.text)
    given = {name: draft.parameters.get(name) for name in query.parameters} | dict(draft.parameters)
    values.parameters(given, wanted=query.parameters)
    return {**asdict(draft), "parameters": Jsonb(given), "saved_by": asker.name}


def _saved(row: dict[str, Any] | None, saved_id: int) -> Saved:
    if row is None:
        raise _missing(saved_id)
    return Saved(**row)


def _missing(saved_id: int) -> NotFound:
    return NotFound(f"There is no saved query {saved_id}.", remedy="See GET /cypher/saved.")
