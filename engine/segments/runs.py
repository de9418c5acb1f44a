"""Runs started by changes of membership: one for each campaign that waits for such a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from rules.words import Lane

# As many as fit in one batch; more are bulk work, which may not delay what somebody is waiting for.
REALTIME_MOST = 500
_SQL = queries("segments")


@dataclass(frozen=True, slots=True)
class Started:
    """New batches by lane, to be rung for after commit."""

    realtime: tuple[int, ...] = ()
    bulk: tuple[int, ...] = ()

    def of(self, lane: Lane) -> tuple[int, ...]:
        return self.realtime if lane is Lane.REALTIME else self.bulk


NOTHING_STARTED = Started()


async def start_runs(conn: Transaction, *, tenant_id: UUID, refresh_ids: Sequence[int]) -> Started:
    """Start a run for each active campaign that such changes trigger, for those who joined or left."""
    if not refresh_ids:
        return NOTHING_STARTED
    values = {"tenant_id": tenant_id, "refresh_ids": list(refresh_ids), "realtime_most": REALTIME_MOST}
    rows = await (await conn.execute(_SQL["start_runs"], values)).fetchall()
    by_lane = {lane: tuple(row["batch_id"] for row in rows if row["lane"] == lane) for lane in Lane}
    return Started(by_lane[Lane.REALTIME], by_lane[Lane.BULK])
