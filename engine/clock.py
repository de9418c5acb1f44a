"""The time that work goes by: the database's, carried on between looks by a clock that nobody can set.

Leases, quiet hours, caps and dates are compared with instants that the database wrote. A host whose own clock is an
hour off, or jumps, would give up what others have in hand and wake people at night. Until a process has looked, it
believes its own clock.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.db import Database

# A look that took longer says less than the last one: half of it is how far it may be off.
WORST_LOOK_S = 1.0
_NOW = "SELECT clock_timestamp() AS at"


@dataclass(slots=True)
class _Anchor:
    """What the database said, and what the monotonic clock said in the middle of the look."""

    at: datetime | None = None
    mark_s: float = 0.0


_anchor = _Anchor()


def now() -> datetime:
    """Give the instant, in UTC."""
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


def forget() -> None:
    """Believe this host's own clock again."""
    _anchor.at = None
