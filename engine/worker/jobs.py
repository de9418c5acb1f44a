"""What jobs work with, and the job that sends. What is left after its turn is rung for again, behind other tenants."""

import asyncio
import contextlib
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from engine import clock, lanes, lines, tracing
from engine.db import Database
from engine.decide import due_batches
from engine.dispatch import (
    Adapters,
    Claim,
    Dispatched,
    dispatch_due,
    put_aside,
)
from engine.memory import Embedder, LocalEmbedder
from engine.metrics import count
from engine.tasks import Reader
from engine.think.gateway import Gateway
from engine.worker.ending import Stop
from engine.worker.line import Line
from rules.errors import LeoError
from rules.words import Lane

# The sweeper looks once a second anyway.
LONGEST_WAIT_S = 1.0
# Where a job notes that its tenant has more to do, or that another worker may do it.
AGAIN, PASSED_ON = "again", "passed on"

log = logging.getLogger("leo.worker")


class Hands:
    """What the jobs of a worker work with."""

    def __init__(self, db: Database, adapters: Adapters, client: ArqRedis, *, lane: Lane, owner: str) -> None:
        self.db = db
        self.adapters = adapters
        self.client = client
        self.lane = lane
        self.owner = owner
        # Reads the words of agent tasks; None if no model is configured.
        self.reader: Reader | None = None
        # Asked to choose if a policy wants a model; None if none is configured.
        self.gateway: Gateway | None = None
        # Embeds templates and tasks.
        self.embedder: Embedder = LocalEmbedder()
        self.stop = Stop()
        # The batches that wait to be decided, by tenant.
        self.lines: defaultdict[UUID, Line] = defaultdict(Line)
        self.deciding = asyncio.Semaphore(lanes.PACES[lane].deciding)
        self.thinking = asyncio.Semaphore(1)
        # One sync at a time, however many tenants wait for theirs; a waiting one takes no place among the jobs.
        self.syncing = asyncio.Lock()
        self.to_sync: dict[UUID, None] = {}
        self._generation = 0
        self._held: set[str] = set()
        self._decided_for: Counter[UUID | None] = Counter()
        self._sending_for: Counter[str] = Counter()

    @contextlib.contextmanager
    def holding(self, job_id: str, tenant_id: UUID | None = None) -> Iterator[None]:
        """Remember that a job is running: if Redis was emptied it would be taken twice, which arq cannot handle.

        `tenant_id` is the tenant it decides for.
        """
        self._held.add(job_id)
        self._decided_for[tenant_id] += 1
        try:
            yield
        finally:
            self._held.discard(job_id)
            self._decided_for[tenant_id] -= 1

    @property
    def turn_s(self) -> float:
        """The seconds after which a job makes room for another tenant's: few if no place is free."""
        return lanes.LONG_TURN_S if len(self._held) < lanes.PACES[self.lane].jobs else lanes.TURN_S

    @contextlib.contextmanager
    def sending(self, tenant_id: str) -> Iterator[bool]:
        """Take a place among the tenant's claims that are sent here at the same time; False if none is free.

        Bells are heard by whoever looks first: one worker took all of two, and the other had nothing to do.
        """
        if self._sending_for[tenant_id] >= lanes.PACES[self.lane].abreast:
            yield False
            return
        self._sending_for[tenant_id] += 1
        try:
            yield True
        finally:
            self._sending_for[tenant_id] -= 1

    def is_deciding_for(self, tenant_id: UUID) -> bool:
        """Whether a batch of the tenant is being decided."""
        return self._decided_for[tenant_id] > 0

    def begin_anew(self) -> None:
        """Name our jobs anew: those from before Redis was lost may still count as running there."""
        self._generation += 1

    async def ring_batches(self, tenant_id: UUID) -> None:
        """Ask for the tenant's next batches that are due; raises RedisError."""
        async with self.db.transaction(tenant_id) as conn:
            batch_ids = await due_batches(conn, lane=self.lane, now=clock.now(), most=lanes.AHEAD)
        for batch_id in batch_ids:
            await self.ring_batch(tenant_id, batch_id)

    async def ring_batch(self, tenant_id: UUID, batch_id: int, *, attempt: int = 0) -> bool:
        job_id = lanes.batch_job(batch_id, attempt)
        if job_id in self._held:
            return True
        return await lanes.ring(self.client, self.lane, lanes.DECIDE, str(tenant_id), batch_id, job_id=job_id)

    async def ring_dispatch(self, tenant_id: UUID, *, after_s: float | None = None) -> None:
        """Ask for one more claim of the tenant, unless as many as may run are already asked for; raises RedisError."""
        for place in range(lanes.PACES[self.lane].abreast):
            job_id = f"{tenant_id}:{self.owner}:{self._generation}:{place}"
            if job_id in self._held:
                continue
            if await lanes.ring(self.client, self.lane, lanes.DISPATCH, str(tenant_id), job_id=job_id, after_s=after_s):
                return


