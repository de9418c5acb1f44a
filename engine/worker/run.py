"""A worker's life: start, work, survive the loss of Redis, and at the end finish what has been begun."""

import asyncio
import contextlib
import logging

from arq.worker import Worker, func
from redis.exceptions import RedisError

from engine import clock, lanes
from engine.db import Database
from engine.dispatch import Adapters
from engine.memory.choice import embedder_of
from engine.pause import seldom_collected
from engine.settings import Settings
from engine.think import models
from engine.worker import graph_check, learn, tasks, upkeep
from engine.worker.beat import beat_forever, owner_name, say_goodbye
from engine.worker.deciding import decide
from engine.worker.ear import Ear
from engine.worker.ending import DRAIN_S, LET_GO_S, Stop, stopped_by_signals
from engine.worker.jobs import Hands, after, dispatch
from engine.worker.port import told
from engine.worker.schedule import WORKS, Scheduler
from engine.worker.sweep import Sweeper
from rules.words import Lane

# The last call of a claim ends within its lease (60 s); its result is written within another.
JOB_TIMEOUT_S = 120
RECONNECT_FIRST_S, RECONNECT_MOST_S = 0.1, 2.0

log = logging.getLogger("leo.worker")


async def run(settings: Settings, *, database_url: str, redis_url: str, lane: Lane, stop: Stop) -> None:
    """Work until SIGTERM or SIGINT set `stop`; raises Unavailable or Misconfigured if it cannot start."""
    client = lanes.connect(redis_url, lane=lane)
    adapters = Adapters.of(settings)
    embedder = embedder_of(settings)
    try:
        await lanes.check(client)
        is_realtime, nice = lane is Lane.REALTIME, lanes.PACES[lane].nice
        opening = Database.open(database_url, settings, is_planned_once=is_realtime, nice=nice)
        async with opening as db, models.opened(settings) as gateway:
            hands = Hands(db, adapters, client, lane=lane, owner=owner_name(lane))
            hands.stop = stop
            hands.embedder, hands.gateway = embedder, gateway
            hands.reader = gateway if gateway.models else None
            await clock.look(db)
            async with told(settings, db, lane=lane):
                with stopped_by_signals(stop), seldom_collected():
                    await work(hands)
    finally:
        await embedder.close()
        await adapters.aclose()
        await client.aclose()


async def work(hands: Hands) -> None:
    """Work until `hands.stop` is set, then finish what has been begun."""
    log.info("worker started", extra={"lane": hands.lane, "owner": hands.owner, "redis": lanes.where(hands.client)})
    # The heart beats until the last result is written: a worker that drains is not gone.
    beating = asyncio.create_task(beat_forever(hands.client, hands.owner))
    jobs: set[asyncio.Task[None]] = set()
    scheduler = None
    if hands.lane is Lane.BULK:
        scheduler = Scheduler(hands.db, hands.client, owner=hands.owner, rank=WORKS)
    try:
        while not hands.stop.is_set():
            if await _work_with_redis(hands, jobs, scheduler):
                await _await_redis(hands)
                hands.begin_anew()
        if scheduler is not None:
            await scheduler.release()
        await _drain(jobs, hands.stop)
    finally:
        beating.cancel()
        await asyncio.wait([beating])
        await say_goodbye(hands.client, hands.owner)
    log.info("worker stopped", extra={"lane": hands.lane, "owner": hands.owner})


async def _work_with_redis(hands: Hands, jobs: set[asyncio.Task[None]], scheduler: Scheduler | None) -> bool:
    """Work until told to stop or Redis is lost; gives whether it was lost. `jobs` gets the jobs that go on."""
    pace = lanes.PACES[hands.lane]
    worker = Worker(
        functions=[
            func(decide, name=lanes.DECIDE, max_tries=2),
            func(dispatch, name=lanes.DISPATCH, max_tries=2),
            *upkeep.functions(hands.lane),
            *learn.functions(hands.lane),
            *graph_check.functions(hands.lane),
            *tasks.functions(hands.lane),
        ],
        queue_name=lanes.queue_name(hands.lane),
        redis_pool=hands.client,
        handle_signals=False,
        after_job_end=after,
        max_jobs=pace.jobs,
        job_timeout=JOB_TIMEOUT_S,
        keep_result=0,
        poll_delay=pace.poll_s,
        ctx={"hands": hands},
        job_serializer=hands.client.job_serializer,
        job_deserializer=hands.client.job_deserializer,
        log_results=False,
    )
    stopping = asyncio.create_task(hands.stop.wait())
    working = {asyncio.create_task(worker.main()), asyncio.create_task(Sweeper(hands, scheduler).sweep_forever())}
    ear = Ear(hands)
    if hands.lane is Lane.REALTIME:
        working.add(asyncio.create_task(ear.listen_forever()))
    try:
        done, _ = await asyncio.wait({stopping, *working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (stopping, *working):
            task.cancel()
        # When asked to end, running jobs do not wait for a loop that is slow to let go.
        within_s = hands.stop.left_s(LET_GO_S) if hands.stop.is_set() else None
        await asyncio.wait({stopping, *working}, timeout=within_s)
        jobs |= {*worker.tasks.values(), *ear.tasks}
    for task in done - {stopping}:
        error = task.exception()
        if isinstance(error, RedisError | OSError):
            extra = {"redis": lanes.where(hands.client), "error": type(error).__name__}
            log.warning("Redis is lost; its jobs are found again in PostgreSQL", extra=extra)
            return True
        if error is not None:
            raise error
    return False


async def _await_redis(hands: Hands) -> None:
    pause_s = RECONNECT_FIRST_S
    while not hands.stop.is_set():
        try:
            await hands.client.ping()
        except (RedisError, OSError):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hands.stop.wait(), pause_s)
            pause_s = min(pause_s * 2, RECONNECT_MOST_S)
        else:
            log.info("Redis is back", extra={"redis": lanes.where(hands.client)})
            return


async def _drain(jobs: set[asyncio.Task[None]], stop: Stop) -> None:
    """Wait for the running jobs; those that take too long are cut, and write down that they were.

    However long that takes, the process has ended `END_S` after the signal.
    """
    pending = {job for job in jobs if not job.done()}
    if pending:
        log.info("worker drains", extra={"jobs": len(pending)})
        _, pending = await asyncio.wait(pending, timeout=stop.left_s(DRAIN_S))
    for job in pending:
        job.cancel()
    if pending:
        await asyncio.wait(pending)
    for job in jobs:
        error = None if job.cancelled() else job.exception()
        if error is not None and not isinstance(error, RedisError | OSError):
            log.error("a job ended badly", exc_info=error)
