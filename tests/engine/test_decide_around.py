"""What a decision looks at beyond a person's own record: graph, provider windows, rivals, conditions, budget."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from engine.budget import Purse, close_purse, open_purse
from engine.db import Database, Transaction
from engine.decide import BatchState
from engine.segments import save_segment
from engine.snapshots import create_snapshot
from tests.conftest import Tenant
from tests.engine.world import ALWAYS, World, simple_world

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)  # noon in Vietnam
ONE_A_DAY = {"quiet_hours": None, "caps": [{"limit": 1, "days": 1, "scope": "overall"}], "yields": {"minutes": 30}}


async def relate(world: World, profile_id: int, kind: str, target: str, key: str, weight: float) -> None:
    await world.rows(
        """
        WITH target AS (
            INSERT INTO relation_target (tenant_id, kind, key, name)
            VALUES (leo_tenant(), %(target)s, %(key)s, upper(%(key)s))
            ON CONFLICT (tenant_id, kind, key) DO UPDATE SET name = excluded.name RETURNING target_id
        )
        INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id, weight, occurred_at)
        SELECT leo_tenant(), %(p)s, %(kind)s, target_id, %(weight)s, %(at)s FROM target
        """,
        p=profile_id,
        kind=kind,
        target=target,
        key=key,
        weight=weight,
        at=NOW,
    )


async def facts_of(world: World, profile_id: int) -> dict[str, Any]:
    rows = await world.rows(
        "SELECT inputs FROM decision WHERE profile_id = %(p)s ORDER BY created_at DESC LIMIT 1", p=profile_id
    )
    facts: dict[str, Any] = rows[0]["inputs"]["facts"]
    return facts


async def test_the_strongest_edges_of_the_graph_are_among_the_inputs(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    for number in range(7):
        await relate(world, people[0], "INTERESTED_IN", "Topic", f"topic-{number}", float(number))
    await relate(world, people[0], "BOUGHT", "Product", "lamp", 3.0)
    await relate(world, people[0], "ENGAGED", "Touchpoint", "shop", 2.0)
    await world.rows(
        """
        INSERT INTO profile_relation (tenant_id, profile_id, kind, target_profile_id)
        VALUES (leo_tenant(), %(a)s, 'KNOWS', %(b)s)
        """,
        a=people[0],
        b=people[1],
    )
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    around = (await facts_of(world, people[0]))["neighbourhood"]
    assert [tie[0] for tie in around["interests"]] == ["topic-6", "topic-5", "topic-4", "topic-3", "topic-2"]
    assert around["bought"] == [["lamp", "LAMP", 3.0, "2026-06-01T05:00:00+00:00"]]
    assert [tie[0] for tie in around["engaged"]] == ["shop"]
    assert [tie[0] for tie in around["knows"]] == ["kh-2"]
    assert "neighbourhood" not in await facts_of(world, people[1])


async def test_what_a_merged_profile_likes_is_known_of_the_person(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    await relate(world, people[0], "INTERESTED_IN", "Topic", "tea", 1.0)
    await relate(world, people[1], "INTERESTED_IN", "Topic", "tea", 3.0)
    await relate(world, people[1], "INTERESTED_IN", "Topic", "coffee", 2.0)
    await world.rows(
        "UPDATE cdp_profiles SET status = 'merged', merged_into = %(a)s WHERE profile_id = %(b)s",
        a=people[0],
        b=people[1],
    )
    _, (batch_id,) = await world.run(campaign_id, people[:1])
    await world.decide(batch_id, now=NOW)
    around = (await facts_of(world, people[0]))["neighbourhood"]
    assert [(tie[0], tie[2]) for tie in around["interests"]] == [("tea", 3.0), ("coffee", 2.0)]


async def test_a_template_about_what_the_person_likes_is_chosen(db: Database, tenant: Tenant) -> None:
    world = World(db, tenant)
    await world.connect()
    templates = [await world.template(key=key) for key in ("coffee", "tea")]
    await world.rows("UPDATE message_template SET topics = ARRAY[key]")
    campaign_id = await world.campaign(templates=templates)
    (person,) = await world.people(1)
    await relate(world, person, "INTERESTED_IN", "Topic", "tea", 1.0)
    _, (batch_id,) = await world.run(campaign_id, [person])
    await world.decide(batch_id, now=NOW)
    assert [one["template_id"] for one in await world.deliveries()] == [templates[1]]


async def test_the_last_reactions_tell_channel_and_template(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    _, (first,) = await world.run(campaign_id, people)
    await world.decide(first, now=NOW - timedelta(days=3))
    await world.rows(
        """
        INSERT INTO outcome (tenant_id, delivery_id, profile_id, type, dedup_key, occurred_at)
        SELECT leo_tenant(), delivery_id, profile_id, type, type, %(at)s
        FROM delivery_log, unnest(ARRAY['delivered', 'clicked']) AS type
        """,
        at=NOW - timedelta(days=2),
    )
    _, (second,) = await world.run(campaign_id, people)
    await world.decide(second, now=NOW)
    reactions = (await facts_of(world, people[0]))["neighbourhood"]["reactions"]
    assert reactions == [["clicked", "email/offer", 1.0, "2026-05-30T05:00:00+00:00"]]


@pytest.mark.parametrize(
    ("event", "age", "reason"),
    [
        ("telegram.message", timedelta(hours=2), "chosen"),
        ("telegram.message", timedelta(hours=30), "provider_window"),
        ("zalo_oa.message", timedelta(hours=2), "provider_window"),
        ("telegram.read", timedelta(hours=2), "provider_window"),
    ],
)
async def test_a_providers_window_opens_when_the_person_is_heard_on_that_channel(
    db: Database, tenant: Tenant, event: str, age: timedelta, reason: str
) -> None:
    world = World(db, tenant)
    await world.connect("telegram", token="1:a")
    policy = {**ALWAYS, "windows": [{"channel": "telegram", "hours": 24}]}
    campaign_id = await world.campaign(templates=[await world.template("telegram")], policy=policy)
    people = await world.people(1, channels=("telegram",))
    await world.rows(
        """
        INSERT INTO marketing_event (tenant_id, type, profile_id, occurred_at)
        VALUES (leo_tenant(), %(type)s, %(p)s, %(at)s)
        """,
        type=event,
        p=people[0],
        at=NOW - age,
    )
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).reasons == {reason: 1}


async def test_an_answer_to_a_message_opens_the_window_of_its_channel(db: Database, tenant: Tenant) -> None:
    world = World(db, tenant)
    await world.connect("telegram", token="1:a")
    template_id = await world.template("telegram")
    before = await world.campaign("before", templates=[template_id], policy={**ALWAYS, "windows": []})
    people = await world.people(1, channels=("telegram",))
    _, (batch_id,) = await world.run(before, people)
    await world.decide(batch_id, now=NOW - timedelta(days=2))
    await world.rows(
        """
        INSERT INTO outcome (tenant_id, delivery_id, profile_id, type, dedup_key, occurred_at)
        SELECT leo_tenant(), delivery_id, profile_id, 'replied', 'r', %(at)s FROM delivery_log
        """,
        at=NOW - timedelta(hours=3),
    )
    policy = {**ALWAYS, "windows": [{"channel": "telegram", "hours": 24}]}
    campaign_id = await world.campaign("after", templates=[template_id], policy=policy)
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).reasons == {"chosen": 1}
    assert (await facts_of(world, people[0]))["heard"] == {"telegram": "2026-06-01T02:00:00+00:00"}


async def _two_campaigns(db: Database, tenant: Tenant) -> tuple[World, int, int, list[int]]:
    world, low, people = await simple_world(db, tenant, people=6, policy=ONE_A_DAY)
    high = await world.campaign("high", templates=[await world.template(key="high")], policy=ONE_A_DAY)
    await world.rows("UPDATE campaign SET priority = 9 WHERE campaign_id = %(c)s", c=high)
    return world, low, high, people


async def test_a_lower_campaign_waits_for_the_higher_one_and_decides_again_then(db: Database, tenant: Tenant) -> None:
    world, low, high, people = await _two_campaigns(db, tenant)
    _, (high_batch,) = await world.run(high, people[:4], kind="request")
    _, (low_batch,) = await world.run(low, people)
    await world.rows("UPDATE run_batch SET due_at = %(at)s", at=NOW)
    waited = await world.decide(low_batch, now=NOW)
    assert waited.reasons == {"priority": 4, "chosen": 2}
    assert [due_at for _, due_at in waited.wake_ups] == [NOW + timedelta(minutes=30)]
    rival = (await facts_of(world, people[0]))["rivals"]
    assert rival == [[high, "high", 9, "2026-06-01T05:00:00+00:00"]]
    assert (await world.decide(high_batch, now=NOW)).deliveries == 4
    ((wake_up, at),) = waited.wake_ups
    assert (await world.decide(wake_up, now=at)).reasons == {"frequency_cap": 4}


async def test_of_a_snapshot_those_who_are_decided_are_rivals_no_more(db: Database, tenant: Tenant) -> None:
    world, low, high, people = await _two_campaigns(db, tenant)
    async with db.transaction(tenant.tenant_id) as conn:
        rule = {"attribute": "orders", "at_most": 4}
        segment = await save_segment(conn, tenant_id=tenant.tenant_id, key="few", name="Few orders", rule=rule)
        made = await create_snapshot(conn, tenant_id=tenant.tenant_id, segment_id=segment.segment_id)
    run_id, batches = await world.run(high, people[:4], size=2)
    await world.rows("UPDATE campaign_run SET snapshot_id = %(s)s WHERE run_id = %(r)s", s=made.snapshot_id, r=run_id)
    await world.rows("UPDATE run_batch SET due_at = %(at)s", at=NOW)
    await world.decide(batches[0], now=NOW)
    _, (low_batch,) = await world.run(low, people)
    decided = await world.decide(low_batch, now=NOW)
    assert decided.reasons == {"frequency_cap": 2, "priority": 2, "chosen": 2}


async def test_a_paused_rival_is_not_waited_for(db: Database, tenant: Tenant) -> None:
    world, low, high, people = await _two_campaigns(db, tenant)
    await world.run(high, people, kind="request")
    await world.rows("UPDATE run_batch SET due_at = %(at)s", at=NOW)
    await world.rows("UPDATE campaign SET status = 'paused' WHERE campaign_id = %(c)s", c=high)
    _, (low_batch,) = await world.run(low, people)
    assert (await world.decide(low_batch, now=NOW)).reasons == {"chosen": 6}


async def test_the_policys_conditions_are_asked_of_each_person(db: Database, tenant: Tenant) -> None:
    policy = {**ALWAYS, "eligibility": [{"name": "buyers", "when": {"attribute": "orders", "at_least": 3}}]}
    world, campaign_id, people = await simple_world(db, tenant, people=5, policy=policy)
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).reasons == {"eligibility": 2, "chosen": 3}
    assert "person" in await facts_of(world, people[0])


async def test_conditions_about_another_campaign_gather_nothing(db: Database, tenant: Tenant) -> None:
    requirement = {
        "name": "buyers",
        "when": {"attribute": "orders", "at_least": 3},
        "for": {"campaigns": ["another"]},
    }
    world, campaign_id, people = await simple_world(
        db, tenant, people=2, policy={**ALWAYS, "suitability": [requirement]}
    )
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).reasons == {"chosen": 2}
    assert "person" not in await facts_of(world, people[0])


async def _with_budget(world: World, campaign_id: int, **budget: Any) -> None:
    await world.rows("UPDATE campaign SET budget = %(b)s WHERE campaign_id = %(c)s", b=Jsonb(budget), c=campaign_id)


async def test_batches_at_one_instant_never_overspend_a_budget(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=60)
    await _with_budget(world, campaign_id, messages=25)
    _, batch_ids = await world.run(campaign_id, people, size=10)
    decided = await asyncio.gather(*(world.decide(batch_id, now=NOW) for batch_id in batch_ids))
    assert sum(one.deliveries for one in decided) == 25
    assert sum(one.reasons.get("budget", 0) for one in decided) == 35
    assert await world.one("SELECT messages FROM campaign_spend") == 25


async def test_money_is_spent_by_the_channels_price(db: Database, tenant: Tenant) -> None:
    policy = {**ALWAYS, "costs": {"email": 300}}
    world, campaign_id, people = await simple_world(db, tenant, people=10, policy=policy)
    await _with_budget(world, campaign_id, amount=1000)
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).reasons == {"chosen": 3, "budget": 7}
    assert float(await world.one("SELECT amount FROM campaign_spend")) == 900.0
    used = sorted(
        row["used"] for row in await world.rows("SELECT (inputs #>> '{facts,budget,3}')::float AS used FROM decision")
    )
    assert used[:4] == [0.0, 300.0, 600.0, 900.0]


async def test_midnight_does_not_part_two_first_batches_of_one_budget(db: Database, tenant: Tenant) -> None:
    """The row of the day before is not committed yet: whoever begins the next one waits for it all the same."""
    _, campaign_id, _ = await simple_world(db, tenant, people=1)
    midnight = datetime(2026, 6, 1, 17, 0, tzinfo=UTC)  # in Vietnam

    async def opened(conn: Transaction, at: datetime) -> Purse:
        return await open_purse(
            conn,
            campaign_id=campaign_id,
            document={"messages": 1},
            zone="Asia/Ho_Chi_Minh",
            now=at,
            people=1,
            highest_cost=0.0,
        )

    async def next_day() -> int:
        async with db.transaction(tenant.tenant_id) as conn:
            return (await opened(conn, midnight + timedelta(seconds=1))).budget.messages_used

    async with db.transaction(tenant.tenant_id) as conn:
        purse = await opened(conn, midnight - timedelta(seconds=1))
        waiting = asyncio.create_task(next_day())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await close_purse(conn, purse, messages=1, amount=0.0)
    assert await waiting == 1


async def test_a_days_budget_begins_anew_the_next_day(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=5)
    await _with_budget(world, campaign_id, messages=2, per="day")
    _, (batch_id,) = await world.run(campaign_id, people)
    first = await world.decide(batch_id, now=NOW)
    assert first.reasons == {"chosen": 2, "budget": 3}
    ((wake_up, at),) = first.wake_ups
    assert at == datetime(2026, 6, 1, 17, 0, tzinfo=UTC)  # midnight in Vietnam
    assert (await world.decide(wake_up, now=at)).reasons == {"chosen": 2, "budget": 1}


async def test_deciding_a_batch_again_costs_nothing(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=5)
    await _with_budget(world, campaign_id, messages=100_000)
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    await world.rows("UPDATE run_batch SET status = 'pending'")
    again = await world.decide(batch_id, now=NOW)
    assert (again.state, again.made) == (BatchState.DECIDED, ())
    assert await world.one("SELECT messages FROM campaign_spend") == 5


async def test_a_draft_of_a_policy_is_never_decided_under(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    newer = await world.policy({**ALWAYS, "control_share": 0.0}, key="policy of tet", version=2)
    await world.rows(
        """
        INSERT INTO policy (tenant_id, key, version, document, draft)
        VALUES (leo_tenant(), 'policy of tet', 3, %(document)s, true)
        """,
        document=Jsonb({**ALWAYS, "control_share": 1.0}),
    )
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).reasons == {"chosen": 1}
    assert [(one["policy_id"], one["policy_version"]) for one in await world.decisions()] == [(newer, 2)]
