"""Starting, pausing and ending a campaign: each activation is a run, made of batches of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.campaigns.models import allow_run
from engine.campaigns.plan import Campaign, get_campaign
from engine.db import Transaction
from engine.lacking import Lacking, count_lacking
from engine.queries import queries
from engine.snapshots import Snapshot, create_snapshot
from rules.errors import Conflict, InvalidInput, NotFound
from rules.lifecycle import advance
from rules.words import CampaignStatus, Lane, RunKind, RunStatus

_SQL = queries("campaigns")


@dataclass(frozen=True, slots=True)
class Run:
    """A run and its batches, to be enqueued in `lane` after commit; `people` is how many it decides for."""

    run_id: int
    campaign_id: int
    kind: RunKind
    lane: Lane
    people: int
    batch_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Activated:
    """What an activation started; without a segment there is neither snapshot nor run, and it waits for its trigger.

    `lacking` counts those in the snapshot for whom a template cannot be rendered.
    """

    campaign: Campaign
    snapshot: Snapshot | None
    run: Run | None
    lacking: tuple[Lacking, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFigures:
    """The figures of one run: the `forecast` of its models, if any, decisions, and how many each arbiter made."""

    run_id: int
    kind: RunKind
    status: RunStatus
    lane: Lane
    snapshot_id: int | None
    forecast: Mapping[str, Any] | None
    created_at: datetime
    finished_at: datetime | None
    decisions: int
    arbiters: Mapping[str, int]


async def list_runs(conn: Transaction, *, tenant_id: UUID, campaign_id: int, limit: int = 100) -> list[RunFigures]:
    """Give a campaign's runs, newest first. Raises NotFound."""
    await get_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id)
    values = {"tenant_id": tenant_id, "campaign_id": campaign_id, "limit": limit}
    rows = await (await conn.execute(_SQL["runs"], values)).fetchall()
    return [_figures(row) for row in rows]


def _figures(row: Mapping[str, Any]) -> RunFigures:
    read = {"kind": RunKind(row["kind"]), "status": RunStatus(row["status"]), "lane": Lane(row["lane"])}
    return RunFigures(**{**row, **read})


async def start_run(
    conn: Transaction,
    *,
    tenant_id: UUID,
    campaign_id: int,
    kind: RunKind,
    lane: Lane,
    snapshot_id: int | None = None,
    event_id: int | None = None,
    profile_ids: Sequence[int] = (),
    parent_id: int | None = None,
    due_at: datetime | None = None,
) -> Run:
    """Start a run for the members of a snapshot, or the people listed, in batches of at most 500.

    Raises NotFound for an unknown campaign, snapshot, event or person; Conflict if the campaign is not active, or if a
    model is to choose for a bulk run and would take more than the policy's arbitration.budget.
    """
    campaign = await _locked(conn, tenant_id, campaign_id)
    if campaign["status"] != CampaignStatus.ACTIVE:
        raise Conflict(f"The campaign {campaign['name']!r} is {campaign['status']}.", remedy="Activate it first.")
    await _check_people(conn, tenant_id, profile_ids)
    values = {
        "tenant_id": tenant_id,
        "campaign_id": campaign_id,
        "kind": kind,
        "lane": lane,
        "snapshot_id": snapshot_id,
        "event_id": event_id,
        "profile_ids": list(profile_ids),
        "parent_id": parent_id,
        "due_at": due_at,
    }
    row = await (await conn.execute(_SQL["start_run"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no campaign {campaign_id}.", remedy="Check the id.")
    if lane is Lane.BULK:
        await allow_run(conn, campaign_id=campaign_id, run_id=row["run_id"], people=row["people"])
    return Run(row["run_id"], campaign_id, kind, lane, row["people"], tuple(row["batch_ids"]))


async def activate_campaign(conn: Transaction, *, tenant_id: UUID, campaign_id: int) -> Activated:
    """Make a campaign active; freeze its segment now and start a run in the bulk lane for the people in it.

    Raises NotFound; InvalidInput if it has nobody to decide for or nothing approved to send; Conflict if it has ended,
    its window is over, an earlier run of its segment is unfinished, or its models would take more than they may.
    """
    campaign = await _locked(conn, tenant_id, campaign_id)
    _check_complete(campaign)
    if campaign["status"] != CampaignStatus.ACTIVE:
        await _move(conn, tenant_id, campaign, CampaignStatus.ACTIVE)
    snapshot = run = None
    lacking: list[Lacking] = []
    if campaign["segment_id"] is not None:
        snapshot = await create_snapshot(conn, tenant_id=tenant_id, segment_id=campaign["segment_id"])
        run = await start_run(
            conn,
            tenant_id=tenant_id,
            campaign_id=campaign_id,
            kind=RunKind.SNAPSHOT,
            lane=Lane.BULK,
            snapshot_id=snapshot.snapshot_id,
        )
        lacking = await count_lacking(
            conn,
            tenant_id=tenant_id,
            template_ids=campaign["approved_ids"],
            snapshot_id=snapshot.snapshot_id,
            is_eventless=True,
        )
    activated = await get_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id)
    return Activated(activated, snapshot, run, tuple(lacking))


async def pause_campaign(conn: Transaction, *, tenant_id: UUID, campaign_id: int) -> Campaign:
    """Stop deciding and sending until it is resumed; raises NotFound, Conflict if it is not active."""
    campaign = await _locked(conn, tenant_id, campaign_id)
    await _move(conn, tenant_id, campaign, CampaignStatus.PAUSED)
    await conn.execute(_SQL["pause_runs"], {"tenant_id": tenant_id, "campaign_id": campaign_id})
    return await get_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id)


async def resume_campaign(
    conn: Transaction, *, tenant_id: UUID, campaign_id: int, without_runs: bool = False
) -> tuple[Campaign, list[tuple[Lane, int]]]:
    """Continue where a pause stopped it; also gives the batches to enqueue, each as (lane, batch id).

    `without_runs`: only for what comes from now on; people waiting in its paused runs are not decided for any more.
    Raises NotFound, Conflict if it is not paused.
    """
    campaign = await _locked(conn, tenant_id, campaign_id)
    if campaign["status"] != CampaignStatus.PAUSED:
        raise Conflict(f"The campaign {campaign['name']!r} is {campaign['status']}, not paused.", remedy="Activate it.")
    await _move(conn, tenant_id, campaign, CampaignStatus.ACTIVE)
    values = {"tenant_id": tenant_id, "campaign_id": campaign_id}
    if without_runs:
        await conn.execute(_SQL["end_paused_runs"], values)
    await conn.execute(_SQL["resume_runs"], values)
    rows = await (await conn.execute(_SQL["pending_batches"], values)).fetchall()
    resumed = await get_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id)
    return resumed, [(Lane(row["lane"]), row["batch_id"]) for row in rows]


