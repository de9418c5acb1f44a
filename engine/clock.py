"""The time that all work goes by: the database's, continued between looks by a clock that nobody can set.

Leases, quiet hours, caps and dates are compared with instants that the database wrote. A host whose own clock is an
hour off, or jumps, would take work from others and wake people at night. Until a process has looked for the first time,
it believes its own clock.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.db import Database
from rules.errors import LeoError

# How often a process looks that has no other regular reason to: a quartz drifts by milliseconds in that time.
LOOK_S = 60.0
# A look that took longer than the last one says less: it may be off by half its duration.
WORST_LOOK_S = 1.0
_NOW = "SELECT clock_timestamp() AS at"


@dataclass(slots=True)
class _Anchor:
    """What the database said, and what the monotonic clock showed in the middle of the look."""

    at: datetime | None = None
    mark_s: float = 0.0


_anchor = _Anchor()


def now() -> datetime:
    """Give the present instant, in UTC."""
    if _anchor.at is None:
        return datetime.now(UTC)
    return _anchor.at + timedelta(seconds=time.monotonic() - _anchor.mark_s)


async def look(db: Database) -> float:
    """Ask the database for the time, and give how many seconds this host's own clock is ahead of it."""
    async with db.before_tenant() as conn:
        before_s = time.monotonic()
        row = await (await conn.execute(_NOW)).fetchone()
        took_s = time.monotonic() - before_s
    if row is not None and (took_s <= WORST_LOOK_S or _anchor.at is None):
        _anchor.at, _anchor.mark_s = row["at"].astimezone(UTC), before_s + took_s / 2
    return (datetime.now(UTC) - now()).total_seconds()


@asynccontextmanager
async def watched(db: Database) -> AsyncIterator[None]:
    """Go by the database's time inside the block.

    Raises LeoError if the first look fails; later the database may be away.
    """
    await look(db)
    looking = asyncio.create_task(_look_forever(db))
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])


async def _look_forever(db: Database) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        with contextlib.suppress(LeoError):
            await look(db)


def forget() -> None:
    """Go by this host's own clock again."""
    _anchor.at = None
