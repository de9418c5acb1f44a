"""Comparing every tenant's graph with its tables once a day, a few at a time, for `leo_graph_differences`.

A comparison reads every row of a tenant and keeps nobody waiting; one that takes too long is cut off and reported.
"""

import logging
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from arq.worker import Function

from engine import clock, lanes, metrics
from engine.metrics import count
from engine.queries import queries
from engine.worker.jobs import Hands
from engine.worker.schedule import by_clock
from graph import mirror
from rules.errors import LeoError
from rules.words import Lane

EVERY = timedelta(days=1)
# For one job; the next is ten minutes later.
AT_ONCE = 500
# No comparison begins after this, and none takes longer: meanwhile vacuum cannot remove dead rows.
TURN_S, LONGEST_S = 60.0, 600.0
TIMEOUT_S = TURN_S + LONGEST_S + 30.0

log = logging.getLogger("leo.worker")


def functions(lane: Lane) -> list[Function]:
    """Give the jobs of a lane."""
    return [by_clock(lanes.CHECK, check, timeout_s=TIMEOUT_S)] if lane is Lane.BULK else []


async def check(ctx: dict[str, Any]) -> None:
    """Compare the graphs that have not been compared for a day, until the turn is over."""
    hands: Hands = ctx["hands"]
    async with hands.db.before_tenant() as conn:
        values = {"since": clock.now() - EVERY, "most": AT_ONCE}
        due = await (await conn.execute(queries("upkeep")["unchecked"], values)).fetchall()
    began = monotonic()
    for row in due:
        if hands.stop.is_set() or monotonic() - began > TURN_S:
            return
        try:
            await _check(hands, row["tenant_id"])
        except Exception as error:
            count.job_failed(lanes.CHECK)
            extra = {"job": lanes.CHECK, "tenant": str(row["tenant_id"]), "error": str(error)}
            log.error(  # noqa: TRY400 - an unforeseen error is reported with its traceback
                "a graph was not compared", extra=extra, exc_info=None if isinstance(error, LeoError) else error
            )


async def _check(hands: Hands, tenant_id: UUID) -> None:
    async with hands.db.transaction(tenant_id, read_only=True) as conn:
        found = {each.label: each.total for each in await mirror.compare(conn, within_s=LONGEST_S) if each.total}
    async with hands.db.transaction(tenant_id) as conn:
        await metrics.keep_check(conn, differences=sum(found.values()), now=clock.now())
    if found:
        log.warning("a graph differs from its tables", extra={"tenant": str(tenant_id), "labels": found})
