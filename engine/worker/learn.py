"""Learning outside of requests: callbacks about what was not there yet are read again, CDPs are told outcomes."""

import logging
from typing import Any
from uuid import UUID

from arq.worker import Function

from channels.egress import ANYWHERE
from channels.http import HttpClient
from engine import callbacks, clock, lanes, outbox
from engine.worker.jobs import Hands
from engine.worker.rounds import for_each_tenant
from engine.worker.schedule import by_clock
from rules.words import Lane

# For one tenant, before the others have their turn.
REPLAYED_AT_ONCE = 200
REPORTED_AT_ONCE = 5
REPORT_TIMEOUT_S = 600

log = logging.getLogger("leo.worker")


def functions(lane: Lane) -> list[Function]:
    """Give the jobs of a lane."""
    if lane is Lane.REALTIME:
        return []
    return [
        by_clock(lanes.REPLAY, replay),
        by_clock(lanes.REPORT, report, timeout_s=REPORT_TIMEOUT_S),
    ]


async def replay(ctx: dict[str, Any]) -> None:
    """Read again, for every tenant, the callbacks that are due."""
    await for_each_tenant(ctx["hands"], lanes.REPLAY, _replay)


async def _replay(hands: Hands, tenant_id: UUID) -> None:
    for _ in range(REPLAYED_AT_ONCE):
        if hands.stop.is_set():
            return
        async with hands.db.transaction(tenant_id) as conn:
            reading = await callbacks.replay_next(conn, hands.adapters, tenant_id=tenant_id, now=clock.now())
        if reading is None:
            return
        if runs := reading.recorded.runs:
            batch_ids = [run.batch_id for run in runs]
            await lanes.ring_batches(hands.client, lane=Lane.REALTIME, tenant_id=tenant_id, batch_ids=batch_ids)


async def report(ctx: dict[str, Any]) -> None:
    """Tell CDPs, for every tenant, what became of messages."""
    hands: Hands = ctx["hands"]
    http = HttpClient(egress=ANYWHERE, connections=outbox.ABREAST, total_timeout_s=outbox.TIMEOUT_S)

    async def tell(hands: Hands, tenant_id: UUID) -> None:
        for _ in range(REPORTED_AT_ONCE):
            if hands.stop.is_set():
                return
            told = await outbox.tell_due(hands.db, hands.adapters.vault, http, tenant_id=tenant_id, now=clock.now())
            if told.failed:
                extra = {"tenant": str(tenant_id), "failed": told.failed, "told": told.told}
                log.warning("a CDP was not told everything; it is tried again", extra=extra)
            if not told.is_full:
                return

    try:
        await for_each_tenant(hands, lanes.REPORT, tell)
    finally:
        await http.aclose()
