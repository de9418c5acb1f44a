"""Jobs that the clock asks for are rung for by one process, however many there are: the one that holds the lease.

The lease is a row in PostgreSQL and goes by its clock, so neither hosts with different clocks nor an emptied Redis make
two schedulers. A killed one is replaced when its lease ends. Each time a job is due is a slot, and a slot is begun
once, whoever rang for it and however often. The present slot is rung for at the first look: what fell due while nobody
was at work is done once, at once. What a worker that stopped or died had begun is begun again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from time import monotonic
from typing import Any

from arq.connections import ArqRedis
from arq.worker import Function, func

from engine import clock, lanes
from engine.db import Database
from engine.queries import queries
from rules.errors import LeoError
from rules.words import Lane

LEASE = timedelta(seconds=4)
# How long giving the lease back may take: a worker that ends has jobs to finish as well.
RELEASE_S = 1.0
# A process that only schedules takes precedence over a worker that has jobs to do as well.
WORKS, ONLY_SCHEDULES = 0, 1
# What was rung for and has not begun may have been lost with Redis.
AGAIN_S = 10.0
# The longest time a job may take, unless it says otherwise.
LONGEST_S = 120.0
# Seconds from one slot of a job for all tenants to the next.
BY_CLOCK_S: Mapping[str, float] = {
    lanes.EMBED: 60.0,
    lanes.TIDY: 3600.0,
    lanes.SEAL: 10.0,
    lanes.TALLY: 10.0,
    lanes.ARCHIVE: 3600.0,
    lanes.CHECK: 600.0,
    lanes.REPLAY: 10.0,
    lanes.REPORT: 2.0,
}
# How often a job of one tenant is rung for while it is due: two at once would only find each other's rows locked.
EVERY_S: Mapping[str, float] = {lanes.REFRESH: 10.0, lanes.SYNC: 60.0}

_SQL = queries("schedule")
log = logging.getLogger("leo.worker")

Job = Callable[[dict[str, Any]], Awaitable[None]]


class Scheduler:
    """One per process; call `tick` once a second."""

    def __init__(self, db: Database, client: ArqRedis, *, owner: str, rank: int) -> None:
        self._db = db
        self._client = client
        self._owner = owner
        self._rank = rank
        self._is_mine = False
        self._rung: dict[str, tuple[int, float]] = {}

    async def tick(self) -> bool:
        """Take or renew the lease and, if it is ours, ring for what is due; gives whether it is.

        Raises LeoError if the database, RedisError if Redis cannot be used.
        """
        async with self._db.before_tenant() as conn:
            values = {"owner": self._owner, "rank": self._rank, "lease": LEASE}
            row = await (await conn.execute(_SQL["take"], values)).fetchone()
            begun = (
                {} if row is None else {each["job"]: each["slot"] async for each in await conn.execute(_SQL["begun"])}
            )
        if (row is not None) is not self._is_mine:
            self._is_mine = row is not None
            log.info("scheduler", extra={"owner": self._owner, "holds": self._is_mine})
        if row is None:
            return False
        await self._ring_by_clock(row["at"], begun)
        await self._ring_for_tenants()
        return True

    async def release(self) -> None:
        """Let another take over at once; a lease that cannot be given back ends by itself."""
        try:
            await asyncio.wait_for(self._release(), RELEASE_S)
        except (LeoError, TimeoutError) as error:
            log.warning("the scheduler's lease was not given back", extra={"error": str(error)})

    async def _release(self) -> None:
        async with self._db.before_tenant() as conn:
            await conn.execute(_SQL["release"], {"owner": self._owner})

    async def _ring_by_clock(self, at: float, begun: Mapping[str, int]) -> None:
        for job, every_s in BY_CLOCK_S.items():
            slot = int(at // every_s)
            rung, when = self._rung.get(job, (-1, 0.0))
            if begun.get(job, -1) >= slot or (rung == slot and monotonic() - when < AGAIN_S):
                continue
            await lanes.ring(self._client, Lane.BULK, job, slot, job_id=f"{job}:{slot}")
            self._rung[job] = slot, monotonic()

    async def _ring_for_tenants(self) -> None:
        async with self._db.before_tenant() as conn:
            rows = await (await conn.execute(queries("upkeep")["due"], {"now": clock.now()})).fetchall()
        for row in rows:
            due = {lanes.REFRESH: row["segments"], lanes.SYNC: row["sources"]}
            for job, every_s in EVERY_S.items():
                if due[job]:
                    await lanes.ring_upkeep(self._client, Lane.BULK, job, str(row["tenant_id"]), every_s=every_s)


def by_clock(name: str, work: Job, *, timeout_s: float = LONGEST_S) -> Function:
    """Give the job that does `work` for a slot unless that was already begun, here or elsewhere."""

    async def run(ctx: dict[str, Any], slot: int) -> None:
        hands = ctx["hands"]
        values = {"job": name, "slot": slot, "owner": hands.owner}
        async with hands.db.before_tenant() as conn:
            longest = timedelta(seconds=timeout_s)
            row = await (await conn.execute(_SQL["begin"], {**values, "longest": longest})).fetchone()
        if row is None:
            return
        log.debug("begun by the clock", extra={"job": name, "slot": slot})
        is_done = True
        try:
            await work(ctx)
        except asyncio.CancelledError:
            # One that took too long would do so again, so it waits for its next time.
            is_done = not hands.stop.is_set()
            raise
        finally:
            async with hands.db.before_tenant() as conn:
                await conn.execute(_SQL["end"], {**values, "is_done": is_done})

    return func(run, name=name, max_tries=2, timeout=timeout_s)
