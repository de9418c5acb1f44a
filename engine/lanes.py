"""The lanes, realtime and bulk: one arq queue each, which only says "look at this"; the work itself is in PostgreSQL.

A job is a batch, never a single message or person, and contains only ids. Redis may be emptied, or be away: a bell that
nobody hears costs the second until a worker looks by itself, and nothing else. arq's own client does not unquote a URL
and pickles its jobs, so the connection is made here and jobs are JSON.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from rules.errors import Unavailable
from rules.words import Lane

# The jobs that a worker knows.
DECIDE, DISPATCH = "decide", "dispatch"
RECHECK, REFRESH, SYNC = "recheck", "refresh", "sync"
EMBED, TIDY, SEAL, TALLY, CHECK, ARCHIVE = "embed", "tidy", "seal", "tally", "check", "archive"
REPLAY, REPORT = "replay", "report"
TASKS = "tasks"
TOKENS = "tokens"
# Batches of one tenant that wait in the queue at once: the rest follow one by one, behind other tenants.
AHEAD = 4
CONNECT_TIMEOUT_S = 2.0
# redis-py retries by itself for up to half a minute; whoever has just started something wants to know sooner.
CHECK_S = 3.0
# How long a job sends claim after claim before other tenants that wait for its place get their turn: with one claim per
# job, half of the time was spent waiting for the queue's next look. If places are free, nobody has to wait, and the job
# goes on: otherwise one of two workers took what both had rung for, and the other had nothing to do.
TURN_S, LONG_TURN_S = 0.5, 20.0
# However many events come, a tenant's people are checked again only this often.
RECHECK_EVERY_S = 0.05
# Agent tasks of a tenant: two jobs at once take two tasks.
TASKS_EVERY_S = 0.1
# After this long an unheard bell is pointless, because the sweeper has been there long since.
EXPIRES_S = 600

# Urgent batches that nobody has taken yet, and those held by a worker with the time when they were taken. arq could do
# it, at the cost of about twelve round trips for each and a look every few milliseconds.
URGENT, IN_HAND = "leo:urgent", "leo:urgent:in-hand"
# Exists if there was an urgent batch a moment ago.
LATELY, LATELY_S = "leo:urgent:lately", 2.0
# Bells that nobody hears: the sweeper finds what they were for.
MOST_URGENT = 10_000
# After this long, a batch held by a killed worker no longer counts as taken.
IN_HAND_S = 5.0
# While there is urgent work, a bulk batch decides for this many people at once: they stay locked meanwhile, and an
# event of one of them waits.
FEW_AT_ONCE = 50

# Bulk gives way while more urgent jobs than this wait or run, before each step at most this long, so it never stands
# still.
FEW_URGENT = 3
PATIENCE_S = 2.0
LOOK_AGAIN_S = 0.02

log = logging.getLogger(__name__)

# How many bulk batches one worker decides at once: one computes while the other waits for PostgreSQL; more would hold
# locks.
DECIDING = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How a worker of a lane works.

    `poll_s`: between its looks at the queue; `jobs`: at the same time, most of which wait for a provider; `abreast`:
    claims of one tenant that are sent at the same time; `deciding`: batches decided at the same time; `nice`: how far
    it gives way to other processes of the host.
    """

    poll_s: float
    jobs: int
    abreast: int
    deciding: int
    nice: int


# arq looks every 0.5 s by default: too long for somebody who has just left a basket. There are many jobs, so that
# tenants whose provider hangs do not keep the others waiting; there are few parallel claims, because all of them are in
# flight when a worker is killed. An urgent batch may have to wait until a bulk one that decides for the same person is
# done (half a second): with two at a time, two such would keep everybody waiting.
PACES = {
    Lane.REALTIME: Pace(poll_s=0.02, jobs=100, abreast=4, deciding=6, nice=0),
    Lane.BULK: Pace(poll_s=0.1, jobs=32, abreast=2, deciding=DECIDING, nice=10),
}


# The workers that are alive, or were.
WORKERS = "leo:workers"


def queue_name(lane: Lane) -> str:
    return f"leo:{lane}"


def beat_key(owner: str) -> str:
    return f"leo:alive:{owner}"


