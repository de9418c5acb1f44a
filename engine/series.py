"""What happened over time, in intervals of equal length: what a campaign did, and how a tenant's channels kept up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.db import Transaction
from engine.queries import queries

MOST = 100
"""Roughly how many intervals are given: more than a picture can show apart."""
# Seconds. Each is a multiple of the one before, so counts of one can be added up to the next.
STEPS = (1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_419_200, 31_449_600)
LONGEST_HOURS = 48
_SQL = queries("series")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What happened in the interval from `at`; each message counts once, for example when it was first opened."""

    at: datetime
    decided: int
    sent: int
    delivered: int
    opened: int
    clicked: int
    bought: int


@dataclass(frozen=True, slots=True)
class CampaignSeries:
    """Intervals of `seconds` each, without gaps; there are none before anything was decided."""

    seconds: int
    intervals: Sequence[Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSeries:
    """The intervals, each beginning `at`: `waiting` at its end, calls that ended in it, and calls that failed."""

    channel_id: int
    kind: str
    name: str
    at: Sequence[datetime]
    waiting: Sequence[int]
    tried: Sequence[int]
    failed: Sequence[int]


async def campaign_series(conn: Transaction, *, campaign_id: int) -> CampaignSeries:
    """Give what a campaign did over time; empty if there is no such campaign."""
    values = {"campaign_id": campaign_id, "most": MOST, "steps": list(STEPS)}
    rows = await (await conn.execute(_SQL["campaign"], values)).fetchall()
    seconds = rows[0]["seconds"] if rows else STEPS[0]
    return CampaignSeries(seconds, tuple(Interval(**{k: v for k, v in row.items() if k != "seconds"}) for row in rows))


async def channel_series(conn: Transaction, *, hours: int) -> tuple[int, tuple[ChannelSeries, ...]]:
    """Give how each channel kept up over the last hours (1 to 48), and the length of an interval in seconds."""
    seconds = min(step for step in STEPS if step * MOST >= hours * 3_600 and step >= STEPS[3])
    rows = await (await conn.execute(_SQL["channels"], {"hours": hours, "seconds": seconds})).fetchall()
    return seconds, tuple(ChannelSeries(**row) for row in rows)
