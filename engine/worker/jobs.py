"""The jobs: decide one batch, send one claim. What is left after this step is rung for again, behind other tenants."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from engine import lanes, lines, tracing
from engine.db import Database
from engine.decide import BatchState, Decided, decide_batch, due_batches, put_off
from engine.dispatch import (
    MOST_CLAIMED,
    Adapters,
    Claim,
    Dispatched,
    claim_within,
    dispatch_due,
    put_aside,
)
from engine.memory import Embedder, LocalEmbedder
from engine.metrics import count
from engine.queries import queries
from engine.tasks import Reader
from engine.think.ask import UNASKED, Thought, think
from engine.think.gateway import Gateway
from rules.errors import LeoError, Unavailable
from rules.words import Lane

# A batch that cannot be decided is tried again so much later.
PUT_OFF = timedelta(seconds=60)
# The sweeper looks once a second by itself.
LONGEST_WAIT_S = 1.0
# Where a job leaves word that its tenant has more to do.
AGAIN = "again"

log = logging.getLogger("leo.worker")


class Hands:
    """What the jobs of a worker work with."""

    def __init__(self, db: Database, adapters: Adapters, client: ArqRedis, *, lane: Lane, owner: str) -> None:
        self.db = db
        self.adapters = adapters
        self.client = client
        self.lane = lane
        self.owner = owner
        # Who reads the words of agent tasks; nobody where no model is configured.
        self.reader: Reader | None = None
        # Who is asked to choose where a policy wants a model; nobody where none is configured.
        self.gateway: Gateway | None = None
        # What templates and tasks are remembered with.
        self.embedder: Embedder = LocalEmbedder()
        self.stop = asyncio.Event()
        self.deciding = asyncio.Semaphore(lanes.PACES[lane].deciding)
        self.thinking = asyncio.Semaphore(1)
        # One sync at a time, however many tenants wait for theirs; a waiting one takes no place among the jobs.
        self.syncing = asyncio.Lock()
        self.to_sync: dict[UUID, None] = {}
        self._generation = 0
        self._held: set[str] = set()
        self._decided_for: Counter[UUID | None] = Counter()

    @contextlib.contextmanager
    def holding(self, job_id: str, tenant_id: UUID | None = None) -> Iterator[None]:
        """Remember that a job is in hand: with Redis emptied it would be taken twice, which arq cannot bear.

        `tenant_id` is whom it decides for.
        """
        self._held.add(job_id)
        self._decided_for[tenant_id] += 1
        try:
            yield
        finally:
            self._held.discard(job_id)
            self._decided_for[tenant_id] -= 1

    def is_deciding_for(self, tenant_id: UUID) -> bool:
        """Whether a batch of the tenant is in hand."""
        return self._decided_for[tenant_id] > 0

    def begin_anew(self) -> None:
        """Name our jobs anew: those of before Redis was lost may still count as running there."""
        self._generation += 1

    async def ring_batches(self, tenant_id: UUID) -> None:
        """Ask for the tenant's next batches that are due; raises RedisError."""
        async with self.db.transaction(tenant_id) as conn:
            batch_ids = await due_batches(conn, lane=self.lane, now=datetime.now(UTC), most=lanes.AHEAD)
        for batch_id in batch_ids:
            await self.ring_batch(tenant_id, batch_id)

    async def ring_batch(self, tenant_id: UUID, batch_id: int, *, attempt: int = 0) -> bool:
        job_id = lanes.batch_job(batch_id, attempt)
        if job_id in self._held:
            return True
        return await lanes.ring(self.client, self.lane, lanes.DECIDE, str(tenant_id), batch_id, job_id=job_id)

    async def ring_dispatch(self, tenant_id: UUID, *, after_s: float | None = None) -> None:
        """Ask for one more claim of the tenant unless as many as may run are asked for; raises RedisError."""
        for place in range(lanes.PACES[self.lane].abreast):
            job_id = f"{tenant_id}:{self.owner}:{self._generation}:{place}"
            if job_id in self._held:
                continue
            if await lanes.ring(self.client, self.lane, lanes.DISPATCH, str(tenant_id), job_id=job_id, after_s=after_s):
                return


