"""A snapshot is who was in a segment at an instant, for ever."""

import asyncio
import hashlib
import itertools
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from engine import profiles, segments, snapshots
from engine.db import Database
from rules.errors import Conflict, NotFound, SnapshotImmutable
from tests.conftest import Tenant
from tests.engine.crowd import BUYERS, HUE, Crowd
from tests.engine.ledger import forge


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


async def _create(db: Database, tenant: Tenant, segment_id: int, *, key: str | None = None) -> snapshots.Snapshot:
    async with db.transaction(tenant.tenant_id) as conn:
        return await snapshots.create_snapshot(conn, tenant_id=tenant.tenant_id, segment_id=segment_id, key=key)


async def _members(db: Database, tenant: Tenant, snapshot_id: int, **page: int) -> list[Mapping[str, Any]]:
    async with db.transaction(tenant.tenant_id) as conn:
        return await snapshots.snapshot_members(conn, tenant_id=tenant.tenant_id, snapshot_id=snapshot_id, **page)


@pytest.fixture
def crowd(db: Database, tenant: Tenant) -> Crowd:
    return Crowd(db, tenant)


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


async def test_a_snapshot_says_its_rule_as_it_was(db: Database, tenant: Tenant, crowd: Crowd) -> None:
    segment = await crowd.refreshed("hue", HUE)
    made = await _create(db, tenant, segment.segment_id, key="thang-5")
    await crowd.refreshed("hue", BUYERS)
    async with db.transaction(tenant.tenant_id) as conn:
        kept = await snapshots.get_snapshot(conn, tenant_id=tenant.tenant_id, snapshot_id=made.snapshot_id)
    assert (kept.segment_version, kept.rule, kept.key) == (1, HUE, "thang-5")
    assert kept.rule_text.keys() == {"en", "vi"}
    assert all("Huế" in said for said in kept.rule_text.values())


async def test_the_same_key_gives_the_same_snapshot_and_not_another_segments(
    db: Database, tenant: Tenant, other_tenant: Tenant, crowd: Crowd
) -> None:
    await crowd.change(an={"city": "Huế"}, recheck=False)
    hue, buyers = await crowd.refreshed("hue", HUE), await crowd.refreshed("buyers", BUYERS)
    made = await _create(db, tenant, hue.segment_id, key="thang-5")
    await crowd.change(binh={"city": "Huế"}, recheck=False)
    assert await _create(db, tenant, hue.segment_id, key="thang-5") == made
    # Nothing was refreshed for a snapshot that is there already.
    assert await crowd.members("hue") == {"an"}
    with pytest.raises(Conflict, match="thang-5"):
        await _create(db, tenant, buyers.segment_id, key="thang-5")
    theirs = await Crowd(db, other_tenant).refreshed("hue", HUE)
    assert (await _create(db, other_tenant, theirs.segment_id, key="thang-5")).member_count == 0


