"""The state of a tenant's work."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.routes.paging import Limit, following
from api.schemas.base import LARGEST_ID
from api.schemas.operations import OperationsOut
from api.schemas.series import ChannelsSeriesOut
from api.schemas.stuck import TakeUpIn, TakeUpOut, TakeUpPage
from api.work import Working, WorkRoute, needs
from engine import clock, lanes, operations, series, stuck
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["operations"])

Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The `next` of the page before.")]
Hours = Annotated[int, Query(ge=1, le=series.LONGEST_HOURS, description="The last so many hours.")]


@router.get("/operations", operation_id="getOperations", openapi_extra=needs(Scope.READ))
async def get_operations(work: Working) -> OperationsOut:
    """Show what is waiting in each lane, what is stuck and why, and how the channels are doing."""
    return OperationsOut.of(
        await operations.overview(work.conn), await stuck.put_off(work.conn), await stuck.untold(work.conn)
    )


@router.get("/operations/series", operation_id="getOperationsSeries", openapi_extra=needs(Scope.READ))
async def get_operations_series(work: Working, hours: Hours = 6) -> ChannelsSeriesOut:
    """Show for each channel over the last hours how many messages waited and how many calls of its provider failed."""
    return ChannelsSeriesOut.of(*await series.channel_series(work.conn, hours=hours))


@router.post("/operations/take-up", operation_id="takeUp", openapi_extra=needs(Scope.ADMIN))
async def take_up(body: TakeUpIn, work: Working) -> TakeUpOut:
    """Continue a run, batch, message or event of the outbox from its last committed step; the reason is recorded."""
    taken, batches = await stuck.take_up(
        work.conn, what=body.what, record_id=body.record_id, reason=body.reason, by=work.who, now=clock.now()
    )
    for lane, batch_ids in batches.items():
        work.ring(lane, batch_ids[: lanes.AHEAD])
    return TakeUpOut.model_validate(taken)


@router.get("/operations/take-ups", operation_id="listTakeUps", openapi_extra=needs(Scope.READ))
async def list_take_ups(work: Working, before: Before = None, limit: Limit = 50) -> TakeUpPage:
    """List what was taken up again, by whom and why, the newest first."""
    found = await stuck.taken_up(work.conn, before=before, limit=limit)
    return TakeUpPage(
        items=[TakeUpOut.model_validate(one) for one in found], next=following([one.take_up_id for one in found], limit)
    )
