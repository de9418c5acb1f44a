"""Reading decisions: what was decided for whom, and every reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from rules.errors import NotFound
from rules.verdicts import read
from rules.words import Action, Arbiter, Channel

_SQL = queries("decisions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision; each of `candidates` is a verdict as rules.verdicts writes it.

    Lists leave the last four fields empty.

    `archived_at` is when it was moved to the archive, None while it is live.
    """

    decision_id: int
    run_id: int
    campaign_id: int
    profile_id: int
    profile: str
    trigger_key: str
    snapshot_id: int | None
    event_id: int | None
    task_id: int | None
    template_id: int | None
    action: Action
    channel: Channel | None
    reason: str
    policy_version: int
    arbiter: Arbiter
    wait_until: datetime | None
    decided_at: datetime
    archived_at: datetime | None
    candidates: Sequence[Mapping[str, Any]] = ()
    inputs_hash: bytes = b""
    latency_us: int = 0
    deliveries: Sequence[Mapping[str, Any]] = ()


async def list_decisions(
    conn: Transaction,
    *,
    tenant_id: UUID,
    profile_id: int | None = None,
    campaign_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Decision]:
    """Give decisions, newest first, those before the decision `before`; of one person or campaign, if given."""
    values = {
        "tenant_id": tenant_id,
        "profile_id": profile_id,
        "campaign_id": campaign_id,
        "before": before,
        "limit": limit,
    }
    return [_decision(row) for row in await (await conn.execute(_SQL["page"], values)).fetchall()]


async def get_decision(conn: Transaction, *, tenant_id: UUID, decision_id: int) -> Decision:
    """Give a decision with its candidates and deliveries; raises NotFound."""
    values = {"tenant_id": tenant_id, "decision_id": decision_id}
    row = await (await conn.execute(_SQL["get"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no decision {decision_id}.", remedy="Check the id: GET /decisions lists them.")
    candidates = [verdict.to_document() for verdict in read(row["candidates"])]
    return _decision({**row, "candidates": candidates, "inputs_hash": bytes(row["inputs_hash"])})


def _decision(row: Mapping[str, Any]) -> Decision:
    words = {
        "action": Action(row["action"]),
        "arbiter": Arbiter(row["arbiter"]),
        "channel": None if row["channel"] is None else Channel(row["channel"]),
    }
    return Decision(**{**row, **words})
