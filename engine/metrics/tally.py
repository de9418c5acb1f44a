"""What the database counted itself: summed up now and then, and the results of comparing a graph with its tables."""

from datetime import datetime

from engine.db import Transaction
from engine.queries import queries

# Fewer rows than this are summed as quickly as they are read.
MANY = 200

_SQL = queries("metrics")


async def fold(conn: Transaction) -> None:
    """Sum up the counts of the transaction's tenant; no count is lost or doubled, however many do it at once."""
    await conn.execute(_SQL["fold"], {"many": MANY})


async def keep_check(conn: Transaction, *, differences: int, now: datetime) -> None:
    """Store the result of comparing the tenant's graph with its tables."""
    await conn.execute(_SQL["keep_check"], {"differences": differences, "now": now})
