"""How far the outbox is, and trying again what was given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.db import Transaction
from engine.queries import queries

_SQL = queries("outbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One source: rows that wait, those of them that have failed before, rows given up, and rows told within a week."""

    source: str
    url: str | None
    outcomes: Sequence[str]
    waiting: int
    failing: int
    given_up: int
    told: int
    oldest_at: datetime | None
    last_error: str | None


async def look(conn: Transaction) -> list[Look]:
    """Give every source of the tenant by its key."""
    return [Look(**row) for row in await (await conn.execute(_SQL["look"])).fetchall()]


async def retry(conn: Transaction, *, now: datetime) -> int:
    """Have everything that is waiting tried at once, also what was given up; gives the number of rows."""
    row = await (await conn.execute(_SQL["retry"], {"now": now})).fetchone()
    return 0 if row is None else int(row["rows"])
