"""Forecasts and dry runs decide as a run would, over real people, and write nothing; instants can be travelled to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.errors import ReadOnlySqlTransaction

from engine import explain
from engine.db import Database
from engine.explain import DryRun, Forecast
from engine.explain.audience import Source
from engine.explain.plan import reading
from engine.explain.rehearse import CHUNK
from engine.snapshots import create_snapshot
from rules.errors import InvalidInput, NotFound
from tests.conftest import Tenant
from tests.engine.explaining import EVERYBODY, QUIET, decided, draft, with_segment
from tests.engine.world import ALWAYS, World, simple_world

ONE_A_DAY = {"quiet_hours": None, "caps": [{"limit": 1, "days": 1, "scope": "overall"}]}


async def forecast(world: World, campaign_id: int, **more: Any) -> Forecast:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await explain.forecast(conn, tenant_id=world.tenant.tenant_id, campaign_id=campaign_id, **more)


async def dry_run(world: World, campaign_id: int, **more: Any) -> DryRun:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await explain.dry_run(conn, tenant_id=world.tenant.tenant_id, campaign_id=campaign_id, **more)


async def everything(world: World) -> list[dict[str, Any]]:
    return await world.rows(
        """
        SELECT (SELECT count(*) FROM decision) AS decisions, (SELECT count(*) FROM delivery_log) AS deliveries,
               (SELECT count(*) FROM campaign_run) AS runs, (SELECT count(*) FROM run_batch) AS batches,
               (SELECT count(*) FROM segment_member) AS members, (SELECT count(*) FROM segment_refresh) AS refreshes
        """
    )


async def test_a_forecast_is_what_a_run_then_does(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=40, policy=QUIET, control_share=0.3)
    people += await world.people(20, prefix="la-", zone="America/Los_Angeles")
    await world.rows("DELETE FROM consent WHERE profile_id = ANY (%(p)s)", p=people[:5])
    await world.rows(
        "UPDATE profile_address SET value = 'same@people.example' WHERE profile_id = ANY (%(p)s)", p=people[6:9]
    )
    await with_segment(world, campaign_id, dict(EVERYBODY))
    night = datetime.now(UTC).replace(hour=16, minute=0) + timedelta(days=1)
    tally = (await forecast(world, campaign_id, at=night)).tally
    rows = await decided(world, campaign_id, people, now=night)
    for counted, column in ((tally.actions, "action"), (tally.reasons, "reason")):
        assert dict(counted) == {
            value: sum(row[column] == value for row in rows) for value in {row[column] for row in rows}
        }
    assert len(tally.actions) == 3
    assert sum(tally.waits.values()) == tally.actions["wait"]
    assert tally.channels == {"email": tally.actions["send"]}


async def test_a_forecast_writes_nothing_and_leaves_the_segment_alone(db: Database, tenant: Tenant) -> None:
    world, campaign_id, _ = await simple_world(db, tenant)
    await with_segment(world, campaign_id)
    before = await everything(world)
    await forecast(world, campaign_id)
    await dry_run(world, campaign_id)
    assert await everything(world) == before


async def test_the_server_itself_refuses_a_write_while_rehearsing(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        with pytest.raises(ReadOnlySqlTransaction):
            async with reading(conn):
                await conn.execute("UPDATE tenant SET zone = 'UTC'")
        await conn.execute("UPDATE tenant SET zone = 'UTC'")


async def test_the_people_are_those_the_rule_finds_now_not_the_members_of_the_last_refresh(
    db: Database, tenant: Tenant
) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=5)
    await with_segment(world, campaign_id)
    found = await forecast(world, campaign_id)
    assert (found.audience.source, found.audience.people) == (Source.RULE, 4)
    assert await world.one("SELECT count(*) FROM segment_member") == 0


async def test_a_snapshot_may_be_asked_instead(db: Database, tenant: Tenant) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=5)
    segment_id = await with_segment(world, campaign_id)
    async with db.transaction(tenant.tenant_id) as conn:
        snapshot = await create_snapshot(conn, tenant_id=tenant.tenant_id, segment_id=segment_id)
    await world.people(5, first=6)
    now, then = await forecast(world, campaign_id), await forecast(world, campaign_id, snapshot_id=snapshot.snapshot_id)
    assert (now.audience.people, then.audience.people, then.audience.source) == (9, 4, Source.SNAPSHOT)


async def test_a_sample_says_its_share_and_what_is_expected_of_all(db: Database, tenant: Tenant) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=600)
    await with_segment(world, campaign_id, dict(EVERYBODY))
    found = await forecast(world, campaign_id, sample=150)
    assert (found.audience.people, found.tally.decided, found.audience.share) == (600, 150, 0.25)
    assert found.expected(found.tally.actions["send"]) == 600
    assert found.audience.profile_ids == (await forecast(world, campaign_id, sample=150)).audience.profile_ids


async def test_an_always_on_campaign_is_asked_of_who_caused_its_event_lately(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3)
    await world.rows("UPDATE campaign SET trigger_type = 'cart_abandoned'")
    await world.rows(
        "INSERT INTO marketing_event (tenant_id, type, profile_id) VALUES (leo_tenant(), 'cart_abandoned', %(p)s)",
        p=people[1],
    )
    found = await forecast(world, campaign_id)
    assert (found.audience.source, found.audience.people) == (Source.EVENTS, 1)


async def test_at_an_instant_messages_after_it_take_no_place_under_a_cap(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=4, policy=ONE_A_DAY)
    await with_segment(world, campaign_id, dict(EVERYBODY))
    sent_at = datetime.now(UTC) + timedelta(days=1)
    await decided(world, campaign_id, people, now=sent_at)
    before = await forecast(world, campaign_id, at=sent_at - timedelta(hours=1))
    after = await forecast(world, campaign_id, at=sent_at + timedelta(hours=1))
    assert (before.tally.actions, after.tally.actions) == ({"send": 4}, {"wait": 4})


async def test_a_dry_run_shows_each_person_with_every_candidate(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3)
    await world.rows("DELETE FROM consent WHERE profile_id = %(p)s", p=people[0])
    found = (await dry_run(world, campaign_id, profiles=["kh-1", "kh-3"])).to_document()["decisions"]
    assert [(one["profile"], one["action"], one["reason"]) for one in found] == [
        ("kh-1", "do_nothing", "consent"),
        ("kh-3", "send", "chosen"),
    ]
    assert [len(one["candidates"]) for one in found] == [2, 2]


async def test_twins_in_different_chunks_are_written_to_once(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=CHUNK + 2)
    await world.rows(
        "UPDATE profile_address SET value = 'same@people.example' WHERE profile_id = ANY (%(p)s)",
        p=[people[0], people[-1]],
    )
    await with_segment(world, campaign_id, dict(EVERYBODY))
    assert (await forecast(world, campaign_id)).tally.reasons == {"chosen": CHUNK + 1, "duplicate": 1}


async def test_a_draft_of_its_policy_can_be_forecast(db: Database, tenant: Tenant) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=3)
    await with_segment(world, campaign_id, dict(EVERYBODY))
    await draft(world, {"caps": [{"limit": 0, "days": 1}], "quiet_hours": None}, key="policy of tet")
    assert (await forecast(world, campaign_id)).tally.actions == {"send": 3}
    assert (await forecast(world, campaign_id, policy_version=2)).tally.reasons == {"frequency_cap": 3}
    with pytest.raises(NotFound, match="no version 9"):
        await forecast(world, campaign_id, policy_version=9)


async def test_the_conditions_of_a_drafts_layers_are_asked_of_real_people(db: Database, tenant: Tenant) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=5)
    await with_segment(world, campaign_id, dict(EVERYBODY))
    often = {"name": "buys often", "when": {"attribute": "orders", "at_least": 4}}
    await draft(world, {**ALWAYS, "suitability": [often]}, key="policy of tet")
    found = await forecast(world, campaign_id, policy_version=2)
    assert found.tally.reasons == {"suitability": 3, "chosen": 2}


@pytest.mark.parametrize("asked", [{"sample": 0}, {"sample": 20_001}, {}], ids=["none", "too many", "of nobody"])
async def test_what_cannot_be_forecast_is_an_error(db: Database, tenant: Tenant, asked: dict[str, Any]) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=1)
    with pytest.raises(InvalidInput):
        await forecast(world, campaign_id, **asked)
