"""What a campaign would decide under at an instant, read as for a batch, but locking and writing nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from engine.db import Transaction
from engine.frame import Frame, frame_of
from engine.queries import queries
from rules.errors import InvalidInput, NotFound
from rules.words import CampaignStatus, Change

_SQL = queries("explain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A campaign with its frame as of `at` (aware); `is_past`: `at` was given, so what came after it is not seen.

    `segment_id` is the segment's that it sends to, or that it watches: `waits_for_leavers` says for whom.
    """

    campaign_id: int
    key: str
    status: CampaignStatus
    segment_id: int | None
    segment_key: str | None
    trigger_type: str | None
    waits_for_leavers: bool
    frame: Frame
    at: datetime
    is_past: bool


@asynccontextmanager
async def reading(conn: Transaction) -> AsyncIterator[None]:
    """Let the caller's transaction write nothing until this ends; the server refuses it."""
    async with conn.transaction():
        await conn.execute(_SQL["read_only"])
        yield


async def plan_of(
    conn: Transaction,
    *,
    tenant_id: UUID,
    campaign_id: int | None = None,
    key: str | None = None,
    at: datetime | None = None,
    snapshot_id: int | None = None,
    policy_version: int | None = None,
) -> Plan:
    """Read the campaign named by its id or its key, with policy, templates and channels.

    The policy is the one in force at `at`, or the version asked for, drafts too. Raises NotFound, and InvalidInput
    where `at` is not aware or the policy cannot be read.
    """
    if at is not None and at.tzinfo is None:
        raise InvalidInput(
            f"The instant {at.isoformat()} has no zone.", remedy="Write it with one: 2026-05-01T09:00+07:00."
        )
    instant = (at or datetime.now(UTC)).astimezone(UTC)
    named = {"tenant_id": tenant_id, "campaign_id": campaign_id, "key": key}
    row = await (await conn.execute(_SQL["campaign"], named)).fetchone()
    if row is None:
        raise NotFound(
            f"There is no campaign {key if campaign_id is None else campaign_id}.",
            remedy="Check it: GET /campaigns lists them.",
        )
    values = {
        "tenant_id": tenant_id,
        "campaign_id": row["campaign_id"],
        "at": instant,
        "snapshot_id": snapshot_id,
        "policy_version": policy_version,
    }
    framed = await (await conn.execute(_SQL["stage"], values)).fetchone()
    if framed is None or policy_version not in {None, framed["policy_version"]}:
        raise NotFound(
            f"The policy of campaign {row['key']!r} has no version {policy_version}.",
            remedy="Check it: GET /policies lists them.",
        )
    return Plan(
        campaign_id=row["campaign_id"],
        key=row["key"],
        status=CampaignStatus(row["status"]),
        segment_id=row["segment_id"] or row["trigger_segment_id"],
        segment_key=row["segment_key"],
        trigger_type=row["trigger_type"],
        waits_for_leavers=row["segment_id"] is None and row["trigger_change"] == Change.LEFT,
        frame=frame_of(framed),
        at=instant,
        is_past=at is not None,
    )
