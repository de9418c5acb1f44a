"""Segments and their snapshots."""

from fastapi import APIRouter

from api.routes.paging import After, Limit, PathId, following
from api.schemas.campaigns import SegmentIn, SegmentOut, SegmentPage, SnapshotIn, SnapshotOut
from api.work import Working, WorkRoute, needs
from engine import segments, snapshots
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["segments"])


@router.post("/segments", status_code=201, operation_id="saveSegment", openapi_extra=needs(Scope.WRITE))
async def save_segment(body: SegmentIn, work: Working) -> SegmentOut:
    """Make a segment, or the next version of one, and find who satisfies it now."""
    saved = await segments.save_segment(work.conn, tenant_id=work.tenant_id, **body.model_dump())
    await segments.refresh_segment(work.conn, tenant_id=work.tenant_id, segment_id=saved.segment_id)
    return SegmentOut.model_validate(
        await segments.get_segment(work.conn, tenant_id=work.tenant_id, segment_id=saved.segment_id)
    )


@router.get("/segments", operation_id="listSegments", openapi_extra=needs(Scope.READ))
async def list_segments(work: Working, after: After = 0, limit: Limit = 100) -> SegmentPage:
    """List segments in the order of their ids; sizes are as of the last refresh."""
    found = await segments.list_segments(work.conn, tenant_id=work.tenant_id, after=after, limit=limit)
    return SegmentPage(
        items=[SegmentOut.model_validate(segment) for segment in found],
        next=following([segment.segment_id for segment in found], limit),
    )


@router.post("/snapshot/create", status_code=201, operation_id="createSnapshot", openapi_extra=needs(Scope.WRITE))
async def create_snapshot(body: SnapshotIn, work: Working) -> SnapshotOut:
    """Freeze who is in a segment at this instant; nobody can change the list afterwards."""
    segment = await segments.segment_by_key(work.conn, tenant_id=work.tenant_id, key=body.segment)
    made = await snapshots.create_snapshot(work.conn, tenant_id=work.tenant_id, segment_id=segment.segment_id)
    return SnapshotOut.of(made)


@router.get("/snapshots/{snapshot_id}", operation_id="getSnapshot", openapi_extra=needs(Scope.READ))
async def get_snapshot(snapshot_id: PathId, work: Working) -> SnapshotOut:
    """Show a snapshot's header."""
    return SnapshotOut.of(await snapshots.get_snapshot(work.conn, tenant_id=work.tenant_id, snapshot_id=snapshot_id))
