"""Think: one batch of a run decided in one transaction. All reading first, `rules.decide` for each person, one write.

Doing a batch twice changes nothing: a batch is locked while it is decided and closed with its decisions, a decision is
unique by run, profile and trigger, and a delivery is made only for a decision that is new.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from engine.around import gather_all
from engine.db import Transaction
from engine.frame import Frame, Standing, lock_frame
from engine.identity.twins import Twins, lock_twins
from engine.queries import queries
from engine.record import Made, Sheet, Waiting, close, record
from engine.table import Table, pay, purse_of
from engine.think.ask import UNASKED, Thought, wants_thought
from engine.think.recall import recall
from rules.facts import Facts
from rules.identity import canonical
from rules.words import BatchStatus, Lane

_SQL = queries("decide")


class BatchState(StrEnum):
    """What became of a batch that was to be decided."""

    DECIDED = "decided"
    HELD = "held"
    """Its run or campaign is paused: it stays due."""
    CANCELLED = "cancelled"
    TAKEN = "taken"
    """It is already done, or another worker is deciding it."""
    UNTHOUGHT = "unthought"
    """A model is to choose, and none has been asked yet: it stays due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The result of deciding a batch; only decisions that are new count.

    `reasons` counts "chosen" and the gates; `wake_ups` are the new batches for people who wait, each with its time;
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
    """Give the tenant's first batches in a lane that are due and that nobody is working on."""
    found = await conn.execute(_SQL["due_batches"], {"lane": lane, "now": now, "most": most})
    return [row["batch_id"] for row in await found.fetchall()]


async def put_off(conn: Transaction, *, batch_id: int, until: datetime) -> None:
    """Make a batch that cannot be decided now due later."""
    await conn.execute(_SQL["put_off"], {"batch_id": batch_id, "later": until})


async def decide_batch(
    conn: Transaction,
    *,
    tenant_id: UUID,
    batch_id: int,
    now: datetime,
    thought: Thought | None = UNASKED,
    most: int | None = None,
) -> Decided:
    """Decide for everybody in the batch; `now` is aware. The caller's transaction is the batch's.

    Beyond `most` people the rest become a batch of their own, due when this one was. `thought` is the result of asking
    models; with None, a batch that needs one stays undecided (UNTHOUGHT), for a caller that can ask.

    Raises InvalidInput if the campaign's policy cannot be read, Unavailable if it has to be tried again.
    """
    frame = await lock_frame(conn, batch_id)
    if frame is None:
        return Decided(batch_id=batch_id, state=BatchState.TAKEN)
    state = _undecided(frame, thought)
    if state is BatchState.CANCELLED:
        await close(
            conn, frame, BatchStatus.CANCELLED, batch_ids=[batch_id], run_ids=[frame.run_id], waiting=(), now=now
        )
    if state is not None:
        return Decided(batch_id=batch_id, state=state, run_id=frame.run_id, lane=frame.lane)
    if most is not None and len(frame.profile_ids) > most:
        await conn.execute(_SQL["part"], {"batch_id": batch_id, "most": most})
        frame = replace(frame, profile_ids=frame.profile_ids[:most])
    return await _decide(conn, frame, tenant_id=tenant_id, now=now, thought=thought or UNASKED)


def _undecided(frame: Frame, thought: Thought | None) -> BatchState | None:
    """Say why the batch is not decided now; None if it is."""
    if frame.standing is Standing.HELD:
        return BatchState.HELD
    if frame.standing is Standing.CANCELLED:
        return BatchState.CANCELLED
    return BatchState.UNTHOUGHT if thought is None and wants_thought(frame) else None


async def _decide(conn: Transaction, frame: Frame, *, tenant_id: UUID, now: datetime, thought: Thought) -> Decided:
    purse = await purse_of(conn, frame, now)
    facts, reached = await _gather(conn, frame, now)
    choose = await recall(conn, frame, facts, now, thought)
    sheet = Sheet(frame, tenant_id, canonical(frame.campaign.to_document()))
    decisions, rows = await Table(frame, now, reached, purse, choose).decide_all(facts, lambda _: sheet)
    made = await record(conn, frame, rows, now=now)
    new = {one.profile_id: decisions[one.profile_id] for one in made}
    await pay(conn, frame, purse, new.values())
    waiting = [
        Waiting(frame.run_id, profile_id, one.wait_until)
        for profile_id, one in new.items()
        if one.wait_until is not None
    ]
    wake_ups = await close(
        conn, frame, BatchStatus.DONE, batch_ids=[frame.batch_id], run_ids=[frame.run_id], waiting=waiting, now=now
    )
    return Decided(
        batch_id=frame.batch_id,
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


async def _gather(conn: Transaction, frame: Frame, now: datetime) -> tuple[list[Facts], Twins]:
    """Read the facts, after locking the people and whoever may be the same person.

    Without the lock, two campaigns that decide at the same instant would both find room under a frequency cap, and two
    batches of a run could each write to one of two twins. It locks rows and takes no advisory locks: 500 of those times
    a dozen workers would fill PostgreSQL's shared lock table (6,400 by default), and a row lock costs 3 us. The facts
    are read by statements of their own, because their snapshot has to be taken while the locks are held.
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
