"""Decide and act for one person now: a run of one person, decided and sent before the answer is given."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from uuid import UUID

from engine import clock, idempotency
from engine.db import Database, Transaction
from engine.decide import BatchState, Decided, decide_batch
from engine.dispatch import Adapters, dispatch_due
from engine.idempotency import Reserved
from engine.queries import queries
from engine.think.ask import UNASKED, think
from engine.think.gateway import Gateway
from rules.errors import Conflict, InvalidInput, NotFound
from rules.words import Action, DeliveryStatus, Lane

_SQL = queries("activate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """The decision for one person and its result.

    `status` is the delivery's, None if nothing is sent; `due_at` says when it is tried again while it is `queued`.
    """

    decision_id: int
    run_id: int
    profile_id: int
    action: Action
    reason: str
    wait_until: datetime | None
    channel: str | None
    template: str | None
    template_version: int | None
    delivery_id: int | None
    status: DeliveryStatus | None
    attempts: int
    provider_id: str | None
    code: str | None
    klass: str | None
    due_at: datetime | None
    elapsed_ms: float


async def activate_profile(
    db: Database,
    adapters: Adapters,
    *,
    tenant_id: UUID,
    campaign_id: int,
    ext_id: str | None = None,
    profile_id: int | None = None,
    gateway: Gateway | None = None,
    reserved: Reserved | None = None,
) -> Activated:
    """Decide for one person, named by either key, and send the result at once.

    If the policy wants a model, `gateway` is asked; without a gateway the score chooses, and the decision says so.
    `reserved` is the key that came with the request: the run is noted with it, and a run that the key has begun before
    is continued, so that a request that was interrupted anywhere sends once, however often it is repeated.

    Raises NotFound for an unknown person or campaign, Conflict for a campaign that is not active, InvalidInput if none
    or both keys are given. A message that cannot leave now stays queued for the realtime lane.
    """
    started = perf_counter()
    if (ext_id is None) == (profile_id is None):
        raise InvalidInput("Name the profile once.", remedy="Give either ext_id or profile_id.")
    async with db.transaction(tenant_id) as conn:
        person, run_id, batch_id = await _begun(conn, reserved) or await _begin(
            conn,
            reserved,
            campaign_id=campaign_id,
            profile_id=await _profile(conn, ext_id=ext_id, profile_id=profile_id),
        )
        thought = UNASKED if gateway is None else None
        decided = await decide_batch(conn, tenant_id=tenant_id, batch_id=batch_id, now=clock.now(), thought=thought)
    if gateway is not None and decided.state is BatchState.UNTHOUGHT:
        decided = await _think(db, gateway, tenant_id=tenant_id, batch_id=batch_id)
    if not decided.made or decided.made[0].delivery_id is not None:
        await dispatch_due(db, adapters, tenant_id=tenant_id, lane=Lane.REALTIME, run_id=run_id, owner=_owner(), most=1)
    async with db.transaction(tenant_id) as conn:
        return await _result(conn, run_id=run_id, profile_id=person, started=started)


async def _think(db: Database, gateway: Gateway, *, tenant_id: UUID, batch_id: int) -> Decided:
    """Ask a model, then decide. A worker that found the batch in the meantime may have decided already (TAKEN)."""
    thought = await think(db, gateway, tenant_id=tenant_id, batch_id=batch_id, clock=clock.now)
    async with db.transaction(tenant_id) as conn:
        return await decide_batch(conn, tenant_id=tenant_id, batch_id=batch_id, now=clock.now(), thought=thought)


async def _profile(conn: Transaction, *, ext_id: str | None, profile_id: int | None) -> int:
    found = await conn.execute(_SQL["profile"], {"ext_id": ext_id, "profile_id": profile_id})
    row = await found.fetchone()
    if row is None:
        name = ext_id if ext_id is not None else profile_id
        raise NotFound(
            f"There is no profile {name} in this tenant.", remedy="Send the profile first, or check its key."
        )
    return int(row["profile_id"])


async def _begun(conn: Transaction, reserved: Reserved | None) -> tuple[int, int, int] | None:
    """Give person, run and batch of what the request has already begun."""
    if reserved is None or reserved.run_id is None:
        return None
    row = await (await conn.execute(_SQL["begun"], {"run_id": reserved.run_id})).fetchone()
    return None if row is None else (row["profile_id"], reserved.run_id, row["batch_id"])


async def _begin(
    conn: Transaction, reserved: Reserved | None, *, campaign_id: int, profile_id: int
) -> tuple[int, int, int]:
    begun = await conn.execute(_SQL["begin"], {"campaign_id": campaign_id, "profile_id": profile_id})
    row = await begun.fetchone()
    if row is not None:
        if reserved is not None:
            await idempotency.begin(conn, reserved, run_id=row["run_id"])
        return profile_id, row["run_id"], row["batch_id"]
    campaign = await (await conn.execute(_SQL["campaign"], {"campaign_id": campaign_id})).fetchone()
    if campaign is None:
        raise NotFound(f"There is no campaign {campaign_id} in this tenant.", remedy="Check the id of the campaign.")
    raise Conflict(f"Campaign {campaign_id} is {campaign['status']}.", remedy="Activate the campaign first.")


async def _result(conn: Transaction, *, run_id: int, profile_id: int, started: float) -> Activated:
    row = await (await conn.execute(_SQL["result"], {"run_id": run_id})).fetchone()
    if row is None:
        raise NotFound(
            f"Run {run_id} has no decision.", remedy="Ask again: its campaign was paused, or its tenant removed."
        )
    return Activated(
        decision_id=row["decision_id"],
        run_id=row["run_id"],
        profile_id=profile_id,
        action=Action(row["action"]),
        reason=row["reason"],
        wait_until=row["wait_until"],
        channel=row["channel"],
        template=row["template"],
        template_version=row["template_version"],
        delivery_id=row["delivery_id"],
        status=None if row["status"] is None else DeliveryStatus(row["status"]),
        attempts=row["attempts"] or 0,
        provider_id=row["provider_id"],
        code=row["code"],
        klass=row["class"],
        due_at=row["due_at"] if row["status"] == DeliveryStatus.QUEUED else None,
        elapsed_ms=round((perf_counter() - started) * 1000, 1),
    )


def _owner() -> str:
    """Name this process as the holder of a lease. It has no heartbeat, so it is believed until the lease ends."""
    return f"request@{socket.gethostname()}:{os.getpid()}"
