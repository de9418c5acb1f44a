"""The job that decides a batch and sends its urgent messages at once; waiting urgent batches go together."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError

from engine import clock, lanes, lines, tracing
from engine.db import Transaction
from engine.decide import BatchState, Decided, decide_batch, put_off
from engine.dispatch import MOST_CLAIMED, Claim, claim_within
from engine.metrics import count
from engine.queries import queries
from engine.think.ask import UNASKED, Thought, think
from engine.together import MOST_TOGETHER, Together, decide_together
from engine.worker import line
from engine.worker.jobs import AGAIN, Hands, ms, send, tell_failed, wait_s
from rules.errors import LeoError, Unavailable
from rules.words import Lane

# A batch that cannot be decided is tried again after this long.
PUT_OFF = timedelta(seconds=60)

log = logging.getLogger("leo.worker")


async def decide(ctx: dict[str, Any], tenant_id: str, batch_id: int) -> None:
    """Decide one batch, and make sure that what it queued is sent at once."""
    hands: Hands = ctx["hands"]
    tenant = UUID(tenant_id)
    with (
        hands.holding(ctx["job_id"], tenant),
        lines.about(job=lanes.DECIDE, tenant=tenant_id, batch=batch_id),
        tracing.span(
            "decide job",
            parent=await _traceparent(hands, tenant, batch_id),
            tenant=tenant_id,
            batch=batch_id,
            lane=hands.lane,
        ),
    ):
        await lanes.give_way(hands.client, hands.lane)
        if hands.lane is Lane.BULK or not await _decided_with_others(hands, ctx, tenant, batch_id):
            await _decide(hands, ctx, tenant, batch_id)


async def _traceparent(hands: Hands, tenant_id: UUID, batch_id: int) -> str | None:
    """Give the span that made the batch's run, which the job continues; nothing is asked if nothing is traced."""
    if not tracing.is_on():
        return None
    try:
        async with hands.db.transaction(tenant_id) as conn:
            row = await (await conn.execute(queries("lanes")["traceparent"], {"batch_id": batch_id})).fetchone()
    except LeoError:
        return None  # the job itself reports what is wrong
    return None if row is None else row["traceparent"]


async def _decided_with_others(hands: Hands, ctx: dict[str, Any], tenant_id: UUID, batch_id: int) -> bool:
    """Wait for our turn, then decide for everybody who waits, unless somebody has done so for us meanwhile.

    Gives whether the batch was decided; whoever had the turn sends the result.
    """
    queue = hands.lines[tenant_id]
    place = queue.join(batch_id)
    together, taken = Together(), None
    async with queue.turn:
        if not place.done():
            together, taken = await _decide_together(hands, tenant_id, queue.take(MOST_TOGETHER))
    if together.batch_ids:
        ctx[AGAIN] = lanes.DECIDE, tenant_id, None
        await _send_taken(hands, tenant_id, taken, deliveries=together.deliveries)
    return await place


async def _decide_together(
    hands: Hands, tenant_id: UUID, places: Mapping[int, asyncio.Future[bool]]
) -> tuple[Together, Claim | None]:
    """Decide and claim in one transaction. If that fails, some batch is to blame: then each is decided alone."""
    started = time.perf_counter()
    together, taken = Together(), None
    try:
        async with hands.deciding, hands.db.transaction(tenant_id) as conn:
            with tracing.span("decide", tenant=str(tenant_id), batches=len(places)):
                found = await decide_together(conn, tenant_id=tenant_id, batch_ids=list(places), now=clock.now())
            if found.deliveries:
                taken = await _claim(hands, conn, tenant_id, delivery_ids=found.delivery_ids)
        together = found
    except Exception as error:
        extra = {"tenant": str(tenant_id), "batches": len(places), "error": type(error).__name__}
        trace = None if isinstance(error, LeoError) else error
        log.warning("batches are decided one by one", extra=extra, exc_info=trace)
        return Together(), None
    finally:
        line.tell(places, together.batch_ids)
    if together.batch_ids:
        about = {"batch": together.batch_ids[0], "batches": len(together.batch_ids)}
        _tell_decided(hands, tenant_id, together, started, state=BatchState.DECIDED, **about)
    return together, taken