async def decide(ctx: dict[str, Any], tenant_id: str, batch_id: int) -> None:
    """Decide one batch and see to it that what it queued is sent at once."""
    hands: Hands = ctx["hands"]
    with (
        hands.holding(ctx["job_id"], UUID(tenant_id)),
        lines.about(job=lanes.DECIDE, tenant=tenant_id, batch=batch_id),
        tracing.span(
            "decide job",
            parent=await _traceparent(hands, UUID(tenant_id), batch_id),
            tenant=tenant_id,
            batch=batch_id,
            lane=hands.lane,
        ),
    ):
        await _decide(hands, ctx, tenant_id, batch_id)


async def dispatch(ctx: dict[str, Any], tenant_id: str) -> None:
    """Send a turn of the tenant's messages, claim by claim; at the end of the queue, see what may not be sent."""
    hands: Hands = ctx["hands"]
    with (
        hands.holding(ctx["job_id"]),
        lines.about(job=lanes.DISPATCH, tenant=tenant_id),
        tracing.span("dispatch job", tenant=tenant_id, lane=hands.lane),
    ):
        await _dispatch(hands, ctx, tenant_id)


async def _traceparent(hands: Hands, tenant_id: UUID, batch_id: int) -> str | None:
    """Give the span that made the batch's run, which the job goes on with; nothing is asked where nothing is traced."""
    if not tracing.is_on():
        return None
    try:
        async with hands.db.transaction(tenant_id) as conn:
            row = await (await conn.execute(queries("lanes")["traceparent"], {"batch_id": batch_id})).fetchone()
    except LeoError:
        return None  # the job itself tells what is wrong
    return None if row is None else row["traceparent"]


async def _decide(hands: Hands, ctx: dict[str, Any], tenant_id: str, batch_id: int) -> None:
    await lanes.give_way(hands.client, hands.lane)
    tenant, started = UUID(tenant_id), time.perf_counter()
    try:
        decided, taken = await _decided(hands, tenant, batch_id, None)
        if decided.state is BatchState.UNTHOUGHT:
            thought = await _think(hands, tenant, batch_id)
            if thought.is_whole:
                decided, taken = await _decided(hands, tenant, batch_id, thought)
    except Unavailable as error:
        _tell_failed(lanes.DECIDE, tenant_id, error, batch=batch_id)
        return
    except Exception as error:  # noqa: BLE001 - a worker goes on, and tells
        # Whatever it is about this batch, it must not keep the tenant's others waiting.
        _tell_failed(lanes.DECIDE, tenant_id, error, batch=batch_id)
        async with hands.db.transaction(tenant) as conn:
            await put_off(conn, batch_id=batch_id, until=datetime.now(UTC) + PUT_OFF)
        return
    if decided.state is BatchState.TAKEN:
        return
    ctx[AGAIN] = lanes.DECIDE, tenant, None
    _tell_decided(hands, tenant, decided, time.perf_counter() - started)
    if taken is not None:
        sent = await _send(hands, tenant, taken=taken)
        if sent.claimed < decided.deliveries:  # a limit was in the way
            with contextlib.suppress(RedisError, OSError):
                await hands.ring_dispatch(tenant, after_s=_wait_s(sent))
    elif decided.deliveries:
        with contextlib.suppress(RedisError, OSError):  # the sweeper rings within a second
            await hands.ring_dispatch(tenant)


async def _decided(
    hands: Hands, tenant_id: UUID, batch_id: int, thought: Thought | None
) -> tuple[Decided, Claim | None]:
    """Decide; what is urgent comes into our hands in the same transaction, and is sent once that is committed.

    A bulk batch whose transaction the server forgets in a crash is decided again, for no message of it has left then:
    a claim's commit comes later.
    """
    is_bulk = hands.lane is Lane.BULK
    async with hands.deciding, hands.db.transaction(tenant_id, is_repeatable=is_bulk) as conn:
        with tracing.span("decide", tenant=str(tenant_id), batch=batch_id) as span:
            decided = await decide_batch(
                conn, tenant_id=tenant_id, batch_id=batch_id, now=datetime.now(UTC), thought=thought
            )
            if span is not None and decided.run_id is not None:
                span.set_attributes({"leo.run": decided.run_id, "leo.deliveries": decided.deliveries})
        lines.note(run=decided.run_id)
        if is_bulk or not decided.deliveries:
            return decided, None
        with tracing.span("claim", tenant=str(tenant_id), lane=hands.lane):
            taken = await claim_within(
                conn,
                hands.adapters,
                tenant_id=tenant_id,
                lane=hands.lane,
                run_id=decided.run_id,
                owner=hands.owner,
                most=MOST_CLAIMED,
                now=datetime.now(UTC),
            )
        return decided, taken


