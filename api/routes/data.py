"""What LEO CDP calls itself, in the form in which it does today."""

from fastapi import APIRouter

from api.schemas.data import SyncedOut, SyncSegmentIn
from api.work import ActingNow, ActRoute, needs
from engine.ingest.sync import sync_segment
from engine.tenants import Scope

router = APIRouter(route_class=ActRoute, tags=["data"])


@router.post(
    "/data/sync-segment",
    operation_id="syncSegment",
    openapi_extra=needs(Scope.WRITE, key_field="data_sync_api_key"),
)
async def take_segment(body: SyncSegmentIn, acting: ActingNow) -> SyncedOut:
    """Take one segment of the CDP with its members now, and answer when they are here."""
    services = acting.services
    synced = await sync_segment(services.db, services.vault, tenant_id=acting.tenant_id, cdp_segment_id=body.segment_id)
    return SyncedOut(synced=synced)
