"""Sending: one claim, its calls in parallel, and the results written in groups as they come."""

import asyncio
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from channels.contract import Adapter, Receipt, Request, Unsupported
from engine import clock, lines, tracing
from engine.db import Database
from engine.dispatch.adapters import REMEDY, Adapters
from engine.dispatch.claim import Claim, Claimed, claim
from engine.dispatch.compose import compose
from engine.dispatch.results import (
    ASLEEP,
    ENDED,
    HELD_BACK,
    LEASE_ENDS,
    RELEASED,
    Ended,
    held,
    interrupted,
    of_receipt,
    refused,
    released,
    too_late,
    write,
)
from engine.dispatch.watch import Watch
from engine.metrics import count
from rules.circuit import Heard
from rules.errors import InvalidInput, LeoError
from rules.words import DeliveryStatus, Lane

MOST_CLAIMED = 64
MOST_CALLS = 32
# Less than the lease, so that an abandoned call is reported before others may think that we are gone. No call begins
# that could outlast it: of 64 slow calls, 32 at a time, the second half would otherwise be running when another worker
# takes its messages for lost.
CALL_LIMIT_S = 45.0
CALL_LIMIT = timedelta(seconds=CALL_LIMIT_S)
# Results that come within this time are written together: 30 instead of 15 per statement, which takes 8 ms either way.
GATHER_S = 0.015

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dispatched:
    """The result of one claim. `released` were given back untouched, `cancelled` must not be sent any more.

    `is_full`: there are probably more due. `again_at`: when more may be sent, if only the channels' limits were in the
    way.
    """

    claimed: int = 0
    sent: int = 0
    failed: int = 0
    retried: int = 0
    uncertain: int = 0
    dead: int = 0
    released: int = 0
    cancelled: int = 0
    is_full: bool = False
    again_at: datetime | None = None

    def counts(self) -> dict[str, int]:
        """Give the numbers by name."""
        return {name: number for name, number in asdict(self).items() if name not in {"is_full", "again_at"}}


@dataclass(slots=True)
class _Round:
    """The state of one claim while it is sent."""

    db: Database
    adapters: Adapters
    tenant_id: UUID
    owner: str
    claim: Claim
    watch: Watch
    is_stopping: Callable[[], bool]
    waiting: deque[Claimed] = field(default_factory=deque)
    done: asyncio.Queue[Ended | None] = field(default_factory=asyncio.Queue)
    counts: Counter[str] = field(default_factory=Counter)
    stopped: set[int] = field(default_factory=set)


async def dispatch_due(
    db: Database,
    adapters: Adapters,
    *,
    tenant_id: UUID,
    lane: Lane,
    owner: str,
    run_id: int | None = None,
    taken: Claim | None = None,
    most: int = MOST_CLAIMED,
    calls: int = MOST_CALLS,
    is_stopping: Callable[[], bool] = bool,
) -> Dispatched:
    """Send up to `most` due messages, `calls` at a time; `run_id` narrows it to one run.

    `taken` is a claim that was already made and committed; `is_stopping` says whether to give back what has not been
    begun. If this is cancelled, running calls become `uncertain` and the results are written first. Raises Unavailable
    if the log cannot be written: before the claim nothing was sent; after it, the leases of unwritten results end by
    themselves.
    """
    if taken is None:
        taken = await claim(
            db, adapters, tenant_id=tenant_id, lane=lane, run_id=run_id, owner=owner, most=most, now=clock.now()
        )
    is_full = len(taken.messages) + taken.cancelled == most
    if not taken.messages:
        return Dispatched(cancelled=taken.cancelled, is_full=is_full, again_at=taken.again_at)
    watch = Watch(taken.circuits)
    work = _Round(db, adapters, tenant_id, owner, taken, watch, is_stopping, deque(taken.messages))
    writer = asyncio.create_task(_write_results(work))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(calls, len(taken.messages))):
                group.create_task(_send_one_by_one(work))
    finally:
        for claimed in work.waiting:
            work.done.put_nowait(released(claimed, due_at=clock.now()))
        work.done.put_nowait(None)
        await asyncio.shield(writer)
    counts = work.counts
    return Dispatched(
        claimed=len(taken.messages),
        sent=counts[DeliveryStatus.SENT],
        failed=counts[DeliveryStatus.FAILED],
        retried=counts[DeliveryStatus.QUEUED],
        uncertain=counts[DeliveryStatus.UNCERTAIN],
        dead=counts[DeliveryStatus.DEAD],
        released=counts[RELEASED],
        cancelled=taken.cancelled,
        is_full=is_full,
        again_at=taken.again_at,
    )


async def _send_one_by_one(work: _Round) -> None:
    while work.waiting and not work.is_stopping():
        claimed = work.waiting.popleft()
        work.done.put_nowait(await _send(work, claimed))


