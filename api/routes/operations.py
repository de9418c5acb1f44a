"""How the work of a tenant stands, and the messages in trouble."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.routes.paging import Limit, following
from api.schemas.base import LARGEST_ID
from api.schemas.operations import LetterPage, OperationsOut, Trouble
from api.work import Working, WorkRoute, needs
from engine import operations
from engine.tenants import Scope
from rules.words import DeliveryStatus

router = APIRouter(route_class=WorkRoute, tags=["operations"])


@router.get("/operations", operation_id="getOperations", openapi_extra=needs(Scope.READ))
async def get_operations(work: Working) -> OperationsOut:
    """Tell what waits in each lane, what is stuck and why, how the channels do, and how much is in trouble."""
    return OperationsOut.of(await operations.overview(work.conn))


@router.get("/operations/messages", operation_id="listTroubled", openapi_extra=needs(Scope.READ))
async def list_troubled(
    work: Working,
    status: Trouble = Trouble.UNCERTAIN,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The `next` of the page before.")] = None,
    limit: Limit = 50,
) -> LetterPage:
    """List messages that are uncertain, given up or failed, the newest first."""
    found = await operations.letters(work.conn, status=DeliveryStatus(status.value), before=before, limit=limit)
    return LetterPage.of(found, following([one.delivery_id for one in found], limit))
