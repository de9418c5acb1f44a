"""The frame of a batch: what holds for all its people, and whether it may be decided now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from engine.db import Transaction
from engine.queries import queries
from rules.facts import Campaign, Candidate, Template, candidates
from rules.policy import Policy
from rules.words import CampaignStatus, Channel, Lane, RunKind, RunStatus

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Standing(StrEnum):
    """Whether a batch may be decided."""

    OPEN = "open"
    HELD = "held"
    """Its run or campaign is paused, or its campaign has not been started: it waits."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """`channel_ids` says which channel each kind goes through; `event_id` is what first asked, if an event did.

    `zone` is where people are of whom it is not known, `tenant_zone` whose days a budget counts. `has_rivals`: there
    are active campaigns of higher priority. `people` counts those of the whole run where that was forecast.
    `is_fallback`: the message of an earlier run failed for these people. `good_for`: None is what is usual in the lane.
    """

    tenant_id: UUID
    batch_id: int
    run_id: int
    lane: Lane
    profile_ids: tuple[int, ...]
    standing: Standing
    trigger_key: str
    snapshot_id: int | None
    event_id: int | None
    campaign: Campaign
    policy: Policy
    policy_id: int | None
    candidates: tuple[Candidate, ...]
    channel_ids: Mapping[Channel, int]
    zone: str
    tenant_zone: str
    locale: str
    salt: bytes
    graph: str | None = None
    budget: Mapping[str, Any] | None = None
    has_rivals: bool = False
    people: int = 0
    started_at: datetime = _LONG_AGO
    is_fallback: bool = False
    good_for: timedelta | None = None


async def lock_frame(conn: Transaction, batch_id: int) -> Frame | None:
    """Lock the batch until the transaction ends and read its frame; None where it is done or in other hands.

    Raises InvalidInput where the stored policy cannot be read.
    """
    row = await (await conn.execute(queries("decide")["frame"], {"batch_id": batch_id})).fetchone()
    return None if row is None else frame_of(row)


def frame_of(row: DictRow) -> Frame:
    """Read a row of query frame; raises InvalidInput where the stored policy cannot be read."""
    policy = Policy.parse(row["policy"] or {}, version=row["policy_version"] or 0)
    templates: list[Template] = []
    channel_ids: dict[Channel, int] = {}
    for channel, template_id, key, version, channel_id, *topics in row["templates"] or ():
        templates.append((Channel(channel), template_id, key, version, tuple(topics[0] if topics else ())))
        channel_ids.setdefault(Channel(channel), channel_id)
    minutes = row.get("good_for_minutes")
    return Frame(
        tenant_id=row["tenant_id"],
        batch_id=row["batch_id"],
        run_id=row["run_id"],
        lane=Lane(row["lane"]),
        profile_ids=tuple(row["profile_ids"]),
        standing=_standing(row["run_status"], row["campaign_status"]),
        trigger_key=_trigger_key(row),
        snapshot_id=row["snapshot_id"],
        event_id=row["event_id"],
        campaign=Campaign(
            campaign_id=row["campaign_id"],
            name=row["name"],
            purpose=row["purpose"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            priority=row["priority"],
            control_share=row["control_share"],
            key=row.get("campaign_key") or "",
        ),
        policy=policy,
        policy_id=row["policy_id"],
        candidates=candidates(templates),
        channel_ids=channel_ids,
        zone=_zone(row),
        tenant_zone=row["zone"],
        locale=row["locale"],
        salt=bytes(row["inputs_salt"]),
        graph=row.get("graph_name"),
        budget=row.get("budget"),
        has_rivals=row.get("has_rivals", False),
        people=row.get("run_people") or 0,
        started_at=row.get("started_at") or _LONG_AGO,
        is_fallback=bool(row.get("fallbacks")),
        good_for=None if minutes is None else timedelta(minutes=minutes),
    )


def _standing(run: str, campaign: str) -> Standing:
    if run == RunStatus.CANCELLED or campaign == CampaignStatus.ENDED:
        return Standing.CANCELLED
    may_run = run != RunStatus.PAUSED and campaign == CampaignStatus.ACTIVE
    return Standing.OPEN if may_run else Standing.HELD


def event_trigger(event_id: int) -> str:
    """Name what a run of an event was triggered by."""
    return f"event:{event_id}"


def _trigger_key(row: DictRow) -> str:
    kind = RunKind(row["kind"])
    if kind is RunKind.EVENT:
        return event_trigger(row["event_id"])
    if kind is RunKind.WAKE_UP:
        return f"wake_up:{row['wake_ups']}"
    is_by_run = kind in {RunKind.REQUEST, RunKind.MEMBERSHIP, RunKind.FALLBACK}
    return f"{kind}:{row['run_id']}" if is_by_run else kind.value


def _zone(row: DictRow) -> str:
    """Where no person says otherwise, the policy does if it names a zone, else the tenant."""
    policy: Mapping[str, Any] = row["policy"] or {}
    return str(policy.get("zone") or row["zone"])
