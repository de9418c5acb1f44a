"""What the database counted where it happened: added up now and then, and what a comparison of a graph found."""

from datetime import datetime

from engine.db import Transaction
from engine.queries import queries

# Fewer rows than this are added up as quickly as they are read.
MANY = 200

_SQL = queries("metrics")


async def fold(conn: Transaction) -> None:
    """Add up the counts of the transaction's tenant; no count is lost or doubled, however many do it at once."""
    await conn.execute(_SQL["fold"], {"many": MANY})


async def keep_check(conn: Transaction, *, differences: int, now: datetime) -> None:
    """Keep what comparing the tenant's graph with its tables found."""
    await conn.execute(_SQL["keep_check"], {"differences": differences, "now": now})