async def dispatch(ctx: dict[str, Any], tenant_id: str) -> None:
    """Send a turn of the tenant's messages, claim by claim; at the end of the queue, put aside what may not be sent."""
    hands: Hands = ctx["hands"]
    with (
        hands.holding(ctx["job_id"]),
        lines.about(job=lanes.DISPATCH, tenant=tenant_id),
        tracing.span("dispatch job", tenant=tenant_id, lane=hands.lane),
        hands.sending(tenant_id) as has_place,
    ):
        if has_place:
            await _dispatch(hands, ctx, tenant_id)
        else:
            ctx[PASSED_ON] = tenant_id


async def _dispatch(hands: Hands, ctx: dict[str, Any], tenant_id: str) -> None:
    tenant = UUID(tenant_id)
    began = time.monotonic()
    dispatched = await send(hands, tenant)
    while dispatched.is_full and time.monotonic() - began < hands.turn_s and not hands.stop.is_set():
        dispatched = await send(hands, tenant)
    if dispatched.is_full:
        ctx[AGAIN] = lanes.DISPATCH, tenant, None
        return
    pause_s = wait_s(dispatched)
    if pause_s is not None:
        ctx[AGAIN] = lanes.DISPATCH, tenant, pause_s
        if dispatched.claimed:
            return
    try:
        async with hands.db.transaction(tenant) as conn:
            aside = await put_aside(conn, lane=hands.lane, now=clock.now())
    except LeoError as error:
        tell_failed(lanes.DISPATCH, tenant, error)
        return
    if aside.expired or aside.cancelled:
        extra = {"tenant": tenant_id, "expired": aside.expired, "cancelled": aside.cancelled}
        log.info("messages ended unsent", extra=extra)


async def after(ctx: dict[str, Any]) -> None:
    """Ring again for a tenant that has more to do: only now is the job's own name free."""
    hands: Hands = ctx["hands"]
    if PASSED_ON in ctx:
        await _pass_on(hands, ctx["job_id"], ctx[PASSED_ON])
    if AGAIN not in ctx or hands.stop.is_set():
        return
    job, tenant_id, after_s = ctx[AGAIN]
    with contextlib.suppress(LeoError, RedisError, OSError):  # the sweeper rings within a second
        if job == lanes.DECIDE and hands.lane is Lane.REALTIME and hands.is_deciding_for(tenant_id):
            return  # each event has rung for its own batch; only the last job of the tenant looks for more
        if job == lanes.DECIDE:
            await hands.ring_batches(tenant_id)
        else:
            await hands.ring_dispatch(tenant_id, after_s=after_s)


async def _pass_on(hands: Hands, job_id: str, tenant_id: str) -> None:
    """Ring again under the same name: a worker with a free place hears it within a few looks at the queue."""
    after_s = lanes.PACES[hands.lane].poll_s
    with contextlib.suppress(RedisError, OSError):  # the sweeper rings within a second
        await lanes.ring(hands.client, hands.lane, lanes.DISPATCH, tenant_id, job_id=job_id, after_s=after_s)


def wait_s(dispatched: Dispatched) -> float | None:
    """Give the seconds until the channels' limits let more out; None if the sweeper comes earlier."""
    if dispatched.again_at is None:
        return None
    pause_s = (dispatched.again_at - clock.now()).total_seconds()
    return max(pause_s, 0.0) if pause_s < LONGEST_WAIT_S else None


async def send(hands: Hands, tenant_id: UUID, *, taken: Claim | None = None) -> Dispatched:
    """Send what was taken; by default, one claim of what is due."""
    await lanes.give_way(hands.client, hands.lane)
    started = time.perf_counter()
    try:
        dispatched = await dispatch_due(
            hands.db,
            hands.adapters,
            tenant_id=tenant_id,
            lane=hands.lane,
            owner=hands.owner,
            taken=taken,
            is_stopping=hands.stop.is_set,
        )
    except LeoError as error:
        tell_failed(lanes.DISPATCH, tenant_id, error)
        return Dispatched()
    if dispatched.claimed or dispatched.cancelled:
        counts = {name: count for name, count in dispatched.counts().items() if count}
        extra = {"tenant": str(tenant_id), **counts, "ms": ms(time.perf_counter() - started)}
        log.info("messages sent", extra=extra)
    return dispatched


def ms(seconds: float) -> float:
    """Give milliseconds in the form of the log."""
    return round(seconds * 1000, 1)


def tell_failed(job: str, tenant_id: UUID, error: Exception, **about: int) -> None:
    """Log what went wrong, with a traceback if the error has no sentence of its own."""
    count.job_failed(job)
    extra = {
        "job": job,
        "tenant": str(tenant_id),
        "code": getattr(error, "code", type(error).__name__),
        "error": str(error),
    }
    log.error("job failed", extra=extra | about, exc_info=None if isinstance(error, LeoError) else error)