async def count_workers(client: ArqRedis, lane: Lane) -> int:
    """Count the lane's workers that are alive, and forget those that are gone; raises RedisError."""
    owners = sorted(name.decode() for name in await client.smembers(WORKERS))  # type: ignore[misc]  # typed for both clients
    beats = await client.mget([beat_key(owner) for owner in owners]) if owners else []
    gone = [owner for owner, beat in zip(owners, beats, strict=True) if beat is None]
    if gone:
        await client.srem(WORKERS, *gone)  # type: ignore[misc]
    return sum(owner.startswith(f"worker-{lane}@") for owner in owners if owner not in gone)


def connect(url: str, *, lane: Lane = Lane.REALTIME) -> ArqRedis:
    """Give a client for the queues; it connects when it is first used. Close it with `aclose()`."""
    pool = ConnectionPool.from_url(url, socket_connect_timeout=CONNECT_TIMEOUT_S, health_check_interval=30)
    client = ArqRedis(pool, job_serializer=_serialize, job_deserializer=json.loads, default_queue_name=queue_name(lane))
    client.auto_close_connection_pool = True
    return client


async def check(client: ArqRedis) -> None:
    """Raise Unavailable if Redis does not answer."""
    try:
        async with asyncio.timeout(CHECK_S):
            await client.ping()
    except (RedisError, OSError) as error:
        raise Unavailable(
            f"Redis cannot be used: {where(client)} does not answer.",
            remedy="See that it runs (leo doctor), or correct LEO_REDIS_URL.",
        ) from error


def where(client: ArqRedis) -> str:
    """Name the server without its password."""
    place = client.connection_pool.connection_kwargs
    return str(place.get("path") or f"{place.get('host', 'localhost')}:{place.get('port', 6379)}")


def batch_job(batch_id: int, attempt: int) -> str:
    return f"{batch_id}:{attempt}"


async def ring_batches(
    client: ArqRedis, *, lane: Lane, tenant_id: UUID, batch_ids: Sequence[int], attempt: int = 0
) -> bool:
    """Ask for batches to be decided: all urgent ones, the first few others. Call it after the commit that made them.

    Gives whether Redis heard it; if not, a worker finds the batches by itself within a second or two.
    """
    try:
        if lane is Lane.REALTIME:
            await _ring_urgent(client, tenant_id, batch_ids)
            return True
        for batch_id in batch_ids[:AHEAD]:
            await ring(client, lane, DECIDE, str(tenant_id), batch_id, job_id=batch_job(batch_id, attempt))
    except (RedisError, OSError) as error:
        log.warning("nobody heard the bell", extra={"lane": lane, "error": type(error).__name__})
        return False
    return True


async def _ring_urgent(client: ArqRedis, tenant_id: UUID, batch_ids: Sequence[int]) -> None:
    if not batch_ids:
        return
    async with client.pipeline(transaction=False) as pipe:
        pipe.rpush(URGENT, *(f"{tenant_id}:{batch_id}" for batch_id in batch_ids))
        pipe.ltrim(URGENT, -MOST_URGENT, -1)
        pipe.expire(URGENT, EXPIRES_S)
        pipe.set(LATELY, b"1", px=int(LATELY_S * 1000))
        await pipe.execute()


async def take_urgent(client: ArqRedis, most: int) -> list[tuple[UUID, int]]:
    """Wait for urgent batches, a second at most, and take them, oldest first; raises RedisError."""
    heard = await cast("Awaitable[Any]", client.blpop([URGENT], timeout=1))
    if heard is None:
        return []
    more = await cast("Awaitable[Any]", client.lpop(URGENT, most - 1)) if most > 1 else None
    bells = [heard[1], *(more or ())]
    now = int(time.time())
    async with client.pipeline(transaction=False) as pipe:
        pipe.zadd(IN_HAND, dict.fromkeys(bells, now))
        pipe.expire(IN_HAND, int(IN_HAND_S) * 2)
        await pipe.execute()
    return [_bell(bell) for bell in bells]


async def let_go(client: ArqRedis, taken: Sequence[tuple[UUID, int]]) -> None:
    """Release urgent batches; if Redis is away there is nobody to tell."""
    try:
        if taken:
            await client.zrem(IN_HAND, *(f"{tenant_id}:{batch_id}" for tenant_id, batch_id in taken))
    except (RedisError, OSError):
        return