async def _think(hands: Hands, tenant_id: UUID, batch_id: int) -> Thought:
    """Ask models: no transaction is open, and no turn to decide is taken meanwhile.

    Of bulk batches one thinks at a time, for those that wait for a model lose the time that their policy gives it; for
    one event that is meant so.
    """
    if hands.gateway is None:
        return UNASKED
    async with hands.thinking if hands.lane is Lane.BULK else contextlib.nullcontext():
        return await think(
            hands.db,
            hands.gateway,
            tenant_id=tenant_id,
            batch_id=batch_id,
            clock=lambda: datetime.now(UTC),
            is_stopping=hands.stop.is_set,
        )


async def _dispatch(hands: Hands, ctx: dict[str, Any], tenant_id: str) -> None:
    tenant = UUID(tenant_id)
    turn_ends = time.monotonic() + lanes.TURN_S
    dispatched = await _send(hands, tenant)
    while dispatched.is_full and time.monotonic() < turn_ends and not hands.stop.is_set():
        dispatched = await _send(hands, tenant)
    if dispatched.is_full:
        ctx[AGAIN] = lanes.DISPATCH, tenant, None
        return
    wait_s = _wait_s(dispatched)
    if wait_s is not None:
        ctx[AGAIN] = lanes.DISPATCH, tenant, wait_s
        if dispatched.claimed:
            return
    try:
        async with hands.db.transaction(tenant) as conn:
            aside = await put_aside(conn, lane=hands.lane, now=datetime.now(UTC))
    except LeoError as error:
        _tell_failed(lanes.DISPATCH, tenant_id, error)
        return
    if aside.expired or aside.cancelled:
        extra = {"tenant": tenant_id, "expired": aside.expired, "cancelled": aside.cancelled}
        log.info("messages ended unsent", extra=extra)


async def after(ctx: dict[str, Any]) -> None:
    """Ring again for a tenant that has more to do: only now is the job's own name free."""
    hands: Hands = ctx["hands"]
    if AGAIN not in ctx or hands.stop.is_set():
        return
    job, tenant_id, after_s = ctx[AGAIN]
    with contextlib.suppress(LeoError, RedisError, OSError):  # the sweeper rings within a second
        if job == lanes.DECIDE and hands.lane is Lane.REALTIME and hands.is_deciding_for(tenant_id):
            return  # each event has rung for its own batch: the last of those in hand looks for more
        if job == lanes.DECIDE:
            await hands.ring_batches(tenant_id)
        else:
            await hands.ring_dispatch(tenant_id, after_s=after_s)


def _wait_s(dispatched: Dispatched) -> float | None:
    """Give the seconds until the channels' limits let more out; None where the sweeper is there before."""
    if dispatched.again_at is None:
        return None
    wait_s = (dispatched.again_at - datetime.now(UTC)).total_seconds()
    return max(wait_s, 0.0) if wait_s < LONGEST_WAIT_S else None


async def _send(hands: Hands, tenant_id: UUID, *, taken: Claim | None = None) -> Dispatched:
    """Send what was taken; without it, one claim of what is due."""
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
        _tell_failed(lanes.DISPATCH, str(tenant_id), error)
        return Dispatched()
    if dispatched.claimed:
        counts = {name: count for name, count in dispatched.counts().items() if count}
        extra = {"tenant": str(tenant_id), **counts, "ms": _ms(time.perf_counter() - started)}
        log.info("messages sent", extra=extra)
    return dispatched


def _tell_decided(hands: Hands, tenant_id: UUID, decided: Decided, seconds: float) -> None:
    count.decided(hands.lane, seconds)
    extra = {
        "tenant": str(tenant_id),
        "run": decided.run_id,
        "batch": decided.batch_id,
        "lane": hands.lane,
        "actions": dict(decided.actions),
        "reasons": dict(decided.reasons),
        "deliveries": decided.deliveries,
        "ms": _ms(seconds),
    }
    log.info("batch %s", decided.state, extra=extra)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _tell_failed(job: str, tenant_id: str, error: Exception, **about: int) -> None:
    count.job_failed(job)
    extra = {"job": job, "tenant": tenant_id, "code": getattr(error, "code", type(error).__name__), "error": str(error)}
    log.error("job failed", extra=extra | about, exc_info=None if isinstance(error, LeoError) else error)
