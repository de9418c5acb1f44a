"""Events that wait are decided together, and each as it would have been alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest
from psycopg.types.json import Jsonb

from engine import lanes
from engine.db import Database
from engine.decide import decide_batch
from engine.dispatch import Adapters
from engine.together import Together, decide_together
from engine.worker.deciding import decide
from engine.worker.jobs import Hands
from rules.identity import inputs_hash
from rules.words import Lane
from tests.conftest import Tenant
from tests.engine.world import SQL, World, simple_world

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)  # noon in Vietnam
NIGHT = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)  # 23:00 in Vietnam
ONE_A_DAY = {"quiet_hours": None, "caps": [{"limit": 1, "days": 1, "scope": "overall"}]}
ASLEEP = {"caps": [], "quiet_hours": {"start": "21:00", "end": "08:00"}}
MODEL_FIRST: Mapping[str, Any] = {"caps": [], "quiet_hours": None, "arbitration": {"order": ["functiongemma", "score"]}}

PAUSE: Mapping[str, LiteralString] = {
    "campaign": "UPDATE campaign SET status = 'paused'",
    "campaign_run": "UPDATE campaign_run SET status = 'paused'",
}


async def happened(world: World, campaign_id: int, people: Sequence[int]) -> list[int]:
    """An event of each of these people, each with its run; gives the batches."""
    batch_ids = []
    for person in people:
        event_id = await world.one(SQL["event"], profile_id=person, attributes=Jsonb({}))
        _, made = await world.run(campaign_id, [person], lane="realtime", kind="event", event_id=event_id)
        batch_ids += made
    return batch_ids


async def together(world: World, batch_ids: Sequence[int], *, now: datetime = NOW) -> Together:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await decide_together(conn, tenant_id=world.tenant.tenant_id, batch_ids=batch_ids, now=now)


class Undone(Exception):
    """Ends a transaction that is to leave nothing."""


async def alone(world: World, batch_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Decide the batches one by one, give the decisions, and undo it all."""
    tenant_id, found = world.tenant.tenant_id, []
    with contextlib.suppress(Undone):
        async with world.db.transaction(tenant_id) as conn:
            for batch_id in batch_ids:
                await decide_batch(conn, tenant_id=tenant_id, batch_id=batch_id, now=NOW)
            found = await (await conn.execute("SELECT * FROM decision")).fetchall()
            raise Undone
    return found


