"""A refresh writes who joined and who left, and an active campaign that waits for them gets exactly those."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import segments
from engine.db import Database
from engine.queries import queries
from graph.mirror import compare
from rules.errors import Conflict, InvalidInput, NotFound
from rules.words import Cause, Lane
from tests.conftest import Tenant
from tests.engine.crowd import BUYERS, HUE, Crowd


@pytest.fixture
def crowd(db: Database, tenant: Tenant) -> Crowd:
    return Crowd(db, tenant)


async def test_only_who_joined_or_left_is_written(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"}, binh={"city": "Huế"}, chi={"city": "Đà Lạt"})
    segment = await crowd.refreshed("hue", HUE)
    before = {row["profile_id"]: row for row in await crowd.rows("SELECT * FROM segment_member")}
    ids = await crowd.change(binh={"city": "Vinh"}, chi={"city": "Huế"})
    diff = await crowd.refresh(segment, cause=Cause.SCHEDULE)
    assert (diff.joined, diff.left, diff.size) == (1, 1, 2)
    after = {row["profile_id"]: row for row in await crowd.rows("SELECT * FROM segment_member")}
    assert before.keys() - after.keys() == {ids["binh"]}
    assert after.keys() - before.keys() == {ids["chi"]}
    assert all(after[one] == before[one] for one in after.keys() & before.keys())
    assert await crowd.moves("hue") == [("an", "joined"), ("binh", "joined"), ("binh", "left"), ("chi", "joined")]
    (row,) = await crowd.rows("SELECT * FROM segment_refresh WHERE refresh_id = %(id)s", id=diff.refresh_id)
    assert (row["cause"], row["joined"], row["left"], row["size"], row["version"]) == ("schedule", 1, 1, 2, 1)
    assert row["took_ms"] > 0


async def test_a_refresh_that_finds_nothing_new_writes_no_member(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"})
    segment = await crowd.refreshed("hue", HUE)
    diff = await crowd.refresh(segment)
    assert (diff.joined, diff.left, diff.size, diff.started) == (0, 0, 1, segments.Started())
    assert len(await crowd.moves("hue")) == 1


async def test_the_graph_has_the_members_that_the_table_has(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"}, binh={"city": "Huế"})
    segment = await crowd.refreshed("hue", HUE)
    await crowd.change(an={"city": "Vinh"})
    await crowd.refresh(segment)
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        assert sum(one.total for one in await compare(conn)) == 0


async def test_the_first_refresh_is_a_baseline_and_starts_nothing(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"})
    segment = await crowd.save("hue", HUE)
    await crowd.campaign(segment, "joined")
    diff = await crowd.refresh(segment)
    assert (diff.joined, diff.started) == (1, segments.Started())
    assert await crowd.runs() == []


async def test_a_campaign_gets_exactly_those_who_joined_and_another_those_who_left(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"}, binh={"city": "Huế"}, chi={}, dung={})
    segment = await crowd.refreshed("hue", HUE)
    joined, left = await crowd.campaign(segment, "joined"), await crowd.campaign(segment, "left")
    await crowd.campaign(segment, "joined", status="paused")
    await crowd.change(an={"city": "Vinh"}, chi={"city": "Huế"}, dung={"city": "Huế"})
    diff = await crowd.refresh(segment)
    runs = await crowd.runs()
    assert {run["campaign_id"]: run["people"] for run in runs} == {joined: ["chi", "dung"], left: ["an"]}
    assert {(run["kind"], run["lane"]) for run in runs} == {("membership", "realtime")}
    assert sorted(diff.started.realtime) == sorted(one for run in runs for one in run["batch_ids"])


async def test_many_who_join_are_bulk_work_in_batches_of_500(crowd: Crowd) -> None:
    segment = await crowd.refreshed("hue", HUE)
    await crowd.campaign(segment, "joined")
    everybody: dict[str, Any] = {f"kh-{number}": {"city": "Huế"} for number in range(1100)}
    await crowd.change(**everybody)
    diff = await crowd.refresh(segment)
    (run,) = await crowd.runs()
    assert (run["lane"], run["batches"], len(set(run["people"]))) == ("bulk", 3, 1100)
    assert len(diff.started.of(Lane.BULK)) == 3
    rows = await crowd.rows("SELECT cardinality(profile_ids) AS people FROM run_batch ORDER BY 1")
    assert [row["people"] for row in rows] == [100, 500, 500]


@pytest.mark.parametrize(("people", "lane"), [(3, "realtime"), (4, "bulk")])
async def test_as_many_as_one_batch_holds_are_not_bulk_work(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, people: int, lane: str
) -> None:
    monkeypatch.setattr("engine.segments.runs.REALTIME_MOST", 3)
    segment = await crowd.refreshed("hue", HUE)
    await crowd.campaign(segment, "joined")
    everybody: dict[str, Any] = {f"kh-{number}": {"city": "Huế"} for number in range(people)}
    await crowd.change(**everybody)
    await crowd.refresh(segment)
    assert [run["lane"] for run in await crowd.runs()] == [lane]


async def test_a_segment_that_is_being_refreshed_is_left_to_whoever_does(crowd: Crowd) -> None:
    first = await crowd.refreshed("hue", HUE, schedule="0 6 * * *")
    await crowd.refreshed("buyers", BUYERS, schedule="0 7 * * *")
    due = queries("segments")["due"]
    values = {"now": datetime.now(UTC) + timedelta(days=2)}
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        await segments.refresh_segment(conn, tenant_id=crowd.tenant.tenant_id, segment_id=first.segment_id)
        async with asyncio.timeout(5):
            rows = await crowd.rows(due, **values)
    assert [row["key"] for row in rows] == ["buyers"]


async def test_another_name_is_no_other_version(crowd: Crowd) -> None:
    await crowd.save("one", HUE)
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        saved = await segments.save_segment(conn, tenant_id=crowd.tenant.tenant_id, key="one", name="Another", rule=HUE)
    assert (saved.name, saved.version) == ("Another", 1)


async def test_another_rule_is_another_version_and_an_old_one_stays_readable(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"})
    segment = await crowd.refreshed("one", HUE)
    await crowd.refreshed("one", BUYERS)
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        found = await segments.versions(conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id)
    assert [(one.version, one.rule) for one in found] == [(2, BUYERS), (1, HUE)]
    assert await crowd.moves("one") == [("an", "joined"), ("an", "left")]
    rows = await crowd.rows("SELECT version FROM segment_refresh ORDER BY refresh_id")
    assert [row["version"] for row in rows] == [1, 2]


@pytest.mark.parametrize(
    ("schedule", "zone", "now", "due"),
    [
        ("0 6 * * *", "Asia/Ho_Chi_Minh", "2026-05-01T00:00:00+00:00", "2026-05-01T23:00:00+00:00"),
        ("30 * * * *", "UTC", "2026-05-01T09:30:00+00:00", "2026-05-01T10:30:00+00:00"),
        # Clocks in Berlin go from 2 to 3 on 29 March 2026, and from 3 back to 2 on 25 October.
        ("0 6 * * *", "Europe/Berlin", "2026-03-28T12:00:00+00:00", "2026-03-29T04:00:00+00:00"),
        ("0 6 * * *", "Europe/Berlin", "2026-03-27T12:00:00+00:00", "2026-03-28T05:00:00+00:00"),
        ("0 6 * * *", "Europe/Berlin", "2026-10-24T12:00:00+00:00", "2026-10-25T05:00:00+00:00"),
    ],
)
async def test_a_refresh_is_due_again_when_its_clock_says(
    crowd: Crowd, schedule: str, zone: str, now: str, due: str
) -> None:
    segment = await crowd.save("hue", HUE, schedule=schedule, zone=zone)
    assert segment.due_at is not None
    assert segment.due_at > datetime.now(UTC)
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        await segments.refresh_segment(
            conn,
            tenant_id=crowd.tenant.tenant_id,
            segment_id=segment.segment_id,
            cause=Cause.SCHEDULE,
            now=datetime.fromisoformat(now),
        )
    assert (await crowd.segment("hue")).due_at == datetime.fromisoformat(due)


async def test_a_schedule_without_a_zone_follows_the_tenants_clock(crowd: Crowd) -> None:
    segment = await crowd.save("hue", HUE, schedule="0 6 * * *")
    assert segment.zone == "Asia/Ho_Chi_Minh"
    assert segment.due_at is not None
    assert segment.due_at.astimezone(UTC).hour == 23
    unscheduled = await crowd.save("hue", HUE)
    assert (unscheduled.schedule, unscheduled.zone, unscheduled.due_at) == (None, None, None)


@pytest.mark.parametrize("schedule", ["", "* * * *", "* * * * * *", "61 * * * *", "@daily", "0 6 31 2 *", "x" * 200])
async def test_a_schedule_that_names_no_time_is_refused(crowd: Crowd, schedule: str) -> None:
    with pytest.raises(InvalidInput, match="schedule"):
        await crowd.save("hue", HUE, schedule=schedule)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "Asia"])
async def test_a_zone_that_is_none_is_refused(crowd: Crowd, zone: str) -> None:
    with pytest.raises(InvalidInput, match="zone"):
        await crowd.save("hue", HUE, schedule="0 6 * * *", zone=zone)


async def test_who_refers_to_a_segment_that_is_not_there_or_to_itself_is_refused(crowd: Crowd) -> None:
    with pytest.raises(NotFound, match="nobody"):
        await crowd.save("one", {"segment": "nobody"})
    await crowd.save("one", HUE)
    await crowd.save("two", {"not": {"segment": "one"}})
    await crowd.save("three", {"all": [{"segment": "two"}, HUE]})
    for rule in ({"segment": "one"}, {"any": [HUE, {"segment": "three"}]}, {"like": {"segment": "two"}, "within": 1}):
        with pytest.raises(InvalidInput, match="refer to itself"):
            await crowd.save("one", rule)
    assert (await crowd.segment("one")).rule == HUE


async def test_a_graph_pattern_that_is_not_there_or_lacks_a_value_is_refused(crowd: Crowd) -> None:
    with pytest.raises(NotFound, match="nosuch"):
        await crowd.save("one", {"graph": "nosuch"})
    with pytest.raises(InvalidInput, match="values"):
        await crowd.save("one", {"graph": "bought_product"})


async def test_an_archived_segment_has_nobody_and_is_not_refreshed(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"})
    segment = await crowd.refreshed("hue", HUE, schedule="0 6 * * *")
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        await segments.archive_segment(conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id)
    archived = await crowd.segment("hue")
    assert archived.archived_at is not None
    assert (archived.due_at, archived.size) == (None, 0)
    with pytest.raises(Conflict, match="archived"):
        await crowd.refresh(segment)
    with pytest.raises(NotFound):
        await crowd.save("other", {"segment": "hue"})
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        assert await segments.list_segments(conn, tenant_id=crowd.tenant.tenant_id) == []
    again = await crowd.save("hue", HUE)
    assert (again.segment_id, again.archived_at) == (segment.segment_id, None)


@pytest.mark.parametrize("use", ["trigger_segment_id", "segment_id"])
async def test_a_segment_that_a_campaign_uses_is_not_archived(crowd: Crowd, use: str) -> None:
    segment = await crowd.refreshed("hue", HUE)
    await crowd.campaign(segment, "joined")
    if use == "segment_id":
        await crowd.rows(
            "UPDATE campaign SET segment_id = trigger_segment_id, trigger_segment_id = NULL, trigger_change = NULL"
        )
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        with pytest.raises(Conflict, match="joined active"):
            await segments.archive_segment(conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id)
    await crowd.rows("UPDATE campaign SET status = 'ended'")
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        await segments.archive_segment(conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id)
