"""Snapshots: who was in a segment at an instant, counted, hashed, and never anybody else afterwards."""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from engine.db import Database
from engine.profiles import upsert_profiles
from engine.segments import Segment, save_segment
from engine.snapshots import Snapshot, create_snapshot, get_snapshot, verify_snapshot
from graph.mirror import compare
from rules.errors import LeoError, NotFound
from tests.conftest import Tenant

HUE = {"all": [{"attribute": "city", "is": "Huế"}]}


async def people(db: Database, tenant: Tenant, cities: Mapping[str, str]) -> Mapping[str, int]:
    documents = [{"ext_id": ext_id, "attributes": {"city": city}} for ext_id, city in cities.items()]
    async with db.transaction(tenant.tenant_id) as connection:
        return (await upsert_profiles(connection, tenant_id=tenant.tenant_id, profiles=documents)).ids


async def saved(db: Database, tenant: Tenant, rule: Mapping[str, Any] = HUE) -> Segment:
    async with db.transaction(tenant.tenant_id) as connection:
        return await save_segment(connection, tenant_id=tenant.tenant_id, key="hue", name="Huế", rule=rule)


async def frozen(db: Database, tenant: Tenant, segment: Segment) -> Snapshot:
    async with db.transaction(tenant.tenant_id) as connection:
        return await create_snapshot(connection, tenant_id=tenant.tenant_id, segment_id=segment.segment_id)


async def listed(db: Database, tenant: Tenant, snapshot: Snapshot) -> list[int]:
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await connection.execute(
            "SELECT profile_id FROM segment_snapshot_member WHERE snapshot_id = %s ORDER BY profile_id",
            (snapshot.snapshot_id,),
        )
        return [row["profile_id"] for row in await rows.fetchall()]


def hash_of(ids: list[int]) -> bytes:
    """The documented hash, made without the database."""
    return hashlib.sha256(b"".join(profile_id.to_bytes(8, "big") for profile_id in sorted(ids))).digest()


async def test_a_snapshot_lists_who_fits_now_with_their_number_and_hash(db: Database, tenant: Tenant) -> None:
    ids = await people(db, tenant, {"a": "Huế", "b": "Vinh", "c": "Huế", "d": "Huế"})
    snapshot = await frozen(db, tenant, await saved(db, tenant))
    expected = sorted(ids[ext_id] for ext_id in "acd")
    assert await listed(db, tenant, snapshot) == expected
    assert (snapshot.member_count, snapshot.members_hash) == (3, hash_of(expected))
    assert (snapshot.segment_version, snapshot.rule) == (1, HUE)


async def test_a_snapshot_of_nobody_is_whole(db: Database, tenant: Tenant) -> None:
    snapshot = await frozen(db, tenant, await saved(db, tenant))
    assert (snapshot.member_count, snapshot.members_hash) == (0, hash_of([]))
    async with db.transaction(tenant.tenant_id) as connection:
        verified = await verify_snapshot(connection, tenant_id=tenant.tenant_id, snapshot_id=snapshot.snapshot_id)
    assert verified.is_whole


async def test_later_changes_reach_the_next_snapshot_alone(db: Database, tenant: Tenant) -> None:
    ids = await people(db, tenant, {"a": "Huế", "b": "Huế"})
    segment = await saved(db, tenant)
    first = await frozen(db, tenant, segment)
    await people(db, tenant, {"a": "Vinh", "c": "Huế"})
    await saved(db, tenant, {"all": []})
    second = await frozen(db, tenant, segment)
    assert await listed(db, tenant, first) == sorted(ids.values())
    assert len(await listed(db, tenant, second)) == 3
    assert (first.segment_version, second.segment_version) == (1, 2)
    assert (first.rule, second.rule) == (HUE, {"all": []})
    async with db.transaction(tenant.tenant_id) as connection:
        again = await get_snapshot(connection, tenant_id=tenant.tenant_id, snapshot_id=first.snapshot_id)
        whole = await verify_snapshot(connection, tenant_id=tenant.tenant_id, snapshot_id=first.snapshot_id)
    assert again == first
    assert whole.is_whole