async def _decide(hands: Hands, ctx: dict[str, Any], tenant_id: UUID, batch_id: int) -> None:
    started = time.perf_counter()
    try:
        decided, taken = await _decided(hands, tenant_id, batch_id, None)
        if decided.state is BatchState.UNTHOUGHT:
            thought = await _think(hands, tenant_id, batch_id)
            if thought.is_whole:
                decided, taken = await _decided(hands, tenant_id, batch_id, thought)
    except Unavailable as error:
        tell_failed(lanes.DECIDE, tenant_id, error, batch=batch_id)
        return
    except Exception as error:  # noqa: BLE001 - a worker goes on, and reports it
        # Whatever is wrong with this batch, it must not keep the tenant's others waiting.
        tell_failed(lanes.DECIDE, tenant_id, error, batch=batch_id)
        async with hands.db.transaction(tenant_id) as conn:
            await put_off(conn, batch_id=batch_id, until=clock.now() + PUT_OFF)
        return
    if decided.state is BatchState.TAKEN:
        return
    ctx[AGAIN] = lanes.DECIDE, tenant_id, None
    about = {"run": decided.run_id, "batch": decided.batch_id}
    _tell_decided(hands, tenant_id, decided, started, state=decided.state, **about)
    await _send_taken(hands, tenant_id, taken, deliveries=decided.deliveries)


async def _send_taken(hands: Hands, tenant_id: UUID, taken: Claim | None, *, deliveries: int) -> None:
    """Send what was claimed when it was queued, and ring for the rest."""
    if taken is not None:
        sent = await send(hands, tenant_id, taken=taken)
        if sent.claimed < deliveries:  # a limit was in the way
            with contextlib.suppress(RedisError, OSError):
                await hands.ring_dispatch(tenant_id, after_s=wait_s(sent))
    elif deliveries:
        with contextlib.suppress(RedisError, OSError):  # the sweeper rings within a second
            await hands.ring_dispatch(tenant_id)


async def _decided(
    hands: Hands, tenant_id: UUID, batch_id: int, thought: Thought | None
) -> tuple[Decided, Claim | None]:
    """Decide; urgent messages are claimed in the same transaction, and sent once that is committed.

    A bulk batch whose transaction the server loses in a crash is decided again; none of its messages has left by then,
    because a claim commits later.
    """
    is_bulk = hands.lane is Lane.BULK
    most = lanes.FEW_AT_ONCE if is_bulk and await lanes.are_urgent_lately(hands.client) else None
    async with hands.deciding, hands.db.transaction(tenant_id, is_repeatable=is_bulk) as conn:
        with tracing.span("decide", tenant=str(tenant_id), batch=batch_id):
            decided = await decide_batch(
                conn, tenant_id=tenant_id, batch_id=batch_id, now=clock.now(), thought=thought, most=most
            )
        lines.note(run=decided.run_id)
        if is_bulk or not decided.deliveries:
            return decided, None
        return decided, await _claim(hands, conn, tenant_id, run_id=decided.run_id)


async def _claim(hands: Hands, conn: Transaction, tenant_id: UUID, **which: Any) -> Claim:
    with tracing.span("claim", tenant=str(tenant_id), lane=hands.lane):
        return await claim_within(
            conn,
            hands.adapters,
            tenant_id=tenant_id,
            lane=hands.lane,
            owner=hands.owner,
            most=MOST_CLAIMED,
            now=clock.now(),
            **which,
        )


async def _think(hands: Hands, tenant_id: UUID, batch_id: int) -> Thought:
    """Ask models: meanwhile no transaction is open, and no turn to decide is taken.

    Bulk batches think one at a time, because those that wait for a model lose the time that their policy allows; for a
    single event that is intended.
    """
    if hands.gateway is None:
        return UNASKED
    async with hands.thinking if hands.lane is Lane.BULK else contextlib.nullcontext():
        return await think(
            hands.db,
            hands.gateway,
            tenant_id=tenant_id,
            batch_id=batch_id,
            clock=clock.now,
            is_stopping=hands.stop.is_set,
        )


def _tell_decided(
    hands: Hands,
    tenant_id: UUID,
    decided: Decided | Together,
    started: float,
    *,
    state: BatchState,
    **about: int | None,
) -> None:
    count.decided(hands.lane, time.perf_counter() - started)
    extra = {
        "tenant": str(tenant_id),
        **about,
        "lane": hands.lane,
        "actions": dict(decided.actions),
        "reasons": dict(decided.reasons),
        "deliveries": decided.deliveries,
        "ms": ms(time.perf_counter() - started),
    }
    log.info("batch %s", state, extra=extra)
