"""How far the outbox is, and having what was given up tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.db import Transaction
from engine.queries import queries

_SQL = queries("outbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Of one source: rows that wait, of them those that failed before, those given up, and those told within a week."""

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
    """Have everything that waits tried at once, also what was given up; gives how many rows that are."""
    row = await (await conn.execute(_SQL["retry"], {"now": now})).fetchone()
    return 0 if row is None else int(row["rows"])
