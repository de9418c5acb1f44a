"""How the work of a tenant stands."""

from fastapi import APIRouter

from api.schemas.operations import OperationsOut
from api.work import Working, WorkRoute, needs
from engine import operations
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["operations"])


@router.get("/operations", operation_id="getOperations", openapi_extra=needs(Scope.READ))
async def get_operations(work: Working) -> OperationsOut:
    """Tell what waits in each lane, what is stuck and why, and how the channels do."""
    return OperationsOut.of(await operations.overview(work.conn))
