"""Campaigns: saving, starting and stopping them."""

from fastapi import APIRouter, Response

from api.preconditions import Expecting, tag
from api.routes.paging import After, Limit, PathId, following
from api.schemas.campaigns import (
    ActivatedOut,
    CampaignIn,
    CampaignOut,
    CampaignPage,
    RunFiguresList,
    RunFiguresOut,
    RunOut,
)
from api.schemas.snapshots import SnapshotOut
from api.schemas.templates import LackingOut
from api.work import Work, Working, WorkRoute, needs
from engine import campaigns, segments
from engine.tenants import Scope
from rules.errors import NotFound
from rules.faults import Fault
from rules.words import Lane

router = APIRouter(route_class=WorkRoute, tags=["campaigns"])


@router.post("/campaigns", status_code=201, operation_id="saveCampaign", openapi_extra=needs(Scope.WRITE))
async def save_campaign(body: CampaignIn, work: Working, expected: Expecting, response: Response) -> CampaignOut:
    """Make a campaign, or change one that is a draft or paused."""
    given = body.model_dump(exclude={"segment", "trigger_segment", "policy"})
    if body.segment is not None:
        given["segment_id"] = await _segment_id(work, body.segment, "segment")
    if body.trigger_segment is not None:
        given["trigger_segment_id"] = await _segment_id(work, body.trigger_segment, "trigger_segment")
    if body.policy is not None:
        policy = await campaigns.save_policy(
            work.conn, tenant_id=work.tenant_id, key=f"campaign:{body.key}", document=body.policy
        )
        given["policy_id"] = policy.policy_id
    saved = await campaigns.save_campaign(
        work.conn, tenant_id=work.tenant_id, by=await work.author(), expected=expected, **given
    )
    tag(response, saved.revision)
    return CampaignOut.model_validate(saved)


@router.get("/campaigns", operation_id="listCampaigns", openapi_extra=needs(Scope.READ))
async def list_campaigns(work: Working, after: After = 0, limit: Limit = 100) -> CampaignPage:
    """List campaigns in the order of their ids."""
    found = await campaigns.list_campaigns(work.conn, tenant_id=work.tenant_id, after=after, limit=limit)
    return CampaignPage(
        items=[CampaignOut.model_validate(campaign) for campaign in found],
        next=following([campaign.campaign_id for campaign in found], limit),
    )


@router.get("/campaigns/{campaign_id}/runs", operation_id="listRuns", openapi_extra=needs(Scope.READ))
async def list_runs(campaign_id: PathId, work: Working, limit: Limit = 100) -> RunFiguresList:
    """List a campaign's runs, newest first, with the forecast of their models and who actually decided."""
    found = await campaigns.list_runs(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id, limit=limit)
    return RunFiguresList(items=[RunFiguresOut.model_validate(one) for one in found])


@router.get("/campaigns/{campaign_id}", operation_id="getCampaign", openapi_extra=needs(Scope.READ))
async def get_campaign(campaign_id: PathId, work: Working, response: Response) -> CampaignOut:
    """Show one campaign."""
    found = await campaigns.get_campaign(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id)
    tag(response, found.revision)
    return CampaignOut.model_validate(found)


@router.post(
    "/campaigns/{campaign_id}/activate",
    status_code=202,
    operation_id="activateCampaign",
    openapi_extra=needs(Scope.ACTIVATE),
)
async def activate_campaign(campaign_id: PathId, work: Working) -> ActivatedOut:
    """Activate a campaign: freeze its segment and start a run for the people in it."""
    done = await campaigns.activate_campaign(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id)
    if done.snapshot is not None:
        work.ring_started(done.snapshot.started)
    if done.run is not None:
        work.ring(done.run.lane, done.run.batch_ids)
    return ActivatedOut(
        campaign=CampaignOut.model_validate(done.campaign),
        snapshot=None if done.snapshot is None else SnapshotOut.of(done.snapshot),
        run=None if done.run is None else _run(done.run),
        lacking=[LackingOut.model_validate(one) for one in done.lacking],
    )


@router.post("/campaigns/{campaign_id}/pause", operation_id="pauseCampaign", openapi_extra=needs(Scope.ACTIVATE))
async def pause_campaign(campaign_id: PathId, work: Working) -> CampaignOut:
    """Stop deciding and sending for a campaign until it is resumed."""
    return CampaignOut.model_validate(
        await campaigns.pause_campaign(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id)
    )


@router.post("/campaigns/{campaign_id}/resume", operation_id="resumeCampaign", openapi_extra=needs(Scope.ACTIVATE))
async def resume_campaign(campaign_id: PathId, work: Working) -> CampaignOut:
    """Continue a paused campaign where it stopped."""
    campaign, batches = await campaigns.resume_campaign(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id)
    for lane in Lane:
        work.ring(lane, tuple(batch_id for of, batch_id in batches if of is lane))
    return CampaignOut.model_validate(campaign)


@router.post("/campaigns/{campaign_id}/cancel", operation_id="cancelCampaign", openapi_extra=needs(Scope.ACTIVATE))
async def cancel_campaign(campaign_id: PathId, work: Working) -> CampaignOut:
    """End a campaign for good: whatever is not decided or sent yet never will be."""
    return CampaignOut.model_validate(
        await campaigns.cancel_campaign(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id)
    )


async def _segment_id(work: Work, key: str, where: str) -> int:
    """Find the segment whose key the field `where` contains."""
    try:
        return (await segments.segment_by_key(work.conn, tenant_id=work.tenant_id, key=key)).segment_id
    except NotFound as error:
        raise NotFound(
            error.message, remedy=error.remedy, fault=Fault("segment.unknown", where, {"key": key})
        ) from error


def _run(run: campaigns.Run) -> RunOut:
    return RunOut(
        run_id=run.run_id,
        campaign_id=run.campaign_id,
        kind=run.kind,
        lane=run.lane,
        people=run.people,
        batches=len(run.batch_ids),
    )
