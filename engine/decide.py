"""Think: from a batch of people to decisions and deliveries, in one transaction.

Read everything, decide purely, write once. A batch that was decided is never decided again, and a decision that is
there already gives no second delivery, so a job may run as often as it likes.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Database, Transaction
from engine.facts import Frame, facts_of, frame
from engine.queries import queries
from rules.decide import decide
from rules.facts import Facts
from rules.identity import delivery_event_id, inputs_hash
from rules.verdicts import Decision
from rules.words import Action, Arbiter, Channel

_SQL = queries("decide")


@dataclass(frozen=True, slots=True)
class Decided:
    """What one batch came to; `profiles` is 0 where another worker has it or it was done before."""

    profiles: int = 0
    deliveries: int = 0
    actions: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)


async def decide_batch(db: Database, *, tenant_id: UUID, batch_id: int, now: datetime) -> Decided:
    """Decide for everybody in a batch at the instant `now`; it is done afterwards, or untouched on any error."""
    async with db.transaction(tenant_id) as connection:
        batch = await (await connection.execute(_SQL["take_batch"], {"batch_id": batch_id})).fetchone()
        if batch is None:
            return Decided()
        decided = await _decide(connection, tenant_id, batch, now)
        await connection.execute(_SQL["close_batch"], {"batch_id": batch_id})
    async with db.transaction(tenant_id) as connection:
        await connection.execute(_SQL["finish_run"], {"run_id": batch["run_id"]})
    return decided


async def _decide(connection: Transaction, tenant_id: UUID, batch: Mapping[str, Any], now: datetime) -> Decided:
    batch_id = batch["batch_id"]
    await connection.execute(_SQL["lock_profiles"], {"batch_id": batch_id})
    setting = await frame(connection, batch["campaign_id"])
    people = await facts_of(connection, batch_id, policy=setting.policy, now=now)
    began = time.perf_counter_ns()
    made = [(person, decide(person, setting.candidates, setting.campaign, setting.policy, now)) for person in people]
    latency_us = (time.perf_counter_ns() - began) // (1000 * max(1, len(people)))
    trigger = _trigger_key(batch)
    rows = [_row(tenant_id, batch, setting, trigger, now, person, decision) for person, decision in made]
    written = await connection.execute(
        _SQL["record"],
        {
            "rows": Jsonb([row | {"latency_us": latency_us} for row in rows]),
            "run_id": batch["run_id"],
            "campaign_id": batch["campaign_id"],
            "snapshot_id": batch["snapshot_id"],
            "event_id": batch["event_id"],
            "trigger_key": trigger,
            "policy_id": setting.policy_id,
            "policy_version": setting.policy.version,
            "arbiter": Arbiter.SCORE,
            "lane": batch["lane"],
            "expires_at": setting.campaign.ends_at,
            "now": now,
        },
    )
    counts = await written.fetchone() or {"deliveries": 0, "profile_ids": []}
    new = set(counts["profile_ids"])
    fresh = [(person, decision) for person, decision in made if person.profile_id in new]
    await _wake_up(connection, batch["run_id"], fresh)
    return Decided(
        profiles=len(fresh),
        deliveries=counts["deliveries"],
        actions=Counter(str(decision.action) for _, decision in fresh),
        reasons=Counter(str(decision.reason) for _, decision in fresh),
    )


def _trigger_key(batch: Mapping[str, Any]) -> str:
    subject = batch["snapshot_id"] if batch["kind"] == "snapshot" else batch["event_id"]
    return f"{batch['kind']}:{subject if subject is not None else batch['run_id']}"


def _row(
    tenant_id: UUID,
    batch: Mapping[str, Any],
    setting: Frame,
    trigger: str,
    now: datetime,
    person: Facts,
    decision: Decision,
) -> dict[str, Any]:
    inputs = {"facts": person.to_document(), "campaign": setting.campaign.to_document(), "now": now.isoformat()}
    row: dict[str, Any] = {
        "profile_id": person.profile_id,
        "action": decision.action,
        "reason": decision.reason,
        "candidates": [verdict.to_document() for verdict in decision.verdicts],
        "inputs": inputs,
        "inputs_hash": inputs_hash(inputs, setting.inputs_salt).hex(),
        "wait_until": None if decision.wait_until is None else decision.wait_until.isoformat(),
    }
    chosen = decision.chosen
    if decision.action is not Action.SEND or chosen is None or chosen.channel is None or chosen.template_id is None:
        return row
    channel, template_id = chosen.channel, chosen.template_id
    key = delivery_event_id(
        tenant_id, batch["run_id"], person.profile_id, channel, chosen.template_version or 0, f"{template_id}:{trigger}"
    )
    return row | {
        "channel": channel,
        "channel_id": setting.channel_ids[template_id],
        "template_id": template_id,
        "address": _address(person, channel),
        "delivery_key": key.hex(),
    }


def _address(person: Facts, channel: Channel) -> str:
    """Give the first valid address that is not suppressed; the gates made sure that there is one."""
    suppressed = {s.address for s in person.suppressions if s.channel in {None, channel}}
    return next(a.value for a in person.addresses if a.channel == channel and a.valid and a.value not in suppressed)


async def _wake_up(connection: Transaction, run_id: int, made: Sequence[tuple[Facts, Decision]]) -> None:
    waits = [
        {"profile_id": person.profile_id, "wait_until": decision.wait_until.isoformat()}
        for person, decision in made
        if decision.wait_until is not None
    ]
    if waits:
        await connection.execute(_SQL["wake_up"], {"waits": Jsonb(waits), "run_id": run_id})