async def test_many_at_once_with_one_key_make_one_snapshot(db: Database, tenant: Tenant, crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"}, recheck=False)
    segment = await crowd.save("hue", HUE)
    made = await asyncio.gather(*(_create(db, tenant, segment.segment_id, key="thang-5") for _ in range(8)))
    assert len({one.snapshot_id for one in made}) == 1
    assert await crowd.rows("SELECT count(*) AS n FROM segment_snapshot") == [{"n": 1}]


async def test_one_key_at_once_for_two_segments_is_given_to_one_of_them(
    db: Database, tenant: Tenant, crowd: Crowd
) -> None:
    saved = [await crowd.save("hue", HUE), await crowd.save("buyers", BUYERS)]
    done = await asyncio.gather(
        *(_create(db, tenant, segment.segment_id, key="thang-5") for segment in saved), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["Conflict", "Snapshot"]


async def test_a_snapshot_never_shows_half_of_what_a_writer_commits(db: Database, tenant: Tenant, crowd: Crowd) -> None:
    """Writers move whole pages of people in and out, as a sync does: a list with a part of a page would be torn."""
    size, pages = 50, 4
    names = [[f"kh-{page}-{number}" for number in range(size)] for page in range(pages)]
    await crowd.change(**{name: {"city": "Vinh"} for name in itertools.chain(*names)}, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    is_over = asyncio.Event()

    async def write(page: int) -> int:
        turns = 0
        while not is_over.is_set():
            city = ("Huế", "Vinh")[turns % 2]
            await crowd.change(**{name: {"city": city} for name in names[page]}, recheck=turns % 3 == 0)
            turns += 1
        return turns

    async def look_again() -> int:
        turns = 0
        while not is_over.is_set():
            await crowd.recheck()
            turns += 1
            await asyncio.sleep(0)
        return turns

    at_work = [asyncio.create_task(one) for one in (*map(write, range(pages)), look_again())]
    made = [await _create(db, tenant, segment.segment_id) for _ in range(25)]
    is_over.set()
    turns = await asyncio.gather(*at_work)
    assert min(turns) > 1
    for one in made:
        found = [row["ext_id"] for row in await _members(db, tenant, one.snapshot_id, limit=1_000)]
        by_page = {page: sum(name.startswith(f"kh-{page}-") for name in found) for page in range(pages)}
        assert set(by_page.values()) <= {0, size}, by_page
        async with db.transaction(tenant.tenant_id) as conn:
            again = await snapshots.verify_snapshot(conn, tenant_id=tenant.tenant_id, snapshot_id=one.snapshot_id)
        assert again.is_whole
        assert one.member_count == len(found)
    assert len({one.members_hash for one in made}) > 1


async def test_who_joins_before_a_snapshot_starts_the_campaign_that_waits_for_it(
    db: Database, tenant: Tenant, crowd: Crowd
) -> None:
    segment = await crowd.refreshed("hue", HUE)
    await crowd.campaign(segment, "joined")
    await crowd.change(an={"city": "Huế"}, recheck=False)
    made = await _create(db, tenant, segment.segment_id)
    (run,) = await crowd.runs()
    assert (run["kind"], run["people"]) == ("membership", ["an"])
    assert list(made.started.realtime) == run["batch_ids"]


async def test_an_archived_segment_is_not_frozen_and_its_snapshots_stay(
    db: Database, tenant: Tenant, crowd: Crowd
) -> None:
    await crowd.change(an={"city": "Huế"}, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    made = await _create(db, tenant, segment.segment_id, key="thang-5")
    async with db.transaction(tenant.tenant_id) as conn:
        await segments.archive_segment(conn, tenant_id=tenant.tenant_id, segment_id=segment.segment_id)
    with pytest.raises(Conflict, match="archived"):
        await _create(db, tenant, segment.segment_id)
    assert await _create(db, tenant, segment.segment_id, key="thang-5") == made
    assert [row["ext_id"] for row in await _members(db, tenant, made.snapshot_id)] == ["an"]


async def test_two_snapshots_are_compared_by_who_joined_left_and_stayed(
    db: Database, tenant: Tenant, crowd: Crowd
) -> None:
    await crowd.change(**{name: {"city": "Huế"} for name in ("an", "binh", "chi")}, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    first = await _create(db, tenant, segment.segment_id)
    await crowd.change(an={"city": "Vinh"}, dao={"city": "Huế"}, em={"city": "Huế"}, recheck=False)
    second = await _create(db, tenant, segment.segment_id)

    async def compared(one: int, other: int, *, sample: int = 10, by: UUID = tenant.tenant_id) -> snapshots.Compared:
        async with db.transaction(by) as conn:
            return await snapshots.compare_snapshots(conn, tenant_id=by, first=one, second=other, sample=sample)

    there = await compared(first.snapshot_id, second.snapshot_id)
    assert (there.first, there.second) == (first, second)
    assert (there.joined, there.left, there.stayed) == (2, 1, 2)
    assert (list(there.joined_sample), list(there.left_sample)) == (["dao", "em"], ["an"])
    back = await compared(second.snapshot_id, first.snapshot_id, sample=1)
    assert (back.joined, back.left, back.stayed) == (1, 2, 2)
    assert (list(back.joined_sample), list(back.left_sample)) == (["an"], ["dao"])
    same = await compared(first.snapshot_id, first.snapshot_id)
    assert (same.joined, same.left, same.stayed) == (0, 0, 3)
    with pytest.raises(NotFound, match="999"):
        await compared(first.snapshot_id, 999)


async def test_snapshots_and_members_come_by_pages(db: Database, tenant: Tenant, crowd: Crowd) -> None:
    names = [f"kh-{number}" for number in range(5)]
    await crowd.change(**{name: {"city": "Huế"} for name in names}, recheck=False)
    hue, buyers = await crowd.refreshed("hue", HUE), await crowd.refreshed("buyers", BUYERS)
    made = [await _create(db, tenant, one.segment_id) for one in (hue, buyers, hue)]
    async with db.transaction(tenant.tenant_id) as conn:

        async def listed(**page: int) -> list[snapshots.Snapshot]:
            return await snapshots.list_snapshots(conn, tenant_id=tenant.tenant_id, **page)

        assert await listed() == made
        assert await listed(limit=2) == made[:2]
        assert await listed(after=made[1].snapshot_id) == made[2:]
        assert await listed(segment_id=hue.segment_id) == [made[0], made[2]]
    first = await _members(db, tenant, made[0].snapshot_id, limit=3)
    rest = await _members(db, tenant, made[0].snapshot_id, after=first[-1]["profile_id"])
    assert [row["ext_id"] for row in (*first, *rest)] == names


async def test_a_snapshot_in_which_one_stands_for_another_is_not_whole(
    db: Database, tenant: Tenant, crowd: Crowd, admin_url: str
) -> None:
    ids = await crowd.change(an={"city": "Huế"}, binh={"city": "Vinh"}, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    made = await _create(db, tenant, segment.segment_id)
    exchange = f"UPDATE segment_snapshot_member SET profile_id = {ids['binh']} WHERE profile_id = {ids['an']}"  # noqa: S608
    forge(admin_url, tenant, "segment_snapshot_member", exchange)
    async with db.transaction(tenant.tenant_id) as conn:
        found = await snapshots.verify_snapshot(conn, tenant_id=tenant.tenant_id, snapshot_id=made.snapshot_id)
    assert (found.member_count, found.is_whole) == (1, False)


async def test_who_is_erased_stays_counted_and_has_no_name(db: Database, tenant: Tenant, crowd: Crowd) -> None:
    ids = await crowd.change(an={"city": "Huế"}, binh={"city": "Huế"}, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    made = await _create(db, tenant, segment.segment_id)
    await crowd.rows("DELETE FROM cdp_profiles WHERE ext_id = 'an'")
    found = await _members(db, tenant, made.snapshot_id)
    assert [(row["profile_id"], row["ext_id"]) for row in found] == [(ids["an"], None), (ids["binh"], "binh")]
    async with db.transaction(tenant.tenant_id) as conn:
        assert (
            await snapshots.verify_snapshot(conn, tenant_id=tenant.tenant_id, snapshot_id=made.snapshot_id)
        ).is_whole
        compared = await snapshots.compare_snapshots(
            conn, tenant_id=tenant.tenant_id, first=made.snapshot_id, second=made.snapshot_id
        )
    assert compared.stayed == 2
