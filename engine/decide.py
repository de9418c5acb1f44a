"""Think: one batch of a run decided in one transaction. All reading first, `rules.decide` for each person, one write.

Doing a batch twice changes nothing: a batch is locked while it is decided and closed with its decisions, a decision is
unique by run, profile and trigger, and a delivery is made only for a decision that is new.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from time import perf_counter_ns
from uuid import UUID

from engine.around import gather_all
from engine.budget import Purse, close_purse, open_purse
from engine.db import Transaction
from engine.frame import Frame, Standing, lock_frame
from engine.identity.twins import Twins, lock_twins
from engine.queries import queries
from engine.record import Made, Sheet, close, record
from engine.think.ask import UNASKED, Thought, wants_thought
from engine.think.recall import Choose, recall
from rules.decide import conclude, weigh
from rules.facts import Facts
from rules.identity import canonical
from rules.verdicts import Decision
from rules.words import Action, BatchStatus, Channel, Lane

_SQL = queries("decide")
# Deciding for 64 people takes about 5 ms: longer than that the loop's other work (provider calls) need not wait.
_BREATH = 64


class BatchState(StrEnum):
    """What became of a batch that was asked for."""

    DECIDED = "decided"
    HELD = "held"
    """Run or campaign is paused: it stays due."""
    CANCELLED = "cancelled"
    TAKEN = "taken"
    """It is done already, or another worker is deciding it."""
    UNTHOUGHT = "unthought"
    """A model is to choose, and nobody was asked yet: it stays due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What deciding a batch came to; only decisions that are new count.

    `reasons` counts "chosen" and the gates; `wake_ups` are the new batches for those who wait, each with its time;
    `missing` are people who are no longer there.
    """

    batch_id: int
    state: BatchState
    run_id: int | None = None
    lane: Lane | None = None
    made: tuple[Made, ...] = ()
    actions: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    deliveries: int = 0
    wake_ups: tuple[tuple[int, datetime], ...] = ()
    missing: int = 0


async def due_batches(conn: Transaction, *, lane: Lane, now: datetime, most: int) -> list[int]:
    """Give the tenant's first batches in a lane that are due and in nobody's hands."""
    found = await conn.execute(_SQL["due_batches"], {"lane": lane, "now": now, "most": most})
    return [row["batch_id"] for row in await found.fetchall()]


async def put_off(conn: Transaction, *, batch_id: int, until: datetime) -> None:
    """Let a batch that cannot be decided now be due later."""
    await conn.execute(_SQL["put_off"], {"batch_id": batch_id, "later": until})


async def decide_batch(
    conn: Transaction, *, tenant_id: UUID, batch_id: int, now: datetime, thought: Thought | None = UNASKED
) -> Decided:
    """Decide for everybody in the batch; `now` is aware. The caller's transaction is the batch's.

    `thought` is what asking models came to; None leaves a batch that wants it undecided (UNTHOUGHT), for who can ask.
    Raises InvalidInput where the campaign's policy cannot be read, Unavailable where it has to be tried again.
    """
    frame = await lock_frame(conn, batch_id)
    if frame is None:
        return Decided(batch_id=batch_id, state=BatchState.TAKEN)
    if frame.standing is Standing.HELD:
        return Decided(batch_id=batch_id, state=BatchState.HELD, run_id=frame.run_id, lane=frame.lane)
    if frame.standing is Standing.CANCELLED:
        await close(conn, frame, BatchStatus.CANCELLED, waiting=(), now=now)
        return Decided(batch_id=batch_id, state=BatchState.CANCELLED, run_id=frame.run_id, lane=frame.lane)
    if thought is None and wants_thought(frame):
        return Decided(batch_id=batch_id, state=BatchState.UNTHOUGHT, run_id=frame.run_id, lane=frame.lane)

    purse = await _open_purse(conn, frame, now)
    facts, reached = await _gather(conn, frame, now)
    choose = await recall(conn, frame, facts, now, thought or UNASKED)
    table = _Table(frame, tenant_id, now, reached, purse, choose)
    decisions, rows = await _decide_all(table, facts)
    made = await record(conn, frame, rows, now=now)
    new = {one.profile_id: decisions[one.profile_id] for one in made}
    if purse is not None:
        await _pay(conn, frame, purse, new.values())
    wake_ups = await close(
        conn,
        frame,
        BatchStatus.DONE,
        waiting=[(profile_id, one.wait_until) for profile_id, one in new.items() if one.wait_until is not None],
        now=now,
    )
    return Decided(
        batch_id=batch_id,
        state=BatchState.DECIDED,
        run_id=frame.run_id,
        lane=frame.lane,
        made=made,
        actions=Counter(str(one.action) for one in new.values()),
        reasons=Counter(str(one.reason) for one in new.values()),
        deliveries=sum(one.delivery_id is not None for one in made),
        wake_ups=wake_ups,
        missing=len(set(frame.profile_ids)) - len(facts),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """What deciding for one person after the other works with; what one uses up, the next finds less of."""

    frame: Frame
    tenant_id: UUID
    now: datetime
    reached: Twins
    purse: Purse | None
    choose: Choose


async def _open_purse(conn: Transaction, frame: Frame, now: datetime) -> Purse | None:
    """Before any person is locked: whoever has to wait for money holds nobody up meanwhile."""
    if frame.budget is None:
        return None
    return await open_purse(
        conn,
        campaign_id=frame.campaign.campaign_id,
        document=frame.budget,
        zone=frame.tenant_zone,
        now=now,
        people=len(frame.profile_ids),
        highest_cost=max((_cost(frame, channel) for channel in frame.channel_ids), default=0.0),
    )


async def _pay(conn: Transaction, frame: Frame, purse: Purse, new: Iterable[Decision]) -> None:
    """Pay for what is new alone: a batch that is decided again queues nothing, and costs nothing."""
    sent = [one.chosen.channel for one in new if one.action is Action.SEND and one.chosen is not None]
    amount = sum(_cost(frame, channel) for channel in sent if channel is not None)
    await close_purse(conn, purse, messages=len(sent), amount=amount)


def _cost(frame: Frame, channel: Channel) -> float:
    return frame.policy.costs.get(channel, 0.0)


async def _gather(conn: Transaction, frame: Frame, now: datetime) -> tuple[list[Facts], Twins]:
    """Read the facts, after the people and whoever may be the same person are locked.

    Without the lock two campaigns that decide at the same instant both find a free place under a frequency cap, and
    two batches of a run each write to one of two twins. Rows, not advisory locks: 500 of those times a dozen workers
    would fill PostgreSQL's shared lock table (6,400 by default), and a row lock costs 3 us. The facts are statements of
    their own, for their snapshot has to be taken with the locks in hand.
    """
    reached = await lock_twins(
        conn,
        profile_ids=frame.profile_ids,
        channels=frame.channel_ids.keys(),
        run_id=frame.run_id,
        campaign_id=frame.campaign.campaign_id,
        snapshot_id=frame.snapshot_id,
    )
    return await gather_all(conn, frame, profile_ids=frame.profile_ids, now=now), reached


async def _decide_all(table: _Table, everybody: Sequence[Facts]) -> tuple[dict[int, Decision], list[bytes]]:
    """Decide for each and give the rows to write; of twins the first is written to."""
    sheet = Sheet(table.frame, table.tenant_id, canonical(table.frame.campaign.to_document()))
    decisions: dict[int, Decision] = {}
    rows: list[bytes] = []
    for place, known in enumerate(everybody, start=1):
        started = perf_counter_ns()
        facts, decision, address = _decide(table, known)
        latency_us = (perf_counter_ns() - started) // 1000
        decisions[facts.profile_id] = decision
        rows.append(sheet.row(facts, decision, address=address, latency_us=latency_us))
        if place % _BREATH == 0:
            await asyncio.sleep(0)
    return decisions, rows


def _decide(table: _Table, known: Facts) -> tuple[Facts, Decision, str | None]:
    """Decide for one, and give where it goes."""
    frame, purse = table.frame, table.purse
    facts = table.reached.meet(known)
    if purse is not None:
        facts = replace(facts, budget=purse.budget)
    verdicts = weigh(facts, frame.candidates, frame.campaign, frame.policy, table.now)
    decision = conclude(verdicts, table.choose(facts, verdicts))
    chosen = decision.chosen
    if decision.action is Action.SEND and chosen is not None and chosen.channel is not None:
        address = address_of(facts, chosen.channel)
        table.reached.reach(facts, chosen.channel, address)
        if purse is not None:
            purse.spend(_cost(frame, chosen.channel))
        return facts, decision, address
    return facts, decision, None


def address_of(facts: Facts, channel: Channel) -> str:
    """Give the first valid address on the channel that is not suppressed; the gates made sure that there is one."""
    suppressed = {s.address for s in facts.suppressions if s.channel in {None, channel}}
    return next(a.value for a in facts.addresses if a.channel is channel and a.valid and a.value not in suppressed)
