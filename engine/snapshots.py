"""Snapshots: the immutable list of who was in a segment at an instant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from engine.segments import refresh_segment, texts
from engine.segments.runs import NOTHING_STARTED, Started
from rules.conditions import parse
from rules.errors import Conflict, NotFound
from rules.words import Cause

MOST_SAMPLED = 100
_SQL = queries("snapshots")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`members_hash` is the SHA-256 over the members' ids, 8 bytes big-endian each, in ascending order.

    `rule_text` is the rule in words, by language; `key` is the caller's own. `started` are batches of the refresh that
    came first, to ring for after the commit.
    """

    snapshot_id: int
    segment_id: int
    segment_key: str
    segment_version: int
    rule: Mapping[str, Any]
    key: str | None
    rule_text: Mapping[str, str]
    member_count: int
    members_hash: bytes
    created_at: datetime
    started: Started = NOTHING_STARTED


@dataclass(frozen=True, slots=True)
class Verified:
    """A snapshot counted again; it is whole if count and hash match its header."""

    snapshot: Snapshot
    member_count: int
    members_hash: bytes

    @property
    def is_whole(self) -> bool:
        header = self.snapshot
        return (header.member_count, header.members_hash) == (self.member_count, self.members_hash)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two snapshots: counts of who is only in the second, only in the first, in both; samples are ext_ids by id."""

    first: Snapshot
    second: Snapshot
    joined: int
    left: int
    stayed: int
    joined_sample: Sequence[str]
    left_sample: Sequence[str]


async def create_snapshot(conn: Transaction, *, tenant_id: UUID, segment_id: int, key: str | None = None) -> Snapshot:
    """Refresh a segment and freeze who is in it at this instant, in the caller's transaction.

    The same `key` again gives the snapshot it made before. The segment is locked from its refresh on and the list is
    read by one statement, so a sync that writes meanwhile is in it with whole pages or not at all. Raises NotFound, and
    Conflict if the key was used for another segment or the segment is archived.
    """
    values = {"tenant_id": tenant_id, "segment_id": segment_id, "key": key}
    if key is not None:
        # Of two simultaneous requests with one key, the second waits and finds what the first made.
        await conn.execute(_SQL["lock_key"], values)
        known = await (await conn.execute(_SQL["by_key"], values)).fetchone()
        if known is not None:
            return _of_segment(_snapshot(known, repr(key)), segment_id)
    diff = await refresh_segment(conn, tenant_id=tenant_id, segment_id=segment_id, cause=Cause.SNAPSHOT)
    rule = await (await conn.execute(_SQL["rule"], values)).fetchone()
    said = texts(parse(rule["rule"])) if rule is not None else {}
    row = await (await conn.execute(_SQL["create"], {**values, "rule_text": Jsonb(said)})).fetchone()
    return _snapshot(row, f"of segment {segment_id}", started=diff.started)


async def get_snapshot(conn: Transaction, *, tenant_id: UUID, snapshot_id: int) -> Snapshot:
    """Give the snapshot's header; raises NotFound."""
    values = {"tenant_id": tenant_id, "snapshot_id": snapshot_id}
    return _snapshot(await (await conn.execute(_SQL["get"], values)).fetchone(), str(snapshot_id))


async def list_snapshots(
    conn: Transaction, *, tenant_id: UUID, segment_id: int | None = None, after: int = 0, limit: int = 100
) -> list[Snapshot]:
    """Give headers in the order of their ids, those beyond `after`, of one segment or of all."""
    values = {"tenant_id": tenant_id, "segment_id": segment_id, "after": after, "limit": limit}
    rows = await (await conn.execute(_SQL["page"], values)).fetchall()
    return [_snapshot(row, "") for row in rows]


async def snapshot_members(
    conn: Transaction, *, tenant_id: UUID, snapshot_id: int, after: int = 0, limit: int = 100
) -> list[Mapping[str, Any]]:
    """Give members in the order of their ids, beyond `after`: profile_id and ext_id (None if it was erased)."""
    values = {"tenant_id": tenant_id, "snapshot_id": snapshot_id, "after": after, "limit": limit}
    return list(await (await conn.execute(_SQL["members"], values)).fetchall())


async def verify_snapshot(conn: Transaction, *, tenant_id: UUID, snapshot_id: int) -> Verified:
    """Count a snapshot's members again and hash them; raises NotFound."""
    snapshot = await get_snapshot(conn, tenant_id=tenant_id, snapshot_id=snapshot_id)
    values = {"tenant_id": tenant_id, "snapshot_id": snapshot_id}
    row = await (await conn.execute(_SQL["recount"], values)).fetchone()
    counted = row or {"members": 0, "hash": b""}
    return Verified(snapshot, counted["members"], bytes(counted["hash"]))


async def compare_snapshots(
    conn: Transaction, *, tenant_id: UUID, first: int, second: int, sample: int = 10
) -> Compared:
    """Say who joined, left and stayed between two snapshots, whatever their segments. Raises NotFound."""
    before = await get_snapshot(conn, tenant_id=tenant_id, snapshot_id=first)
    after = await get_snapshot(conn, tenant_id=tenant_id, snapshot_id=second)
    values = {"tenant_id": tenant_id, "first": first, "second": second, "most": min(sample, MOST_SAMPLED)}
    row = await (await conn.execute(_SQL["compare"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no snapshot {first}.", remedy="Check the id.")
    return Compared(
        before,
        after,
        joined=row["joined"],
        left=row["parted"],
        stayed=row["stayed"],
        joined_sample=row["joined_sample"],
        left_sample=row["left_sample"],
    )


def _of_segment(snapshot: Snapshot, segment_id: int) -> Snapshot:
    if snapshot.segment_id != segment_id:
        raise Conflict(
            f"The key {snapshot.key!r} names snapshot {snapshot.snapshot_id} of another segment.",
            remedy="Use another key.",
        )
    return snapshot


def _snapshot(row: Mapping[str, Any] | None, wanted: str, *, started: Started = NOTHING_STARTED) -> Snapshot:
    if row is None:
        raise NotFound(f"There is no snapshot {wanted}.", remedy="Check the id.")
    return Snapshot(**{**row, "members_hash": bytes(row["members_hash"])}, started=started)
