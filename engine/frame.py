"""The frame of a batch: what holds for all its people, and whether it may be decided now."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from psycopg.rows import DictRow

from engine.db import Transaction
from engine.queries import queries
from rules.facts import Campaign, Candidate, candidates
from rules.policy import Policy
from rules.words import CampaignStatus, Channel, Lane, RunKind, RunStatus


class Standing(StrEnum):
    """Whether a batch may be decided."""

    OPEN = "open"
    HELD = "held"
    """Its run or campaign is paused, or its campaign has not been started: it waits."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """`channel_ids` says which channel each kind goes through; `event_id` is what first asked, if an event did."""

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
    locale: str
    salt: bytes


async def lock_frame(conn: Transaction, batch_id: int) -> Frame | None:
    """Lock the batch until the transaction ends and read its frame; None where it is done or in other hands.

    Raises InvalidInput where the stored policy cannot be read.
    """
    row = await (await conn.execute(queries("decide")["frame"], {"batch_id": batch_id})).fetchone()
    return None if row is None else _frame(row)


def _frame(row: DictRow) -> Frame:
    policy = Policy.parse(row["policy"] or {}, version=row["policy_version"] or 0)
    templates = [(Channel(channel), *rest) for channel, *rest in row["templates"] or ()]
    channel_ids: dict[Channel, int] = {}
    for channel, _template_id, _key, _version, channel_id in templates:
        channel_ids.setdefault(channel, channel_id)
    return Frame(
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
        ),
        policy=policy,
        policy_id=row["policy_id"],
        candidates=candidates(
            [(channel, template_id, key, version) for channel, template_id, key, version, _ in templates]
        ),
        channel_ids=channel_ids,
        zone=_zone(row),
        locale=row["locale"],
        salt=bytes(row["inputs_salt"]),
    )


def _standing(run: str, campaign: str) -> Standing:
    if run == RunStatus.CANCELLED or campaign == CampaignStatus.ENDED:
        return Standing.CANCELLED
    may_run = run != RunStatus.PAUSED and campaign == CampaignStatus.ACTIVE
    return Standing.OPEN if may_run else Standing.HELD


def _trigger_key(row: DictRow) -> str:
    kind = RunKind(row["kind"])
    if kind is RunKind.EVENT:
        return f"event:{row['event_id']}"
    if kind is RunKind.WAKE_UP:
        return f"wake_up:{row['wake_ups']}"
    is_by_run = kind in {RunKind.REQUEST, RunKind.MEMBERSHIP}
    return f"{kind}:{row['run_id']}" if is_by_run else kind.value


def _zone(row: DictRow) -> str:
    """Where no person says otherwise, the policy does if it names a zone, else the tenant."""
    policy: Mapping[str, Any] = row["policy"] or {}
    return str(policy.get("zone") or row["zone"])
