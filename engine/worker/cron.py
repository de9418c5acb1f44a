"""`leo worker --lane cron`: it rings for what the clock asks for, and does no work itself."""

import asyncio
import contextlib
import logging

from redis.exceptions import RedisError

from engine import lanes
from engine.db import Database
from engine.settings import Settings
from engine.worker.beat import owner_name
from engine.worker.ending import Stop, stopped_by_signals
from engine.worker.schedule import ONLY_SCHEDULES, Scheduler
from rules.errors import LeoError

LANE = "cron"
TICK_S = 1.0

log = logging.getLogger("leo.worker")


async def run(settings: Settings, *, database_url: str, redis_url: str, stop: Stop) -> None:
    """Schedule until SIGTERM or SIGINT set `stop`; raises Unavailable or Misconfigured if it cannot start."""
    client = lanes.connect(redis_url)
    owner = owner_name(LANE)
    try:
        await lanes.check(client)
        async with Database.open(database_url, settings) as db:
            log.info("worker started", extra={"lane": LANE, "owner": owner, "redis": lanes.where(client)})
            with stopped_by_signals(stop):
                await _schedule(Scheduler(db, client, owner=owner, rank=ONLY_SCHEDULES), stop)
            log.info("worker stopped", extra={"lane": LANE, "owner": owner})
    finally:
        await client.aclose()


async def _schedule(scheduler: Scheduler, stop: asyncio.Event) -> None:
    is_silent = False
    try:
        while not stop.is_set():
            try:
                await scheduler.tick()
                is_silent = False
            except (LeoError, RedisError, OSError) as error:
                if not is_silent:
                    log.error("nothing is scheduled", extra={"error": str(error)})  # noqa: TRY400
                is_silent = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TICK_S)
    finally:
        await scheduler.release()