async def cancel_campaign(conn: Transaction, *, tenant_id: UUID, campaign_id: int) -> Campaign:
    """End a campaign: what is not decided or sent yet never will be.

    Raises NotFound, Conflict if it has ended already.
    """
    campaign = await _locked(conn, tenant_id, campaign_id)
    await _move(conn, tenant_id, campaign, CampaignStatus.ENDED)
    await conn.execute(_SQL["cancel_runs"], {"tenant_id": tenant_id, "campaign_id": campaign_id})
    return await get_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id)


async def _locked(conn: Transaction, tenant_id: UUID, campaign_id: int) -> Mapping[str, Any]:
    values = {"tenant_id": tenant_id, "campaign_id": campaign_id}
    row = await (await conn.execute(_SQL["lock_campaign"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no campaign {campaign_id}.", remedy="Check the id: GET /campaigns lists them.")
    return row


async def _move(conn: Transaction, tenant_id: UUID, campaign: Mapping[str, Any], to: CampaignStatus) -> None:
    status = advance("campaign", campaign["status"], to)
    values = {"tenant_id": tenant_id, "campaign_id": campaign["campaign_id"], "status": status}
    await conn.execute(_SQL["set_campaign_status"], values)


def _check_complete(campaign: Mapping[str, Any]) -> None:
    name = campaign["name"]
    if campaign["status"] == CampaignStatus.ENDED or campaign["is_over"]:
        raise Conflict(f"The campaign {name!r} has ended.", remedy="Save a new one under another key.")
    if not campaign["has_somebody"]:
        raise InvalidInput(f"The campaign {name!r} has nobody to decide for.", remedy="Give it a segment or a trigger.")
    if not campaign["approved_ids"]:
        raise InvalidInput(
            f"The campaign {name!r} has no approved template.",
            remedy="Add one and approve it: POST /templates/{id}/approve.",
        )
    if campaign["unfinished_run_id"] is not None and campaign["segment_id"] is not None:
        raise Conflict(
            f"Run {campaign['unfinished_run_id']} of the campaign {name!r} is not finished.",
            remedy="Wait for it, resume the campaign, or cancel it.",
        )


async def _check_people(conn: Transaction, tenant_id: UUID, profile_ids: Sequence[int]) -> None:
    if not profile_ids:
        return
    values = {"tenant_id": tenant_id, "profile_ids": list(profile_ids)}
    rows = await (await conn.execute(_SQL["known_profiles"], values)).fetchall()
    missing = sorted(set(profile_ids) - {row["profile_id"] for row in rows})
    if missing:
        raise NotFound(f"There is no profile {missing[0]}.", remedy="Check the id.")
