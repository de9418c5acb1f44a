"""Snapshots: who was in a segment at an instant, fixed for good."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.routes.paging import After, Limit, PathId, following
from api.schemas.snapshots import (
    ComparedOut,
    SnapshotIn,
    SnapshotMemberOut,
    SnapshotMemberPage,
    SnapshotOut,
    SnapshotPage,
    VerifiedOut,
)
from api.work import Working, WorkRoute, needs
from engine import segments, snapshots
from engine.tenants import Scope

OfSegment = Annotated[
    str | None, Query(min_length=1, max_length=100, description="A segment's key; all where it is left out.")
]

router = APIRouter(route_class=WorkRoute, tags=["segments"])


@router.post("/snapshot/create", status_code=201, operation_id="createSnapshot", openapi_extra=needs(Scope.WRITE))
async def create_snapshot(body: SnapshotIn, work: Working) -> SnapshotOut:
    """Freeze who is in a segment at this instant; nobody can change the list afterwards."""
    segment = await segments.segment_by_key(work.conn, tenant_id=work.tenant_id, key=body.segment)
    made = await snapshots.create_snapshot(
        work.conn, tenant_id=work.tenant_id, segment_id=segment.segment_id, key=body.key
    )
    work.ring_started(made.started)
    return SnapshotOut.of(made)


@router.get("/snapshots", operation_id="listSnapshots", openapi_extra=needs(Scope.READ))
async def list_snapshots(
    work: Working, segment: OfSegment = None, after: After = 0, limit: Limit = 100
) -> SnapshotPage:
    """List snapshots in the order of their ids, of one segment or of all."""
    segment_id = None
    if segment is not None:
        of = await segments.segment_by_key(work.conn, tenant_id=work.tenant_id, key=segment)
        segment_id = of.segment_id
    found = await snapshots.list_snapshots(
        work.conn, tenant_id=work.tenant_id, segment_id=segment_id, after=after, limit=limit
    )
    return SnapshotPage(
        items=[SnapshotOut.of(snapshot) for snapshot in found],
        next=following([snapshot.snapshot_id for snapshot in found], limit),
    )


@router.get("/snapshots/{snapshot_id}", operation_id="getSnapshot", openapi_extra=needs(Scope.READ))
async def get_snapshot(snapshot_id: PathId, work: Working) -> SnapshotOut:
    """Show a snapshot's header."""
    return SnapshotOut.of(await snapshots.get_snapshot(work.conn, tenant_id=work.tenant_id, snapshot_id=snapshot_id))


@router.get(
    "/snapshots/{snapshot_id}/members",
    operation_id="listSnapshotMembers",
    openapi_extra=needs(Scope.READ, may_be_late=True),
)
async def list_snapshot_members(
    snapshot_id: PathId, work: Working, after: After = 0, limit: Limit = 100
) -> SnapshotMemberPage:
    """List who is in a snapshot, in the order of their profile ids."""
    await snapshots.get_snapshot(work.conn, tenant_id=work.tenant_id, snapshot_id=snapshot_id)
    found = await snapshots.snapshot_members(
        work.conn, tenant_id=work.tenant_id, snapshot_id=snapshot_id, after=after, limit=limit
    )
    return SnapshotMemberPage(
        items=[SnapshotMemberOut.model_validate(dict(member)) for member in found],
        next=following([member["profile_id"] for member in found], limit),
    )


@router.get(
    "/snapshots/{snapshot_id}/compare/{other}", operation_id="compareSnapshots", openapi_extra=needs(Scope.READ)
)
async def compare_snapshots(snapshot_id: PathId, other: PathId, work: Working) -> ComparedOut:
    """Say who joined, left and stayed between two snapshots."""
    return ComparedOut.of(
        await snapshots.compare_snapshots(work.conn, tenant_id=work.tenant_id, first=snapshot_id, second=other)
    )


@router.post("/snapshots/{snapshot_id}/verify", operation_id="verifySnapshot", openapi_extra=needs(Scope.READ))
async def verify_snapshot(snapshot_id: PathId, work: Working) -> VerifiedOut:
    """Count and hash a snapshot's members again, and compare both with its header."""
    return VerifiedOut.of(await snapshots.verify_snapshot(work.conn, tenant_id=work.tenant_id, snapshot_id=snapshot_id))
