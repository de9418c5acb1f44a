"""What happened over time, in intervals of equal length: what a campaign did, and how a tenant's channels kept up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.db import Transaction
from engine.queries import queries

MOST = 100
"""About so many intervals are told: more than a picture shows apart."""
# Seconds. Each is made of the one before, so what was counted in one can be added up to the next.
STEPS = (1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_419_200, 31_449_600)
LONGEST_HOURS = 48
_SQL = queries("series")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What happened from `at` on, for one interval; of messages, each counts once: when it was first opened, say."""

    at: datetime
    decided: int
    sent: int
    delivered: int
    opened: int
    clicked: int
    bought: int


@dataclass(frozen=True, slots=True)
class CampaignSeries:
    """Intervals of `seconds` each, none left out; there are none before anything was decided."""

    seconds: int
    intervals: Sequence[Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSeries:
    """Of each interval that begins `at`: `waiting` at its end, calls that ended in it, those that failed."""

    channel_id: int
    kind: str
    name: str
    at: Sequence[datetime]
    waiting: Sequence[int]
    tried: Sequence[int]
    failed: Sequence[int]


async def campaign_series(conn: Transaction, *, campaign_id: int) -> CampaignSeries:
    """Tell what a campaign did over time; nothing where there is no such campaign."""
    values = {"campaign_id": campaign_id, "most": MOST, "steps": list(STEPS)}
    rows = await (await conn.execute(_SQL["campaign"], values)).fetchall()
    seconds = rows[0]["seconds"] if rows else STEPS[0]
    return CampaignSeries(seconds, tuple(Interval(**{k: v for k, v in row.items() if k != "seconds"}) for row in rows))


async def channel_series(conn: Transaction, *, hours: int) -> tuple[int, tuple[ChannelSeries, ...]]:
    """Tell how each channel kept up over the last hours (1 to 48), with the length of an interval in seconds."""
    seconds = min(step for step in STEPS if step * MOST >= hours * 3_600 and step >= STEPS[3])
    rows = await (await conn.execute(_SQL["channels"], {"hours": hours, "seconds": seconds})).fetchall()
    return seconds, tuple(ChannelSeries(**row) for row in rows)
