"""The archive: old decisions and deliveries leave the live tables and the graph, so that cost follows live data.

They are still shown, counted, exported, erased and verified. leo_archive() in schema.sql decides what may be moved.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine.db import Database, Transaction
from engine.queries import queries
from rules.errors import InvalidInput

# Longer than the longest possible cap (rules/policy/read.py), so that any later policy finds what it counts.
KEEP_DAYS = 400
MOST_DAYS = 36_500
# A transaction of this many takes a few tenths of a second.
AT_ONCE = 500
_SQL = queries("archive")


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days a tenant keeps live; None: all. Its policies look back `least` days."""

    days: int | None
    least: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What was archived."""

    decisions: int = 0
    deliveries: int = 0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(self.decisions + other.decisions, self.deliveries + other.deliveries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is live and what is archived; `oldest` and `newest` are instants of archived decisions."""

    live_decisions: int
    live_deliveries: int
    archived_decisions: int
    archived_deliveries: int
    oldest: datetime | None
    newest: datetime | None


async def retention(conn: Transaction) -> Retention:
    """Give how many days the transaction's tenant keeps live, and how many it has to."""
    row = await (await conn.execute(_SQL["retention"])).fetchone()
    return Retention(None, 0) if row is None else Retention(row["days"], row["least"])


async def keep(conn: Transaction, *, days: int | None) -> None:
    """Set how many days stay live; None: archive nothing more. Raises InvalidInput if policies look further back."""
    if days is not None:
        _check(days, (await retention(conn)).least)
    await conn.execute(_SQL["keep"], {"days": days})


async def archive_old(
    db: Database, *, tenant_id: UUID, days: int | None = None, stop: asyncio.Event | None = None
) -> Moved | None:
    """Archive what is older than `days`, or than the tenant keeps; None if it keeps everything.

    Each part is a transaction of its own: a process that is killed has archived the parts it committed, and no part is
    done twice. Raises InvalidInput if policies look further back.
    """
    async with db.transaction(tenant_id) as conn:
        kept = await retention(conn)
    wanted = kept.days if days is None else days
    if wanted is None:
        return None
    _check(wanted, kept.least)
    moved, after_id = Moved(), 0
    while stop is None or not stop.is_set():
        async with db.transaction(tenant_id) as conn:
            values = {"days": wanted, "after_id": after_id, "most": AT_ONCE}
            row = await (await conn.execute(_SQL["move"], values)).fetchone()
        if row is None or row["last_id"] is None:
            break
        moved, after_id = moved + Moved(row["decisions"], row["deliveries"]), row["last_id"]
    return moved


async def standing(conn: Transaction) -> Standing:
    """Count what is live and what is archived; this reads all of both."""
    row = await (await conn.execute(_SQL["standing"])).fetchone()
    return Standing(**(row or {}))


def _check(days: int, least: int) -> None:
    if days < least:
        raise InvalidInput(
            f"{days} days are too few: policies and the search for answers look {least} days back.",
            remedy=f"Keep at least {least} days live; {KEEP_DAYS} suffice whatever policy comes.",
        )
    if days > MOST_DAYS:
        raise InvalidInput(f"{days} days are more than a century.", remedy=f"Keep at most {MOST_DAYS} days.")