def _bell(written: bytes) -> tuple[UUID, int]:
    tenant_id, _, batch_id = written.decode().rpartition(":")
    return UUID(tenant_id), int(batch_id)


async def are_urgent_lately(client: ArqRedis) -> bool:
    """Whether somebody's event came a moment ago; False if Redis is away."""
    try:
        return bool(await client.exists(LATELY))
    except (RedisError, OSError):
        return False


async def ring_recheck(client: ArqRedis, tenant_id: UUID) -> bool:
    """Ask for the tenant's people to be checked again; call it after the commit. Gives whether Redis heard it."""
    turn = int(time.time() / RECHECK_EVERY_S)
    try:
        # One that is running may have looked for the last time already, so another follows it.
        for name in (f"{RECHECK}:{tenant_id}:{turn}", f"{RECHECK}:{tenant_id}:{turn + 1}"):
            if await ring(client, Lane.REALTIME, RECHECK, str(tenant_id), job_id=name):
                break
    except (RedisError, OSError) as error:
        log.warning("nobody heard the bell", extra={"lane": Lane.REALTIME, "error": type(error).__name__})
        return False
    return True


async def ring_tasks(client: ArqRedis, tenant_id: UUID) -> bool:
    """Ask for the tenant's agent tasks to be worked on; call it after the commit. Gives whether Redis heard it."""
    turn = int(time.time() / TASKS_EVERY_S)
    try:
        await ring(client, Lane.REALTIME, TASKS, str(tenant_id), job_id=f"{TASKS}:{tenant_id}:{turn}")
    except (RedisError, OSError) as error:
        log.warning("nobody heard the bell", extra={"lane": Lane.REALTIME, "error": type(error).__name__})
        return False
    return True


async def ring_upkeep(client: ArqRedis, lane: Lane, job: str, *arguments: str, every_s: float) -> None:
    """Ask for a job that is due, once every `every_s` while it runs; raises RedisError.

    The time is part of the job's name, because arq believes in the job of a killed worker until its time limit.
    """
    name = ":".join((job, *arguments, str(int(time.time() / every_s))))
    await ring(client, lane, job, *arguments, job_id=name)


async def give_way(client: ArqRedis, lane: Lane) -> None:
    """Let urgent work go first: before each step bulk waits, for a while at most, until few urgent jobs are left.

    `nice` alone is not enough: most of a worker's cost is PostgreSQL's, whose sessions all have the same priority.
    """
    if lane is not Lane.BULK:
        return
    try:
        for _ in range(round(PATIENCE_S / LOOK_AGAIN_S)):
            if await _urgent(client) <= FEW_URGENT:
                return
            await asyncio.sleep(LOOK_AGAIN_S)
    except (RedisError, OSError):
        return  # the work is in PostgreSQL and goes on without Redis


async def _urgent(client: ArqRedis) -> int:
    """Count the urgent jobs that are due or running."""
    now = time.time()
    async with client.pipeline(transaction=False) as pipe:
        pipe.zcount(queue_name(Lane.REALTIME), "-inf", int(now * 1000))
        pipe.llen(URGENT)
        pipe.zcount(IN_HAND, now - IN_HAND_S, "+inf")
        return sum(await pipe.execute())


async def ring(
    client: ArqRedis, lane: Lane, job: str, *arguments: str | int, job_id: str, after_s: float | None = None
) -> bool:
    """Enqueue one job, to begin after some seconds; False if this very job is already there. Raises RedisError.

    A job enqueued by a clock that was ahead, another host's or ours before it was set, would not be heard until then,
    so it is brought forward.
    """
    made = await client.enqueue_job(
        job, *arguments, _job_id=job_id, _queue_name=queue_name(lane), _expires=EXPIRES_S, _defer_by=after_s
    )
    if made is None and after_s is None:
        await client.zadd(queue_name(lane), {job_id: int(time.time() * 1000)}, xx=True, lt=True)
    return made is not None


def _serialize(document: object) -> bytes:
    # arq stores an exception in a failed job's result.
    return json.dumps(document, default=repr).encode()
