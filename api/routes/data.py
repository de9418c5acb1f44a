"""The call that LEO CDP makes itself, in the form in which it makes it today."""

import asyncio

from fastapi import APIRouter

from api.schemas.data import SyncedOut, SyncSegmentIn
from api.work import ActingNow, ActRoute, needs
from engine.ingest.sync import sync_segment
from engine.tenants import Scope
from rules.errors import Unavailable

# Less than the minute for which an Idempotency-Key is held without an answer.
LONGEST_S = 50.0

router = APIRouter(route_class=ActRoute, tags=["data"])


@router.post(
    "/data/sync-segment",
    operation_id="syncSegment",
    openapi_extra=needs(Scope.WRITE, key_field="data_sync_api_key"),
)
async def take_segment(body: SyncSegmentIn, acting: ActingNow) -> SyncedOut:
    """Import one segment of the CDP with its members, and answer when they are here: within 50 s, or 503.

    Whatever was imported by then stays, and the same call continues from there.
    """
    services = acting.services
    try:
        async with asyncio.timeout(LONGEST_S):
            synced = await sync_segment(
                services.db, services.vault, tenant_id=acting.tenant_id, cdp_segment_id=body.segment_id
            )
    except TimeoutError as error:
        raise Unavailable(
            f"The segment {body.segment_id!r} was not here within {LONGEST_S:g} s; what came stays.",
            remedy="Call again, it goes on from there; or run: leo sync --segment",
        ) from error
    return SyncedOut(synced=synced)
