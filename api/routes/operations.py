"""How the work of a tenant stands."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.schemas.operations import OperationsOut
from api.schemas.series import ChannelsSeriesOut
from api.work import Working, WorkRoute, needs
from engine import operations, series
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["operations"])

Hours = Annotated[int, Query(ge=1, le=series.LONGEST_HOURS, description="The last so many hours.")]


@router.get("/operations", operation_id="getOperations", openapi_extra=needs(Scope.READ))
async def get_operations(work: Working) -> OperationsOut:
    """Tell what waits in each lane, what is stuck and why, and how the channels do."""
    return OperationsOut.of(await operations.overview(work.conn))


@router.get("/operations/series", operation_id="getOperationsSeries", openapi_extra=needs(Scope.READ))
async def get_operations_series(work: Working, hours: Hours = 6) -> ChannelsSeriesOut:
    """Tell for each channel over the last hours what waited and how many calls of its provider failed."""
    return ChannelsSeriesOut.of(*await series.channel_series(work.conn, hours=hours))