def _not_now(work: _Round, claimed: Claimed) -> Ended | None:
    """Say why the provider must not be called for this message now, as far as can be told without asking anybody."""
    now = clock.now()
    if claimed.run_id in work.stopped:
        return released(claimed, due_at=now, why=ENDED)
    if claimed.expires_at is not None and claimed.expires_at <= now:
        return too_late(claimed)
    lease_until = work.claim.lease_until
    if lease_until is not None and now + CALL_LIMIT > lease_until:
        return released(claimed, due_at=now, why=LEASE_ENDS)
    until = work.watch.held_until(claimed.channel_id, now)
    if until is not None:
        return released(claimed, due_at=until, why=HELD_BACK)
    until = claimed.held_until(now)
    return None if until is None else released(claimed, due_at=until, why=ASLEEP)


async def _send(work: _Round, claimed: Claimed) -> Ended:
    not_now = _not_now(work, claimed)
    if not_now is not None:
        return not_now
    adapter = work.claim.adapters[claimed.channel_id]
    if isinstance(adapter, LeoError):
        return held(claimed, adapter, now=clock.now())
    try:
        template = work.claim.templates[claimed.template_id]
        message = compose(claimed, template, work.adapters.links, tenant_id=work.tenant_id)
        request = adapter.build(work.adapters.mark(message, tenant_id=work.tenant_id, channel_id=claimed.channel_id))
    except Unsupported as error:
        return refused(claimed, error, klass=error.klass)
    except InvalidInput as error:
        return refused(claimed, error)
    except Exception as error:
        # An adapter may come from another package: its bug costs this message, but no call of the others.
        log.exception("a message could not be written", extra={"channel": claimed.channel})
        return refused(claimed, LeoError(f"Writing the message raised {type(error).__name__}.", remedy=REMEDY))
    try:
        return _ended(work, claimed, adapter, await _traced(work, claimed, adapter, request))
    except asyncio.CancelledError:
        stopped = interrupted("stopped", "The worker had to stop while it waited for the provider.")
        work.done.put_nowait(_ended(work, claimed, adapter, stopped))
        raise


async def _traced(work: _Round, claimed: Claimed, adapter: Adapter, request: Request) -> Receipt:
    """Call the provider, in a span below the one that made the run, whoever sends the message, and when."""
    with (
        lines.about(run=claimed.run_id, decision=claimed.decision_id, delivery=claimed.delivery_id),
        tracing.span(
            "provider call",
            parent=claimed.traceparent,
            calls_out=True,
            tenant=str(work.tenant_id),
            run=claimed.run_id,
            decision=claimed.decision_id,
            delivery=claimed.delivery_id,
            channel=claimed.channel,
            attempt=claimed.attempt,
        ) as span,
    ):
        receipt = await _call(adapter, request)
        if span is not None:
            span.set_attribute("leo.status", receipt.status)
        return receipt


async def _call(adapter: Adapter, request: Request) -> Receipt:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(CALL_LIMIT_S):
            return adapter.parse(await adapter.send(request))
    except TimeoutError:
        return interrupted("timeout", f"The provider gave no answer within {CALL_LIMIT_S:g} s.")
    except Exception as error:
        # Adapters raise nothing here. If one does, perhaps from another package, it must not take the other calls down
        # with it.
        log.exception("an adapter failed", extra={"channel": adapter.channel})
        return interrupted("adapter_failed", f"The adapter raised {type(error).__name__}.")
    finally:
        count.provider_call(adapter.channel, time.perf_counter() - began)


def _ended(work: _Round, claimed: Claimed, adapter: Adapter, receipt: Receipt) -> Ended:
    now = clock.now()
    ended = of_receipt(
        claimed,
        receipt,
        deduplicates=adapter.deduplicates,
        now=now,
        jitter=random.random(),  # noqa: S311 - spreads retries, no secret
    )
    level = logging.DEBUG if ended.status is DeliveryStatus.SENT else logging.INFO
    extra = {"tenant": str(work.tenant_id), "run": claimed.run_id, "decision": claimed.decision_id}
    extra |= {"delivery": claimed.delivery_id, "channel": claimed.channel, "status": ended.status, "class": ended.klass}
    log.log(level, "message tried", extra=extra)
    if ended.heard is not None:
        work.watch.hear(claimed.channel_id, ended.heard, now)
    return ended


async def _write_results(work: _Round) -> None:
    """Write what came while the last group was written, so that a slow provider delays nobody else's result."""
    is_open, missing = True, len(work.claim.messages)
    while is_open:
        group = [await work.done.get()]
        if missing > 1:
            await asyncio.sleep(GATHER_S)
        while not work.done.empty():
            group.append(work.done.get_nowait())
        ended = [one for one in group if one is not None]
        is_open = len(ended) == len(group)
        missing -= len(ended)
        if ended:
            work.stopped |= await write(
                work.db,
                tenant_id=work.tenant_id,
                ended=ended,
                heard=_heard(work.watch, ended),
                owner=work.owner,
                now=clock.now(),
            )
            work.counts.update(RELEASED if one.receipt == RELEASED else one.status for one in ended)


def _heard(watch: Watch, ended: Sequence[Ended]) -> dict[int, list[Heard]]:
    """Collect what a group says about channels; a channel that always works need not be told so."""
    heard: dict[int, list[Heard]] = {}
    for one in ended:
        if one.heard is not None and watch.is_noted(one.claimed.channel_id):
            heard.setdefault(one.claimed.channel_id, []).append(one.heard)
    return heard
