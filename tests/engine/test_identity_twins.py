"""The twin guard: nobody gets two messages because they exist twice, whether or not anybody merged them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from engine import identity
from engine.db import Database
from engine.decide import decide_batch
from engine.identity.duplicates import ONE_PERSON
from engine.queries import queries
from tests.conftest import Tenant
from tests.engine.world import World, simple_world

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)  # noon in Vietnam
NIGHT = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)  # 23:00 in Vietnam
SLEEPING = {"caps": [], "quiet_hours": {"start": "21:00", "end": "08:00"}}


class Twins(World):
    """A world whose runs are of snapshots, and where people share addresses."""

    async def share(self, profile_ids: list[int], channel: str, value: str) -> None:
        await self.rows(
            """
            INSERT INTO profile_address (tenant_id, profile_id, channel, value)
            SELECT leo_tenant(), id, %(channel)s, %(value)s FROM unnest(%(ids)s::bigint[]) AS id
            """,
            ids=profile_ids,
            channel=channel,
            value=value,
        )

    async def snapshot(self, campaign_id: int, people: list[int], *, size: int = 500) -> list[int]:
        """A run of a snapshot; gives its batches."""
        run_id, batch_ids = await self.run(campaign_id, people, size=size)
        await self.rows(
            """
            WITH made AS (
                INSERT INTO segment (tenant_id, key, name) VALUES (leo_tenant(), 'run ' || %(r)s, 'all')
                RETURNING segment_id
            ), frozen AS (
                INSERT INTO segment_snapshot (tenant_id, segment_id, segment_version, rule, member_count, members_hash)
                SELECT leo_tenant(), segment_id, 1, '{}', 0, leo_members_hash('{}') FROM made RETURNING snapshot_id
            )
            UPDATE campaign_run SET snapshot_id = frozen.snapshot_id FROM frozen WHERE run_id = %(r)s
            """,
            r=run_id,
        )
        return batch_ids

    async def reasons(self) -> dict[int, str]:
        return {one["profile_id"]: one["reason"] for one in await self.decisions()}


async def twin_world(db: Database, tenant: Tenant, *, people: int = 2, **campaign: Any) -> tuple[Twins, int, list[int]]:
    world, campaign_id, ids = await simple_world(db, tenant, people=people, **campaign)
    return Twins(world.db, world.tenant, world.channel_ids), campaign_id, ids


async def test_of_two_at_one_address_the_first_is_written_to(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await twin_world(db, tenant, people=4)
    await world.share([people[1], people[3]], "zalo_template", "+84912345678")
    (batch_id,) = await world.snapshot(campaign_id, people[::-1])
    decided = await world.decide(batch_id, now=NOW)
    assert [(await world.reasons())[person] for person in people] == ["chosen", "chosen", "chosen", "duplicate"]
    assert decided.reasons == {"chosen": 3, "duplicate": 1}
    held = next(one for one in await world.decisions() if one["reason"] == "duplicate")
    assert held["candidates"][0]["reasons"][0] == {
        "gate": "duplicate",
        "text": "This campaign already writes to kh-2, who has the same zalo_template address.",
        "evidence": {"profile": "kh-2", "channel": "zalo_template", "address": "+84912345678"},
    }
    assert held["inputs"]["facts"]["reached"] == [["zalo_template", "+84912345678", "kh-2", True]]
    assert await world.graph_differences() == 0


async def test_a_twin_in_another_batch_or_run_of_the_snapshot_is_seen(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await twin_world(db, tenant, people=3)
    await world.share(people, "zalo_oa", "77")
    first, second, third = await world.snapshot(campaign_id, people, size=1)
    await world.decide(first, now=NOW)
    assert (await world.decide(second, now=NOW)).reasons == {"duplicate": 1}
    # The third batch belongs to a run of its own of the same snapshot.
    run_id, (other,) = await world.run(campaign_id, people[2:])
    await world.rows(
        "UPDATE campaign_run SET snapshot_id = (SELECT max(snapshot_id) FROM segment_snapshot) WHERE run_id = %(r)s",
        r=run_id,
    )
    await world.rows("UPDATE run_batch SET status = 'cancelled' WHERE batch_id = %(b)s", b=third)
    assert (await world.decide(other, now=NOW)).reasons == {"duplicate": 1}


async def test_who_woke_up_is_held_back_where_the_twin_was_reached_before(db: Database, tenant: Tenant) -> None:
    world, campaign_id, (asleep,) = await twin_world(db, tenant, people=1, policy=SLEEPING)
    (awake,) = await world.people(1, prefix="la-", zone="America/Los_Angeles")
    await world.share([asleep, awake], "zalo_oa", "77")
    (batch_id,) = await world.snapshot(campaign_id, [asleep, awake])
    decided = await world.decide(batch_id, now=NIGHT)
    assert decided.actions == {"wait": 1, "send": 1}
    ((wake_up, due_at),) = decided.wake_ups
    assert (await world.decide(wake_up, now=due_at)).reasons == {"duplicate": 1}


async def test_another_snapshot_is_another_message(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await twin_world(db, tenant)
    await world.share(people, "zalo_oa", "77")
    for person in people:
        (batch_id,) = await world.snapshot(campaign_id, [person])
        assert (await world.decide(batch_id, now=NOW)).reasons == {"chosen": 1}


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired", "dead"])
async def test_a_message_that_never_arrived_holds_no_twin_back(db: Database, tenant: Tenant, status: str) -> None:
    world, campaign_id, people = await twin_world(db, tenant)
    await world.share(people, "zalo_oa", "77")
    first, second = await world.snapshot(campaign_id, people, size=1)
    await world.decide(first, now=NOW)
    await world.rows("UPDATE delivery_log SET status = %(s)s", s=status)
    assert (await world.decide(second, now=NOW)).reasons == {"chosen": 1}


async def test_who_shares_an_address_that_is_not_valid_is_nobodys_twin(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await twin_world(db, tenant)
    await world.share(people, "zalo_oa", "77")
    await world.rows("UPDATE profile_address SET valid = false, reason = 'left' WHERE value = '77'")
    (batch_id,) = await world.snapshot(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).reasons == {"chosen": 2}


async def test_a_shops_number_holds_nobody_back_but_one_mailbox_gets_one_message(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await twin_world(db, tenant, people=ONE_PERSON + 2)
    await world.share(people, "zalo_template", "+84900000000")
    (batch_id,) = await world.snapshot(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).reasons == {"chosen": len(people)}
    await world.rows("UPDATE profile_address SET valid = false, reason = 'left' WHERE channel = 'email'")
    await world.share(people, "email", "info@shop.example")
    decided = [await world.decide(one, now=NOW) for one in await world.snapshot(campaign_id, people, size=8)]
    assert sum(one.deliveries for one in decided) == 1
    assert sum(one.reasons["duplicate"] for one in decided) == len(people) - 1


async def test_who_was_reached_before_being_merged_is_not_reached_again_as_the_winner(
    db: Database, tenant: Tenant
) -> None:
    world, campaign_id, (loser, winner) = await twin_world(db, tenant)
    first, second = await world.snapshot(campaign_id, [loser, winner], size=1)
    await world.decide(first, now=NOW)
    await world.rows("UPDATE delivery_log SET status = 'sent', sent_at = queued_at")
    async with db.transaction(tenant.tenant_id) as conn:
        pairs = [(loser, winner)]
        await identity.merge_profiles(conn, tenant_id=tenant.tenant_id, pairs=pairs, reason="same", by="lan")
    assert (await world.decide(second, now=NOW)).reasons == {"duplicate": 1}


async def test_a_twin_of_a_merged_profile_is_a_twin_of_its_winner(db: Database, tenant: Tenant) -> None:
    world, campaign_id, (winner, loser, twin) = await twin_world(db, tenant, people=3)
    await world.share([loser, twin], "zalo_oa", "77")
    async with db.transaction(tenant.tenant_id) as conn:
        pairs = [(loser, winner)]
        await identity.merge_profiles(conn, tenant_id=tenant.tenant_id, pairs=pairs, reason="same", by="lan")
    for order in ([winner, twin], [twin, winner]):
        first, second = await world.snapshot(campaign_id, order, size=1)
        assert (await world.decide(first, now=NOW)).reasons == {"chosen": 1}
        assert (await world.decide(second, now=NOW)).reasons == {"duplicate": 1}
    (batch_id,) = await world.snapshot(campaign_id, [twin, winner])
    assert (await world.decide(batch_id, now=NOW)).reasons == {"chosen": 1, "duplicate": 1}


async def test_the_second_of_two_transactions_waits_for_the_first_and_sees_it(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await twin_world(db, tenant)
    await world.share(people, "zalo_oa", "77")
    first, second = await world.snapshot(campaign_id, people, size=1)
    async with db.transaction(tenant.tenant_id) as conn:
        await decide_batch(conn, tenant_id=tenant.tenant_id, batch_id=first, now=NOW)
        other = asyncio.create_task(world.decide(second, now=NOW))
        await asyncio.wait([other], timeout=0.5)
        assert not other.done()
    assert (await other).reasons == {"duplicate": 1}


async def test_nothing_slips_through_between_batches_decided_at_one_instant(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await twin_world(db, tenant, people=60)
    for place in range(20):  # three of each person, in three different batches
        await world.share(people[place::20], "zalo_oa", f"7{place}")
    batch_ids = await world.snapshot(campaign_id, people, size=10)
    decided = await asyncio.gather(*(world.decide(batch_id, now=NOW) for batch_id in batch_ids))
    assert sum(one.deliveries for one in decided) == 20
    reached = {people.index(one["profile_id"]) % 20 for one in await world.deliveries()}
    assert reached == set(range(20))


async def test_a_merge_waits_for_a_decision_and_cancels_what_it_queued(db: Database, tenant: Tenant) -> None:
    world, campaign_id, (winner, loser) = await twin_world(db, tenant)
    (batch_id,) = await world.snapshot(campaign_id, [loser])

    async def merge() -> identity.Merged:
        async with db.transaction(tenant.tenant_id) as conn:
            pairs = [(loser, winner)]
            return await identity.merge_profiles(conn, tenant_id=tenant.tenant_id, pairs=pairs, reason="same", by="lan")

    async with db.transaction(tenant.tenant_id) as conn:
        await decide_batch(conn, tenant_id=tenant.tenant_id, batch_id=batch_id, now=NOW)
        merging = asyncio.create_task(merge())
        await asyncio.wait([merging], timeout=0.5)
        assert not merging.done()
    assert await merging == identity.Merged(redirected=1, cancelled=1)


async def test_what_is_known_of_a_merged_profile_holds_for_its_winner(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await twin_world(db, tenant, people=6)
    winners, losers = people[:3], people[3:]
    now = datetime.now(UTC)
    await world.rows(
        "INSERT INTO consent (tenant_id, profile_id, granted, at) VALUES (leo_tenant(), %(p)s, false, %(at)s)",
        p=losers[0],
        at=now - timedelta(days=1),
    )
    await world.rows(
        "INSERT INTO suppression (tenant_id, profile_id, reason) VALUES (leo_tenant(), %(p)s, 'complained')",
        p=losers[1],
    )
    await world.rows(
        """
        INSERT INTO outcome (tenant_id, profile_id, type, dedup_key, occurred_at)
        SELECT leo_tenant(), id, 'read', 'x', now() FROM unnest(%(ids)s::bigint[]) AS id
        """,
        ids=[winners[2], losers[2]],
    )
    await world.rows("DELETE FROM profile_address WHERE profile_id = %(p)s", p=winners[2])
    async with db.transaction(tenant.tenant_id) as conn:
        pairs = list(zip(losers, winners, strict=True))
        await identity.merge_profiles(conn, tenant_id=tenant.tenant_id, pairs=pairs, reason="same", by="lan")
    (batch_id,) = await world.snapshot(campaign_id, people)
    await world.decide(batch_id, now=now)
    reasons = await world.reasons()
    assert [reasons[person] for person in people] == ["consent", "suppression", "chosen", *["unknown_profile"] * 3]
    (delivery,) = await world.deliveries()
    assert (delivery["profile_id"], delivery["address"]) == (winners[2], "kh-6@people.example")
    facts = next(one for one in await world.decisions() if one["profile_id"] == winners[2])["inputs"]["facts"]
    assert facts["outcomes"] == {"read": 2}


async def test_messages_to_a_merged_profile_count_under_the_winners_cap(db: Database, tenant: Tenant) -> None:
    one_a_day = {"quiet_hours": None, "caps": [{"limit": 1, "days": 1, "scope": "overall"}]}
    world, campaign_id, (winner, loser) = await twin_world(db, tenant, policy=one_a_day)
    (batch_id,) = await world.snapshot(campaign_id, [loser])
    await world.decide(batch_id, now=NOW)
    await world.rows("UPDATE delivery_log SET status = 'sent', sent_at = queued_at")
    async with db.transaction(tenant.tenant_id) as conn:
        pairs = [(loser, winner)]
        await identity.merge_profiles(conn, tenant_id=tenant.tenant_id, pairs=pairs, reason="same", by="lan")
    (batch_id,) = await world.snapshot(campaign_id, [winner])
    assert (await world.decide(batch_id, now=NOW + timedelta(hours=1))).reasons == {"frequency_cap": 1}


async def test_somebody_of_another_tenant_is_nobodys_twin(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    for one in (tenant, other_tenant):
        world, campaign_id, people = await twin_world(db, one, people=1)
        await world.share(people, "zalo_oa", "77")
        (batch_id,) = await world.snapshot(campaign_id, people)
        assert (await world.decide(batch_id, now=NOW)).reasons == {"chosen": 1}


async def test_an_address_of_a_merged_profile_that_is_refused_is_not_used_again(db: Database, tenant: Tenant) -> None:
    world, campaign_id, (winner, loser) = await twin_world(db, tenant)
    await world.rows("DELETE FROM profile_address WHERE profile_id = %(p)s", p=winner)
    async with db.transaction(tenant.tenant_id) as conn:
        pairs = [(loser, winner)]
        await identity.merge_profiles(conn, tenant_id=tenant.tenant_id, pairs=pairs, reason="same", by="lan")
    (batch_id,) = await world.snapshot(campaign_id, [winner])
    await world.decide(batch_id, now=NOW)
    await world.rows(
        "UPDATE delivery_log SET status = 'sending', attempts = 1, lease_owner = 'w', lease_until = %(now)s", now=NOW
    )
    (delivery,) = await world.deliveries()
    refused = {"delivery_id": delivery["delivery_id"], "number": 1, "status": "failed", "receipt": "rejected"}
    refused |= {"class": "invalid_address", "detail": "no such mailbox", "setback": 0, "pinned": False}
    await world.rows(queries("dispatch")["results"], rows=Jsonb([refused]), owner="w", now=NOW)
    known = await world.rows("SELECT profile_id, valid, reason FROM profile_address")
    assert known == [{"profile_id": loser, "valid": False, "reason": "The provider refused it: no such mailbox"}]
    (batch_id,) = await world.snapshot(campaign_id, [winner])
    assert (await world.decide(batch_id, now=NOW)).reasons == {"unreachable": 1}
