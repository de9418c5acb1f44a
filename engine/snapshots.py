"""Snapshots: the immutable list of who was in a segment at an instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from engine.segments import refresh_segment
from rules.errors import NotFound

_SQL = queries("snapshots")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`members_hash` is the SHA-256 over the members' ids, 8 bytes big-endian each, in ascending order."""

    snapshot_id: int
    segment_id: int
    segment_version: int
    rule: Mapping[str, Any]
    member_count: int
    members_hash: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """A snapshot counted again: it is whole where count and hash are those of its header."""

    snapshot: Snapshot
    member_count: int
    members_hash: bytes

    @property
    def is_whole(self) -> bool:
        header = self.snapshot
        return (header.member_count, header.members_hash) == (self.member_count, self.members_hash)


async def create_snapshot(conn: Transaction, *, tenant_id: UUID, segment_id: int) -> Snapshot:
    """Refresh a segment and freeze who is in it at this instant. Raises NotFound."""
    await refresh_segment(conn, tenant_id=tenant_id, segment_id=segment_id)
    values = {"tenant_id": tenant_id, "segment_id": segment_id}
    return _snapshot(await (await conn.execute(_SQL["create"], values)).fetchone(), f"of segment {segment_id}")


async def get_snapshot(conn: Transaction, *, tenant_id: UUID, snapshot_id: int) -> Snapshot:
    """Give the snapshot's header; raises NotFound."""
    values = {"tenant_id": tenant_id, "snapshot_id": snapshot_id}
    return _snapshot(await (await conn.execute(_SQL["get"], values)).fetchone(), str(snapshot_id))


async def verify_snapshot(conn: Transaction, *, tenant_id: UUID, snapshot_id: int) -> Verified:
    """Count a snapshot's members again and hash them; raises NotFound."""
    snapshot = await get_snapshot(conn, tenant_id=tenant_id, snapshot_id=snapshot_id)
    values = {"tenant_id": tenant_id, "snapshot_id": snapshot_id}
    row = await (await conn.execute(_SQL["recount"], values)).fetchone()
    counted = row or {"members": 0, "hash": b""}
    return Verified(snapshot, counted["members"], bytes(counted["hash"]))


def _snapshot(row: Mapping[str, Any] | None, wanted: str) -> Snapshot:
    if row is None:
        raise NotFound(f"There is no snapshot {wanted}.", remedy="Check the id.")
    return Snapshot(**{**row, "members_hash": bytes(row["members_hash"])})
