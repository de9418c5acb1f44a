"""A campaign as a funnel, live while it runs, and against its control group."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from api.routes.paging import PathId
from api.schemas.funnels import FUNNEL, FunnelOut, LiftsOut
from api.schemas.series import CampaignSeriesOut
from api.work import Working, WorkRoute, needs
from engine import campaigns, series
from engine.campaigns import funnel
from engine.db import Database
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["campaigns"])

EVENTS = "text/event-stream"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-Sent Events: `event: funnel` with the funnel as JSON, each time it has changed.",
        "content": {
            EVENTS: {"schema": {"type": "string"}, "example": f"event: funnel\ndata: {json.dumps(FUNNEL)}\n\n"}
        },
    }
}


@router.get("/campaigns/{campaign_id}/funnel", operation_id="getFunnel", openapi_extra=needs(Scope.READ))
async def get_funnel(campaign_id: PathId, work: Working) -> FunnelOut:
    """Count where a campaign's people are: audience, eligible, decided, sent, delivered, opened, clicked, bought."""
    return FunnelOut.of(await funnel.funnel(work.conn, campaign_id=campaign_id))


@router.get(
    "/campaigns/{campaign_id}/live",
    operation_id="watchCampaign",
    responses=_STREAM,
    response_class=StreamingResponse,
    openapi_extra=needs(Scope.READ),
)
async def watch_campaign(campaign_id: PathId, work: Working) -> StreamingResponse:
    """Follow a campaign's funnel: its present state, and every change; the stream ends after an hour."""
    await campaigns.get_campaign(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id)
    # It starts after this request's transaction, and opens one of its own for each look.
    stream = _events(work.services.db, work.tenant_id, campaign_id)
    return StreamingResponse(
        stream, media_type=EVENTS, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    )


@router.get("/campaigns/{campaign_id}/lift", operation_id="getLift", openapi_extra=needs(Scope.READ, may_be_late=True))
async def get_lift(campaign_id: PathId, work: Working) -> LiftsOut:
    """Compare the people a campaign wrote to with its control group, with 95 % intervals."""
    await campaigns.get_campaign(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id)
    return LiftsOut.of(await funnel.lifts(work.conn, campaign_id=campaign_id))


@router.get("/campaigns/{campaign_id}/series", operation_id="getCampaignSeries", openapi_extra=needs(Scope.READ))
async def get_campaign_series(campaign_id: PathId, work: Working) -> CampaignSeriesOut:
    """Show a campaign over time: decided, sent, delivered, opened, clicked and bought in each interval."""
    await campaigns.get_campaign(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id)
    return CampaignSeriesOut.of(await series.campaign_series(work.conn, campaign_id=campaign_id))


async def _events(db: Database, tenant_id: UUID, campaign_id: int) -> AsyncIterator[str]:
    async for found in funnel.watch(db, tenant_id=tenant_id, campaign_id=campaign_id):
        if found is None:
            yield ": still here\n\n"
            continue
        data = json.dumps(FunnelOut.of(found).model_dump(mode="json"), ensure_ascii=False)
        yield f"event: funnel\ndata: {data}\n\n"
