"""A snapshot is who was in a segment at an instant, for ever."""

import hashlib

import pytest

from engine import profiles, segments, snapshots
from engine.db import Database
from rules.errors import NotFound, SnapshotImmutable
from tests.conftest import Tenant


async def _segment(db: Database, tenant: Tenant, people: int) -> int:
    documents = [{"ext_id": f"kh-{number}", "attributes": {"vip": True}} for number in range(people)]
    async with db.transaction(tenant.tenant_id) as conn:
        await profiles.upsert_profiles(conn, tenant_id=tenant.tenant_id, profiles=documents)
        saved = await segments.save_segment(
            conn,
            tenant_id=tenant.tenant_id,
            key="vip",
            name="VIP",
            rule={"all": [{"attribute": "vip", "is": True}]},
        )
    return saved.segment_id


async def _create(db: Database, tenant: Tenant, segment_id: int) -> snapshots.Snapshot:
    async with db.transaction(tenant.tenant_id) as conn:
        return await snapshots.create_snapshot(conn, tenant_id=tenant.tenant_id, segment_id=segment_id)


@pytest.mark.parametrize("people", [0, 1, 700])
async def test_a_snapshot_is_taken_of_who_satisfies_the_rule_at_that_instant(
    db: Database, tenant: Tenant, people: int
) -> None:
    segment_id = await _segment(db, tenant, people)
    made = await _create(db, tenant, segment_id)
    async with db.transaction(tenant.tenant_id) as conn:
        rows = await (
            await conn.execute("SELECT profile_id FROM segment_snapshot_member ORDER BY profile_id")
        ).fetchall()
        verified = await snapshots.verify_snapshot(conn, tenant_id=tenant.tenant_id, snapshot_id=made.snapshot_id)
    ids = [row["profile_id"] for row in rows]
    assert made.member_count == len(ids) == people
    assert made.members_hash == hashlib.sha256(b"".join(one.to_bytes(8) for one in ids)).digest()
    assert verified.is_whole
    assert verified.snapshot == made


async def test_what_changes_later_changes_no_snapshot(db: Database, tenant: Tenant) -> None:
    segment_id = await _segment(db, tenant, 3)
    made = await _create(db, tenant, segment_id)
    async with db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE cdp_profiles SET attributes = '{}'")
    later = await _create(db, tenant, segment_id)
    assert (made.member_count, later.member_count) == (3, 0)
    assert (made.segment_version, later.segment_version) == (1, 1)
    async with db.transaction(tenant.tenant_id) as conn:
        assert await snapshots.get_snapshot(conn, tenant_id=tenant.tenant_id, snapshot_id=made.snapshot_id) == made
    for statement in ("UPDATE segment_snapshot SET member_count = 1", "DELETE FROM segment_snapshot_member"):
        with pytest.raises(SnapshotImmutable):
            async with db.transaction(tenant.tenant_id) as conn:
                await conn.execute(statement)


async def test_a_snapshot_of_another_tenant_or_of_no_segment_is_not_there(
    db: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    segment_id = await _segment(db, tenant, 1)
    made = await _create(db, tenant, segment_id)
    with pytest.raises(NotFound):
        await _create(db, other_tenant, segment_id)
    async with db.transaction(other_tenant.tenant_id) as conn:
        with pytest.raises(NotFound):
            await snapshots.get_snapshot(conn, tenant_id=tenant.tenant_id, snapshot_id=made.snapshot_id)
