"""The state of one tenant's work: what waits in the lanes, what is stuck and why, and how the channels are doing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engine.db import Transaction
from engine.queries import queries
from rules.words import DeliveryStatus, Lane

# Counting stops here: a longer queue is reported as at least this long, and channels are judged by this many messages.
MOST = 10_000
# A worker takes due work within seconds; work that waits longer is waiting for something else.
PATIENCE = timedelta(minutes=2)
TROUBLED = (DeliveryStatus.UNCERTAIN, DeliveryStatus.DEAD, DeliveryStatus.FAILED)
_SQL = queries("operations")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLoad:
    """`in_hand`: being sent now; `lost`: those of them held by a worker that has not been heard of."""

    lane: Lane
    batches_due: int
    batches_later: int
    oldest_batch_at: datetime | None
    messages_due: int
    messages_later: int
    oldest_message_at: datetime | None
    in_hand: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Batches or messages (`what`) that are due and not done, and why; `run_ids` are the first 20 of their runs."""

    what: str
    campaign_id: int
    campaign: str
    campaign_name: str
    channel: str | None
    why: str
    count: int
    run_ids: Sequence[int]
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth:
    """`messages` by status and the `classes` of what failed, among the newest messages; `tokens` that end."""

    channel_id: int
    kind: str
    name: str
    status: str
    messages: Mapping[str, int]
    classes: Mapping[str, int]
    last_sent_at: datetime | None
    total: int
    tokens: Sequence[Mapping[str, Any]]

    @property
    def error_share(self) -> float | None:
        """The share (0 to 1) of attempts that did not reach the provider; None if nothing was attempted."""
        bad = sum(self.messages.get(status, 0) for status in TROUBLED)
        tried = bad + self.messages.get(DeliveryStatus.SENT, 0)
        return bad / tried if tried else None


@dataclass(frozen=True, slots=True)
class Overview:
    lanes: tuple[LaneLoad, ...]
    stuck: tuple[Stuck, ...]
    channels: tuple[ChannelHealth, ...]


async def overview(conn: Transaction) -> Overview:
    """Give the present state of the work."""
    values = {"most": MOST, "patience": PATIENCE}
    lanes = await (await conn.execute(_SQL["lanes"], values)).fetchall()
    stuck = await (await conn.execute(_SQL["stuck"], values)).fetchall()
    channels = await (await conn.execute(_SQL["channels"], values)).fetchall()
    return Overview(
        lanes=tuple(LaneLoad(**{**row, "lane": Lane(row["lane"])}) for row in lanes),
        stuck=tuple(Stuck(**row) for row in stuck),
        channels=tuple(ChannelHealth(**row) for row in channels),
    )