async def test_a_snapshot_is_in_the_graph(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, {"a": "Huế"})
    await frozen(db, tenant, await saved(db, tenant))
    async with db.transaction(tenant.tenant_id) as connection:
        differences = await compare(connection)
    assert "Snapshot" in {one.label for one in differences}
    assert not any(one.missing or one.extra or one.different for one in differences)


async def test_snapshots_taken_at_once_are_each_whole(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, {str(number): "Huế" for number in range(50)})
    segment = await saved(db, tenant)
    taken = await asyncio.gather(*(frozen(db, tenant, segment) for _ in range(4)))
    assert len({one.snapshot_id for one in taken}) == 4
    assert {one.members_hash for one in taken} == {taken[0].members_hash}
    for snapshot in taken:
        async with db.transaction(tenant.tenant_id) as connection:
            verified = await verify_snapshot(connection, tenant_id=tenant.tenant_id, snapshot_id=snapshot.snapshot_id)
        assert verified.is_whole


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE segment_snapshot SET member_count = 9 WHERE snapshot_id = %s",
        "DELETE FROM segment_snapshot_member WHERE snapshot_id = %s",
        "DELETE FROM segment_snapshot WHERE snapshot_id = %s",
    ],
)
async def test_the_application_cannot_change_a_snapshot(db: Database, tenant: Tenant, statement: str) -> None:
    await people(db, tenant, {"a": "Huế"})
    snapshot = await frozen(db, tenant, await saved(db, tenant))
    with pytest.raises(LeoError):
        async with db.transaction(tenant.tenant_id) as connection:
            await connection.execute(statement, (snapshot.snapshot_id,))
    async with db.transaction(tenant.tenant_id) as connection:
        verified = await verify_snapshot(connection, tenant_id=tenant.tenant_id, snapshot_id=snapshot.snapshot_id)
    assert verified.is_whole


async def test_what_differs_from_its_header_is_not_whole(db: Database, tenant: Tenant, admin_url: str) -> None:
    """Only a superuser who switches the guard off can get there: then counting again tells."""
    ids = await people(db, tenant, {"a": "Huế", "b": "Huế"})
    snapshot = await frozen(db, tenant, await saved(db, tenant))
    with psycopg.connect(admin_url) as connection:
        # Within one transaction, and back to ALWAYS: the database is that of the other tests too.
        guard = "TRIGGER segment_snapshot_member_prevent_removal"
        connection.execute(f"ALTER TABLE segment_snapshot_member DISABLE {guard}")
        connection.execute("DELETE FROM segment_snapshot_member WHERE profile_id = %s", (ids["a"],))
        connection.execute(f"ALTER TABLE segment_snapshot_member ENABLE ALWAYS {guard}")
    async with db.transaction(tenant.tenant_id) as connection:
        verified = await verify_snapshot(connection, tenant_id=tenant.tenant_id, snapshot_id=snapshot.snapshot_id)
    assert (verified.is_whole, verified.member_count, verified.snapshot.member_count) == (False, 1, 2)


async def test_a_snapshot_needs_a_segment_of_the_tenant(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    await people(db, tenant, {"a": "Huế"})
    segment = await saved(db, tenant)
    snapshot = await frozen(db, tenant, segment)
    for claimed in (tenant, other_tenant):
        async with db.transaction(other_tenant.tenant_id) as connection:
            with pytest.raises(NotFound):
                await create_snapshot(connection, tenant_id=claimed.tenant_id, segment_id=segment.segment_id)
            for look in (get_snapshot, verify_snapshot):
                with pytest.raises(NotFound):
                    await look(connection, tenant_id=claimed.tenant_id, snapshot_id=snapshot.snapshot_id)
