"""An event or a change has one person looked at again, in the segments it can move them in, whatever else goes on."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import segments
from engine.db import Database
from rules.words import OutcomeType
from tests.conftest import Tenant
from tests.engine.crowd import BUYERS, HUE, Crowd

RECENT_BUYERS: dict[str, Any] = {"event": "purchase", "in_last_days": 30}


@pytest.fixture
def crowd(db: Database, tenant: Tenant) -> Crowd:
    return Crowd(db, tenant)


async def test_who_does_something_joins_at_once_and_nobody_else_is_looked_at(crowd: Crowd) -> None:
    await crowd.change(an={}, binh={}, recheck=False)
    await crowd.refreshed("buyers", BUYERS)
    # Not for a recheck to see: binh is not asked for.
    await crowd.happen("purchase", "an", "binh")
    await crowd.rows(
        "DELETE FROM recheck r USING cdp_profiles p WHERE p.profile_id = r.profile_id AND p.ext_id = 'binh'"
    )
    done = await crowd.recheck()
    assert (done.people, done.changes, done.postponed) == (1, 1, 0)
    assert await crowd.members("buyers") == {"an"}
    assert await crowd.moves("buyers") == [("an", "joined")]
    rows = await crowd.rows('SELECT cause, joined, "left" FROM segment_refresh ORDER BY refresh_id DESC LIMIT 1')
    assert rows == [{"cause": "event", "joined": 1, "left": 0}]
    assert await crowd.waiting() == {}


async def test_who_undoes_it_leaves_at_once(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    await crowd.refreshed("faithful", {"not": {"event": "unsubscribed"}})
    await crowd.happen("unsubscribed", "an")
    assert (await crowd.recheck()).changes == 1
    assert await crowd.moves("faithful") == [("an", "joined"), ("an", "left")]
    rows = await crowd.rows('SELECT joined, "left" FROM segment_refresh ORDER BY refresh_id DESC LIMIT 1')
    assert rows == [{"joined": 0, "left": 1}]


async def test_only_a_segment_that_listens_is_asked(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Vinh"}, recheck=False)
    await crowd.refreshed("hue", HUE)
    await crowd.refreshed("buyers", {"any": [BUYERS, HUE]})
    # A change that nobody is told of: a recheck for an event of another kind must not see it in "hue".
    await crowd.change(an={"city": "Huế"}, recheck=False)
    await crowd.happen("purchase", "an")
    assert (await crowd.recheck()).changes == 1
    assert await crowd.members("buyers") == {"an"}
    assert await crowd.members("hue") == set()


async def test_an_event_that_no_segment_listens_to_is_no_work(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    await crowd.refreshed("buyers", BUYERS)
    await crowd.happen("page_view", "an")
    assert await crowd.waiting() == {}
    assert await crowd.recheck() == segments.Rechecked()


async def test_a_graph_pattern_listens_to_every_event(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    await crowd.refreshed("found", {"graph": {"cypher": "MATCH (p:Profile) RETURN p.profile_id"}})
    await crowd.happen("page_view", "an")
    assert await crowd.waiting() == {"an": ["page_view"]}


async def test_a_graph_pattern_is_asked_at_any_event(crowd: Crowd) -> None:
    await crowd.refreshed("found", {"graph": {"cypher": "MATCH (p:Profile) WHERE p.ext_id = 'an' RETURN p.profile_id"}})
    await crowd.change(an={}, recheck=False)
    await crowd.happen("page_view", "an")
    assert (await crowd.recheck()).changes == 1
    assert await crowd.members("found") == {"an"}


async def test_events_of_one_person_are_one_piece_of_work(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    await crowd.refreshed("one", BUYERS)
    await crowd.refreshed("two", {"event": "page_view"})
    await crowd.happen("purchase", "an", "an")
    await crowd.happen("page_view", "an")
    assert await crowd.waiting() == {"an": ["page_view", "purchase"]}
    assert (await crowd.recheck()).changes == 2


async def test_a_change_through_the_api_has_every_segment_looked_at(crowd: Crowd) -> None:
    await crowd.change(an={}, binh={"city": "Huế"}, recheck=False)
    await crowd.refreshed("hue", HUE)
    await crowd.refreshed("buyers", BUYERS)
    await crowd.happen("purchase", "an")
    await crowd.change(an={"city": "Huế"}, binh={"city": "Huế"})
    assert await crowd.waiting() == {"an": []}
    assert (await crowd.recheck()).changes == 2
    assert await crowd.members("hue") == {"an", "binh"}
    assert await crowd.members("buyers") == {"an"}


async def test_somebody_new_joins_what_they_satisfy(crowd: Crowd) -> None:
    await crowd.refreshed("hue", HUE)
    await crowd.change(an={"city": "Huế"})
    await crowd.recheck()
    assert await crowd.members("hue") == {"an"}


async def test_who_is_gone_leaves(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"}, recheck=False)
    await crowd.refreshed("hue", HUE)
    await crowd.rows("UPDATE cdp_profiles SET status = 'deleted'")
    await crowd.rows("INSERT INTO recheck (tenant_id, profile_id) SELECT tenant_id, profile_id FROM cdp_profiles")
    await crowd.recheck()
    assert await crowd.members("hue") == set()


async def test_before_its_first_refresh_a_segment_is_left_alone(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    await crowd.save("buyers", BUYERS)
    await crowd.happen("purchase", "an")
    done = await crowd.recheck()
    assert (done.changes, done.postponed) == (0, 0)
    assert await crowd.members("buyers") == set()
    assert await crowd.waiting() == {}


async def test_an_archived_segment_is_not_asked(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    segment = await crowd.refreshed("buyers", BUYERS)
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        await segments.archive_segment(conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id)
    await crowd.happen("purchase", "an")
    assert await crowd.waiting() == {}


async def test_whoever_joins_at_an_event_gets_the_campaign_that_waits_for_it(crowd: Crowd) -> None:
    await crowd.change(an={}, binh={}, recheck=False)
    segment = await crowd.refreshed("buyers", BUYERS)
    campaign = await crowd.campaign(segment, "joined")
    await crowd.campaign(segment, "left")
    await crowd.happen("purchase", "an")
    done = await crowd.recheck()
    (run,) = await crowd.runs()
    assert (run["campaign_id"], run["kind"], run["lane"], run["people"]) == (campaign, "membership", "realtime", ["an"])
    assert list(done.started.realtime) == run["batch_ids"]
    await crowd.happen("purchase", "an")
    assert (await crowd.recheck()).changes == 0
    assert len(await crowd.runs()) == 1


async def test_who_was_merged_counts_for_whom_they_are(crowd: Crowd) -> None:
    ids = await crowd.change(an={}, twin={}, recheck=False)
    await crowd.refreshed("buyers", BUYERS)
    await crowd.rows(
        "UPDATE cdp_profiles SET status = 'merged', merged_into = %(an)s WHERE ext_id = 'twin'", an=ids["an"]
    )
    await crowd.happen("purchase", "twin")
    assert await crowd.waiting() == {"an": ["purchase"]}
    await crowd.recheck()
    assert await crowd.members("buyers") == {"an"}


async def test_an_event_of_a_clock_that_is_ahead_counts_when_its_time_has_come(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    await crowd.refreshed("buyers", RECENT_BUYERS)
    ahead = datetime.now(UTC) + timedelta(hours=2)
    await crowd.happen("purchase", "an", at=ahead)
    assert await crowd.recheck() == segments.Rechecked()
    assert (await crowd.recheck(now=ahead + timedelta(seconds=1))).changes == 1


async def test_who_comes_or_goes_may_move_in_a_segment_that_refers_to_that_one(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"}, recheck=False)
    await crowd.refreshed("buyers", BUYERS)
    await crowd.refreshed("looking", {"all": [HUE, {"not": {"segment": "buyers"}}]})
    await crowd.happen("purchase", "an")
    assert (await crowd.recheck()).changes == 1
    assert await crowd.waiting() == {"an": ["segment:buyers"]}
    assert (await crowd.recheck()).changes == 1
    assert await crowd.members("looking") == set()
    assert await crowd.recheck() == segments.Rechecked()


async def test_who_waits_for_a_refresh_waits_for_what_moved_them_meanwhile_too(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    segment = await crowd.refreshed("buyers", BUYERS)
    await crowd.refreshed("lookers", {"event": ["purchase", "page_view"]})
    await crowd.refreshed("others", {"not": {"segment": "lookers"}})
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        await segments.refresh_segment(conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id)
        await crowd.happen("purchase", "an")
        assert (await crowd.recheck()).postponed == 1
    assert await crowd.waiting() == {"an": ["purchase", "segment:lookers"]}


async def test_a_refresh_that_only_loses_somebody_makes_those_due_that_refer_to_it(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"}, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    await crowd.refreshed("others", {"not": {"segment": "hue"}})
    await crowd.change(an={"city": "Vinh"}, recheck=False)
    await crowd.refresh(segment)
    assert (await crowd.segment("others")).due_at is not None


async def test_a_refresh_that_moves_somebody_makes_those_due_that_refer_to_it(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    await crowd.refreshed("others", {"not": {"segment": "hue"}})
    await crowd.save("unrefreshed", {"segment": "hue"})
    await crowd.refresh(segment)
    assert (await crowd.segment("others")).due_at is None
    await crowd.change(an={"city": "Huế"}, recheck=False)
    await crowd.refresh(segment)
    due_at = (await crowd.segment("others")).due_at
    assert due_at is not None
    assert due_at <= datetime.now(UTC)
    assert (await crowd.segment("unrefreshed")).due_at is None


async def test_what_came_of_a_message_is_an_event_like_any_other(crowd: Crowd) -> None:
    ids = await crowd.change(an={}, binh={}, recheck=False)
    await crowd.refreshed("clickers", {"outcome": "clicked"})
    await crowd.rows(
        "INSERT INTO channel (tenant_id, kind, name) VALUES (leo_tenant(), 'telegram', 'Telegram')",
    )
    await crowd.rows(
        "INSERT INTO profile_address (tenant_id, profile_id, channel, value)"
        " SELECT leo_tenant(), profile_id, 'telegram', profile_id::text FROM cdp_profiles"
    )
    for kind, ext_id in ((OutcomeType.CLICKED, "an"), (OutcomeType.READ, "binh")):
        await crowd.hear(kind, address=str(ids[ext_id]))
    assert await crowd.waiting() == {"an": ["outcome:clicked"]}
    assert (await crowd.recheck()).changes == 1
    assert await crowd.members("clickers") == {"an"}
    await crowd.hear(OutcomeType.UNSUBSCRIBED, address=str(ids["binh"]))
    assert await crowd.waiting() == {"binh": []}


async def test_a_rule_that_looks_at_everybody_is_left_to_its_refresh(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    first = {"graph": {"cypher": "MATCH (p:Profile) RETURN p.profile_id ORDER BY p.profile_id LIMIT 1"}}
    await crowd.refreshed("first", {"any": [BUYERS, first]})
    await crowd.happen("purchase", "an")
    assert await crowd.waiting() == {}
    await crowd.rows("DELETE FROM segment_member")
    await crowd.change(an={"city": "Huế"})
    assert (await crowd.recheck()).changes == 0


async def test_a_rule_that_cannot_be_asked_keeps_no_other_from_being_asked(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    await crowd.change(an={}, recheck=False)
    await crowd.refreshed("broken", {"graph": {"cypher": "MATCH (p:Profile) WHERE p.ext_id = 'x' RETURN p.profile_id"}})
    await crowd.refreshed("unreadable", BUYERS)
    await crowd.refreshed("buyers", BUYERS)
    await crowd.rows(
        'UPDATE segment SET version = 2, rule = \'{"graph": {"cypher":'
        " \"MATCH (p:Profile) WHERE 1 / (p.profile_id - p.profile_id) = 1 RETURN p.profile_id\"}}' WHERE key = 'broken'"
    )
    await crowd.rows(
        "UPDATE segment SET version = 2, rule = '{\"from\": \"another version\"}' WHERE key = 'unreadable'"
    )
    await crowd.happen("purchase", "an")
    assert (await crowd.recheck()).changes == 1
    assert await crowd.members("buyers") == {"an"}
    assert await crowd.waiting() == {}
    told = {getattr(record, "segment", None) for record in caplog.records if "cannot be asked" in record.message}
    assert told == {"broken", "unreadable"}


async def test_two_workers_never_look_at_one_person_at_the_same_time(crowd: Crowd) -> None:
    await crowd.change(an={}, binh={}, recheck=False)
    await crowd.refreshed("buyers", BUYERS)
    await crowd.happen("purchase", "an")
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        first = await segments.recheck_due(conn, tenant_id=crowd.tenant.tenant_id, now=datetime.now(UTC))
        assert await crowd.recheck() == segments.Rechecked()
        await crowd.happen("purchase", "binh")
        assert (await crowd.recheck()).people == 1
    assert first.changes == 1
    assert await crowd.members("buyers") == {"an", "binh"}


async def test_a_recheck_does_not_wait_for_a_refresh_and_its_person_is_not_lost(crowd: Crowd) -> None:
    """The refresh has read the person before the event; what it does not know of is done when it has ended."""
    await crowd.change(an={}, binh={}, recheck=False)
    segment = await crowd.refreshed("buyers", BUYERS)
    await crowd.refreshed("lookers", {"event": ["purchase", "page_view"]})
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        await segments.refresh_segment(conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id)
        await crowd.happen("purchase", "an")
        await crowd.happen("page_view", "binh")
        async with asyncio.timeout(5):
            done = await crowd.recheck()
        assert (done.people, done.changes, done.postponed) == (2, 2, 1)
    assert await crowd.members("lookers") == {"an", "binh"}
    assert await crowd.members("buyers") == set()
    assert await crowd.waiting() == {"an": ["purchase"]}
    assert await crowd.recheck() == segments.Rechecked()
    later = await crowd.recheck(now=datetime.now(UTC) + timedelta(seconds=2))
    assert (later.people, later.changes, later.postponed) == (1, 1, 0)
    assert await crowd.members("buyers") == {"an"}
    assert await crowd.moves("lookers") == [("an", "joined"), ("binh", "joined")]


async def test_an_event_during_the_very_first_refresh_is_not_lost(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    segment = await crowd.save("buyers", BUYERS)
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        await segments.refresh_segment(conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id)
        await crowd.happen("purchase", "an")
        assert (await crowd.recheck()).postponed == 1
    await crowd.recheck(now=datetime.now(UTC) + timedelta(seconds=2))
    assert await crowd.members("buyers") == {"an"}


async def test_a_refresh_that_comes_during_a_recheck_keeps_what_it_wrote(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    segment = await crowd.refreshed("buyers", BUYERS)
    await crowd.happen("purchase", "an")
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        await segments.recheck_due(conn, tenant_id=crowd.tenant.tenant_id, now=datetime.now(UTC))
        refreshing = asyncio.create_task(crowd.refresh(segment))
        await asyncio.sleep(0.3)
        assert not refreshing.done()
    diff = await refreshing
    assert (diff.joined, diff.left, diff.size) == (0, 0, 1)
    assert await crowd.moves("buyers") == [("an", "joined")]


async def test_an_event_that_comes_while_its_person_is_looked_at_is_work_again(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    await crowd.refreshed("twice", {"event": "purchase", "count": {"at_least": 2}})
    await crowd.happen("purchase", "an")
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        done = await segments.recheck_due(conn, tenant_id=crowd.tenant.tenant_id, now=datetime.now(UTC))
        happening = asyncio.create_task(crowd.happen("purchase", "an"))
        await asyncio.sleep(0.2)
    await happening
    assert done.changes == 0
    assert (await crowd.recheck()).changes == 1
    assert await crowd.members("twice") == {"an"}
