"""Claiming: due messages are assigned to one worker, with everything needed to render and send them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from channels.contract import Adapter
from engine import tracing
from engine.db import Database, Transaction
from engine.dispatch.adapters import Adapters
from engine.dispatch.gates import Gates, open_gates, take, taken_by
from engine.queries import queries
from engine.templates import Reader, Version, context_of, reader_from, version_of
from rules.circuit import Circuit
from rules.consent import is_advertising
from rules.errors import InvalidInput, LeoError
from rules.gates import held_until
from rules.policy import Policy
from rules.words import Channel, DeliveryStatus, Lane

LEASE = timedelta(seconds=60)
# Approved templates and versions of policies never change, so what was read once stays valid.
MOST_TEMPLATES, MOST_POLICIES = 4096, 1024
DEFAULT = Policy.parse({})

_SQL = queries("dispatch")
_templates: dict[tuple[UUID, int], Version] = {}
_policies: dict[tuple[UUID, int], Policy] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """One claimed message, to go through `channel_id`; `context` is what its template may read.

    `attempt` counts from 1; `setbacks`: earlier attempts that count against it. `has_stand_in`: another provider could
    send it. `policy` is the one in force, `zone` the person's.
    """

    delivery_id: int
    decision_id: int
    run_id: int
    attempt: int
    setbacks: int
    event_id: str
    channel: Channel
    channel_id: int
    template_id: int
    address: str
    profile_id: int
    profile_name: str | None
    expires_at: datetime | None
    resend: bool
    has_stand_in: bool
    context: Mapping[str, Any]
    reader: Reader
    is_advertising: bool
    policy: Policy
    zone: str
    purpose: str
    traceparent: str | None = None

    def held_until(self, now: datetime) -> datetime | None:
        """Give when it may leave, by its policy's hours in the person's zone; None if it may leave now."""
        return held_until(self.policy, zone=self.zone, channel=self.channel, purpose=self.purpose, now=now)


@dataclass(frozen=True, slots=True)
class Claim:
    """What was claimed at once, with its templates and adapters by id, and what is known about the channels.

    It is ours until `lease_until`. `cancelled` counts due messages that must not be sent any more. `again_at`: when
    more may be claimed, if only the channels' limits were in the way.
    """

    messages: tuple[Claimed, ...] = ()
    templates: Mapping[int, Version] = field(default_factory=dict)
    adapters: Mapping[int, Adapter | LeoError] = field(default_factory=dict)
    circuits: Mapping[int, Circuit] = field(default_factory=dict)
    again_at: datetime | None = None
    lease_until: datetime | None = None
    cancelled: int = 0


async def claim(
    db: Database,
    adapters: Adapters,
    *,
    tenant_id: UUID,
    lane: Lane,
    run_id: int | None,
    owner: str,
    most: int,
    now: datetime,
) -> Claim:
    """Claim up to `most` messages that are due, of one run or of a lane; when this returns it is committed."""
    with tracing.span("claim", tenant=str(tenant_id), lane=lane):
        async with db.transaction(tenant_id) as conn:
            return await claim_within(
                conn, adapters, tenant_id=tenant_id, lane=lane, run_id=run_id, owner=owner, most=most, now=now
            )


async def claim_within(
    conn: Transaction,
    adapters: Adapters,
    *,
    tenant_id: UUID,
    lane: Lane,
    owner: str,
    most: int,
    now: datetime,
    run_id: int | None = None,
    delivery_ids: Sequence[int] | None = None,
) -> Claim:
    """Claim in the caller's transaction, such as the one that queues; nothing may be called before it commits.

    `delivery_ids` narrows it to these.
    """
    which = _SQL["which_lane"] if run_id is None else _SQL["which_run"]
    if delivery_ids is not None:
        which = _SQL["which_these"]
    gates = await open_gates(conn, lane=lane, now=now, most=most)
    lease_until = now + LEASE
    parameters = {
        "open": Jsonb([opening.to_row() for opening in gates.openings if opening.most > 0]),
        "lane": lane,
        "run_id": run_id,
        "delivery_ids": None if delivery_ids is None else list(delivery_ids),
        "owner": owner,
        "lease_until": lease_until,
        "most": most,
        "now": now,
        "traced": tracing.is_on(),
    }
    statement = _SQL["claim"].replace("{which}", which).replace("{refusal}", _SQL["refusal"])
    rows = await (await conn.execute(statement, parameters)).fetchall()
    rows_taken = [row for row in rows if row["status"] == DeliveryStatus.SENDING]
    policies = await _load_policies(conn, tenant_id, {row["policy_id"] for row in rows_taken} - {None})
    messages = tuple(_claimed(row, gates, policies.get(row["policy_id"], DEFAULT), now) for row in rows_taken)
    cancelled = len(rows) - len(messages)
    if not messages:
        return Claim(again_at=gates.again_at({}), cancelled=cancelled)
    taken = taken_by([message.channel_id for message in messages])
    await take(conn, gates, taken)
    return Claim(
        messages,
        await _load_templates(conn, tenant_id, sorted({message.template_id for message in messages})),
        await adapters.load(conn, tenant_id=tenant_id, channel_ids=sorted(taken)),
        gates.circuits,
        gates.again_at(taken),
        lease_until,
        cancelled,
    )


def _claimed(row: DictRow, gates: Gates, policy: Policy, now: datetime) -> Claimed:
    return Claimed(
        delivery_id=row["delivery_id"],
        decision_id=row["decision_id"],
        run_id=row["run_id"],
        traceparent=row["traceparent"],
        attempt=row["attempts"],
        setbacks=row["setbacks"],
        event_id=bytes(row["event_id"]).hex(),
        channel=Channel(row["channel"]),
        channel_id=row["channel_id"],
        template_id=row["template_id"],
        address=row["address"],
        profile_id=row["profile_id"],
        profile_name=row["name"],
        expires_at=row["expires_at"],
        resend=row["resend"],
        has_stand_in=gates.has_stand_in(row["channel_id"]),
        context=context_of(row),
        reader=reader_from(row, now=now),
        is_advertising=is_advertising(row["basis"]),
        policy=policy,
        zone=row["own_zone"] or policy.document.get("zone") or row["tenant_zone"],
        purpose=row["purpose"],
    )


async def _load_policies(conn: Transaction, tenant_id: UUID, policy_ids: Collection[int]) -> Mapping[int, Policy]:
    # Taken at once: while the others are read, another claim may have all of them forgotten.
    found = {one: _policies[tenant_id, one] for one in policy_ids if (tenant_id, one) in _policies}
    missing = [one for one in policy_ids if one not in found]
    if missing:
        if len(_policies) + len(missing) > MOST_POLICIES:
            _policies.clear()
        rows = await (await conn.execute(_SQL["policies"], {"policy_ids": missing})).fetchall()
        read = {row["policy_id"]: _policy(row) for row in rows}
        _policies.update({(tenant_id, one): policy for one, policy in read.items()})
        found |= read
    return found


def _policy(row: DictRow) -> Policy:
    """Read a policy. If it cannot be read, nothing is decided under it, and the default policy's hours apply."""
    try:
        return Policy.parse(row["document"], version=row["version"])
    except InvalidInput:
        return DEFAULT


async def _load_templates(conn: Transaction, tenant_id: UUID, template_ids: Sequence[int]) -> dict[int, Version]:
    found = {one: _templates[tenant_id, one] for one in template_ids if (tenant_id, one) in _templates}
    missing = [one for one in template_ids if one not in found]
    if missing:
        if len(_templates) + len(missing) > MOST_TEMPLATES:
            _templates.clear()
        rows = await conn.execute(_SQL["templates"], {"template_ids": missing})
        read = {row["template_id"]: version_of(row) for row in await rows.fetchall()}
        _templates.update({(tenant_id, one): version for one, version in read.items()})
        found |= read
    return found
