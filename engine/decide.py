"""Think: one batch of a run decided in one transaction. All reading first, `rules.decide` for each person, one write.

Doing a batch twice changes nothing: a batch is locked while it is decided and closed with its decisions, a decision is
unique by run, profile and trigger, and a delivery is made only for a decision that is new.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from time import perf_counter_ns
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.facts import gather
from engine.frame import Frame, Standing, lock_frame
from engine.identity.twins import Twins, lock_twins
from engine.queries import queries
from rules.decide import decide
from rules.facts import Facts
from rules.identity import canonical, delivery_event_id, written_hash
from rules.verdicts import Decision
from rules.words import Action, BatchStatus, Channel, Lane

_SQL = queries("decide")
_MINUTE = timedelta(minutes=1)
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


@dataclass(frozen=True, slots=True)
class Made:
    """One decision that is new."""

    decision_id: int
    profile_id: int
    delivery_id: int | None


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


async def decide_batch(conn: Transaction, *, tenant_id: UUID, batch_id: int, now: datetime) -> Decided:
    """Decide for everybody in the batch; `now` is aware. The caller's transaction is the batch's.

    Raises InvalidInput where the campaign's policy cannot be read.
    """
    frame = await lock_frame(conn, batch_id)
    if frame is None:
        return Decided(batch_id=batch_id, state=BatchState.TAKEN)
    if frame.standing is Standing.HELD:
        return Decided(batch_id=batch_id, state=BatchState.HELD, run_id=frame.run_id, lane=frame.lane)
    if frame.standing is Standing.CANCELLED:
        await _close(conn, frame, BatchStatus.CANCELLED, waiting=(), now=now)
        return Decided(batch_id=batch_id, state=BatchState.CANCELLED, run_id=frame.run_id, lane=frame.lane)

    facts, reached = await _gather(conn, frame, now)
    decisions, rows = await _decide_all(frame, facts, reached, tenant_id=tenant_id, now=now)
    made = await _write(conn, frame, rows, now=now)
    new = {one.profile_id: decisions[one.profile_id] for one in made}
    wake_ups = await _close(
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
    facts = await gather(
        conn,
        profile_ids=frame.profile_ids,
        purpose=frame.campaign.purpose,
        now=now,
        zone=frame.zone,
        locale=frame.locale,
        contacts_window=frame.policy.longest_window,
    )
    return facts, reached


async def _decide_all(
    frame: Frame, everybody: Sequence[Facts], reached: Twins, *, tenant_id: UUID, now: datetime
) -> tuple[dict[int, Decision], bytes]:
    """Decide for each and give the rows to write, as one JSON array; of twins the first is written to."""
    campaign = canonical(frame.campaign.to_document())
    decisions: dict[int, Decision] = {}
    rows: list[bytes] = []
    for place, known in enumerate(everybody, start=1):
        started = perf_counter_ns()
        facts = reached.meet(known)
        decision = decide(facts, frame.candidates, frame.campaign, frame.policy, now)
        latency_us = (perf_counter_ns() - started) // 1000
        decisions[facts.profile_id] = decision
        if decision.chosen is not None and decision.chosen.channel is not None and decision.action is Action.SEND:
            reached.reach(facts, decision.chosen.channel, _address(facts, decision.chosen.channel))
        rows.append(_row(frame, facts, decision, campaign=campaign, tenant_id=tenant_id, latency_us=latency_us))
        if place % _BREATH == 0:
            await asyncio.sleep(0)
    return decisions, b"[" + b",".join(rows) + b"]"


def _row(frame: Frame, facts: Facts, decision: Decision, *, campaign: bytes, tenant_id: UUID, latency_us: int) -> bytes:
    """Write one row; the inputs are written once, and hashed as they are written."""
    inputs = b'{"campaign":%b,"facts":%b}' % (campaign, canonical(facts.to_document()))
    row: dict[str, Any] = {
        "profile_id": facts.profile_id,
        "action": decision.action,
        "reason": decision.reason,
        "candidates": [verdict.to_document() for verdict in decision.verdicts],
        "inputs_hash": written_hash(inputs, frame.salt).hex(),
        "arbiter": decision.arbiter,
        "latency_us": latency_us,
    }
    if decision.wait_until is not None:
        row["wait_until"] = decision.wait_until.isoformat()
    if decision.action is Action.SEND:
        row |= _delivery(frame, facts, decision, tenant_id)
    return b'%b,"inputs":%b}' % (json.dumps(row, ensure_ascii=False, allow_nan=False).encode()[:-1], inputs)


def _delivery(frame: Frame, facts: Facts, decision: Decision, tenant_id: UUID) -> dict[str, Any]:
    chosen = decision.chosen
    if chosen is None or chosen.channel is None or chosen.template_version is None:
        raise ValueError(f"the decision for profile {facts.profile_id} sends, and chose no template")
    event_id = delivery_event_id(
        tenant_id, frame.run_id, facts.profile_id, chosen.channel, chosen.template_version, frame.trigger_key
    )
    return {
        "channel": chosen.channel,
        "template_id": chosen.template_id,
        "delivery_event": event_id.hex(),
        "channel_id": frame.channel_ids[chosen.channel],
        "address": _address(facts, chosen.channel),
    }


def _address(facts: Facts, channel: Channel) -> str:
    """Give the first valid address on the channel that is not suppressed; the gates made sure that there is one."""
    suppressed = {s.address for s in facts.suppressions if s.channel in {None, channel}}
    return next(a.value for a in facts.addresses if a.channel is channel and a.valid and a.value not in suppressed)


async def _write(conn: Transaction, frame: Frame, rows: bytes, *, now: datetime) -> tuple[Made, ...]:
    parameters = {
        "rows": Jsonb(rows, dumps=bytes),
        "run_id": frame.run_id,
        "campaign_id": frame.campaign.campaign_id,
        "trigger_key": frame.trigger_key,
        "snapshot_id": frame.snapshot_id,
        "event_id": frame.event_id,
        "policy_id": frame.policy_id,
        "policy_version": frame.policy.version,
        "lane": frame.lane,
        "expires_at": frame.campaign.ends_at,
        "now": now,
    }
    written = await (await conn.execute(_SQL["write"], parameters)).fetchall()
    return tuple(Made(row["decision_id"], row["profile_id"], row["delivery_id"]) for row in written)


async def _close(
    conn: Transaction,
    frame: Frame,
    status: BatchStatus,
    *,
    waiting: Sequence[tuple[int, datetime]],
    now: datetime,
) -> tuple[tuple[int, datetime], ...]:
    """End the batch, plan the wake-ups of those who wait, and end the run where this was its last batch."""
    parameters: dict[str, Any] = {
        "batch_id": frame.batch_id,
        "run_id": frame.run_id,
        "campaign_id": frame.campaign.campaign_id,
        "snapshot_id": frame.snapshot_id,
        "lane": frame.lane,
        "status": status,
        "now": now,
    }
    await conn.execute(_SQL["close_batch"], parameters)
    wake_ups: tuple[tuple[int, datetime], ...] = ()
    if waiting:
        planned = await conn.execute(_SQL["wake_up"], {**parameters, "batches": Jsonb(_by_minute(waiting))})
        wake_ups = tuple((row["batch_id"], row["due_at"]) for row in await planned.fetchall())
    await conn.execute(_SQL["close_run"], parameters)
    return wake_ups


def _by_minute(waiting: Sequence[tuple[int, datetime]]) -> list[dict[str, Any]]:
    """Group people by the minute they wait for, rounded up: nobody is asked for too early."""
    groups: defaultdict[datetime, list[int]] = defaultdict(list)
    for profile_id, until in waiting:
        instant = until.astimezone(UTC)
        whole = instant.replace(second=0, microsecond=0)
        groups[whole if whole == instant else whole + _MINUTE].append(profile_id)
    return [{"due_at": due_at.isoformat(), "profile_ids": sorted(ids)} for due_at, ids in sorted(groups.items())]