def told(decisions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was decided of whom, why and from what; not how long it took."""
    names = ("profile_id", "run_id", "event_id", "trigger_key", "action", "reason", "channel", "template_id", "inputs")
    return sorted(({name: one[name] for name in names} for one in decisions), key=lambda one: one["run_id"])


async def test_each_is_decided_as_it_would_have_been_alone(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=12, control_share=0.3, policy=ONE_A_DAY)
    await world.rows(
        "INSERT INTO consent (tenant_id, profile_id, granted) VALUES (leo_tenant(), %(p)s, false)", p=people[0]
    )
    batch_ids = await happened(world, campaign_id, people)
    one_by_one = await alone(world, batch_ids)
    done = await together(world, batch_ids)
    assert sorted(done.batch_ids) == sorted(batch_ids)
    at_once, deliveries = await world.decisions(), await world.deliveries()
    assert told(at_once) == told(one_by_one)
    assert {one["reason"] for one in at_once} == {"chosen", "control_group", "consent"}
    assert {one["delivery_id"] for one in deliveries} == set(done.delivery_ids)
    salt = bytes(await world.one("SELECT inputs_salt FROM tenant"))
    runs = {row["event_id"]: row for row in await world.rows("SELECT * FROM campaign_run")}
    for one in at_once:
        assert bytes(one["inputs_hash"]) == inputs_hash(one["inputs"], salt)
        assert one["run_id"] == runs[one["event_id"]]["run_id"]
    assert {row["status"] for row in runs.values()} == {"finished"}
    assert await world.graph_differences() == 0


async def test_deciding_them_again_changes_nothing(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant)
    batch_ids = await happened(world, campaign_id, people)
    await together(world, batch_ids)
    before = await world.decisions(), await world.deliveries()
    assert await together(world, batch_ids) == Together()
    await world.rows("UPDATE run_batch SET status = 'pending'")  # as if the end of all had been lost
    await world.rows("UPDATE campaign_run SET status = 'running', finished_at = NULL")
    again = await together(world, batch_ids)
    assert (len(again.batch_ids), again.made) == (len(batch_ids), ())
    assert (await world.decisions(), await world.deliveries()) == before


async def test_somebodys_second_event_sees_what_the_first_one_queued(db: Database, tenant: Tenant) -> None:
    world, campaign_id, (person, other) = await simple_world(db, tenant, people=2, policy=ONE_A_DAY)
    first, second, third = await happened(world, campaign_id, [person, person, other])
    assert set((await together(world, [first, second, third])).batch_ids) == {first, third}
    assert (await together(world, [second])).reasons == {"frequency_cap": 1}


async def test_whoever_is_in_other_hands_is_left_and_nobody_waits(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3)
    merged = await world.people(1, prefix="cu-")
    await world.rows(
        "UPDATE cdp_profiles SET status = 'merged', merged_into = %(root)s WHERE profile_id = ANY (%(merged)s)",
        root=people[2],
        merged=merged,
    )
    batch_ids = await happened(world, campaign_id, people)
    async with db.transaction(tenant.tenant_id) as elsewhere:
        await elsewhere.execute(
            "SELECT FROM cdp_profiles WHERE profile_id = ANY (%s) FOR NO KEY UPDATE", ([people[0], *merged],)
        )
        done = await asyncio.wait_for(together(world, batch_ids), 5)
    assert done.batch_ids == (batch_ids[1],)
    assert set((await together(world, batch_ids)).batch_ids) == {batch_ids[0], batch_ids[2]}


async def test_campaigns_go_one_after_the_other(db: Database, tenant: Tenant) -> None:
    world, first, people = await simple_world(db, tenant, people=2)
    second = await world.campaign("two", templates=[await world.template(key="two")])
    batch_ids = await happened(world, first, people) + await happened(world, second, people)
    assert set((await together(world, batch_ids)).batch_ids) == set(batch_ids[:2])
    assert set((await together(world, batch_ids)).batch_ids) == set(batch_ids[2:])


async def test_who_is_asleep_is_woken_by_a_run_of_their_own_event(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3, policy=ASLEEP)
    await together(world, await happened(world, campaign_id, people), now=NIGHT)
    runs = await world.rows("SELECT run_id, parent_id FROM campaign_run WHERE kind = 'wake_up'")
    decided = {one["run_id"]: one for one in await world.decisions()}
    assert {row["parent_id"] for row in runs} == decided.keys()
    batches = await world.rows("SELECT run_id, profile_ids, due_at FROM run_batch WHERE status = 'pending'")
    assert {one["due_at"] for one in batches} == {datetime(2026, 6, 2, 1, 0, tzinfo=UTC)}
    for row in runs:
        (batch,) = (one for one in batches if one["run_id"] == row["run_id"])
        assert batch["profile_ids"] == [decided[row["parent_id"]]["profile_id"]]


async def test_money_is_shared_out_once(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=6)
    await world.rows("UPDATE campaign SET budget = %(b)s", b=Jsonb({"messages": 4}))
    batch_ids = await happened(world, campaign_id, people)
    assert (await together(world, batch_ids)).reasons == {"chosen": 4, "budget": 2}
    assert await world.one("SELECT sum(messages) FROM campaign_spend") == 4


@pytest.mark.parametrize("table", ["campaign", "campaign_run"])
async def test_what_is_paused_is_left(db: Database, tenant: Tenant, table: str) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    batch_ids = await happened(world, campaign_id, people)
    await world.rows(PAUSE[table])
    assert await together(world, batch_ids) == Together()


async def test_what_a_model_chooses_is_left(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2, policy=MODEL_FIRST)
    assert await together(world, await happened(world, campaign_id, people)) == Together()


@pytest.fixture
async def hands(db: Database, redis_url: str, adapters: Adapters) -> AsyncIterator[Hands]:
    client = lanes.connect(redis_url, lane=Lane.REALTIME)
    yield Hands(db, adapters, client, lane=Lane.REALTIME, owner="a test")
    await client.aclose()


async def work(hands: Hands, tenant: Tenant, batch_ids: Sequence[int]) -> None:
    """As a worker does with jobs that came at the same time."""
    ctxs = [{"hands": hands, "job_id": str(batch_id)} for batch_id in batch_ids]
    await asyncio.gather(
        *(decide(ctx, str(tenant.tenant_id), batch_id) for ctx, batch_id in zip(ctxs, batch_ids, strict=True))
    )


async def test_a_worker_takes_all_that_wait_and_leaves_none(db: Database, tenant: Tenant, hands: Hands) -> None:
    world, first, people = await simple_world(db, tenant, people=80)
    second = await world.campaign("two", templates=[await world.template(key="two")])
    batch_ids = await happened(world, first, [*people, *people[:5]]) + await happened(world, second, people[:5])
    await work(hands, tenant, batch_ids)
    decisions = await world.decisions()
    assert len(decisions) == len(await world.deliveries()) == 90
    assert len({one["decided_at"] for one in decisions}) < 20
    assert await world.one("SELECT count(*) FROM run_batch WHERE status = 'pending'") == 0


async def test_what_cannot_be_decided_takes_nothing_else_with_it(db: Database, tenant: Tenant, hands: Hands) -> None:
    world, good, people = await simple_world(db, tenant, people=6)
    bad = await world.campaign("bad", templates=[await world.template(key="bad")])
    unreadable = await world.policy({"caps": "none"}, key="unreadable")
    await world.rows("UPDATE campaign SET policy_id = %(p)s WHERE campaign_id = %(c)s", p=unreadable, c=bad)
    batch_ids = [*await happened(world, bad, people[:2]), *await happened(world, good, people)]
    before = datetime.now(UTC)
    await work(hands, tenant, batch_ids)
    assert {one["campaign_id"] for one in await world.decisions()} == {good}
    left = await world.rows("SELECT batch_id, due_at FROM run_batch WHERE status = 'pending' ORDER BY batch_id")
    assert [one["batch_id"] for one in left] == batch_ids[:2]
    assert all(one["due_at"] > before + timedelta(seconds=30) for one in left)
