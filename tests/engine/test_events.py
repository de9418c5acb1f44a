"""Events: stored once, of people we know, and each starts the runs of the active campaigns that wait for it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import campaigns
from engine.db import Database
from engine.events import Recorded, record_events
from engine.profiles import upsert_profiles
from graph.mirror import compare
from rules.errors import InvalidInput
from rules.words import Lane
from tests.conftest import Tenant

CART = {"type": "cart_abandoned", "profile": "a"}


async def people(db: Database, tenant: Tenant, *ext_ids: str) -> Mapping[str, int]:
    documents = [{"ext_id": ext_id} for ext_id in ext_ids]
    async with db.transaction(tenant.tenant_id) as connection:
        return (await upsert_profiles(connection, tenant_id=tenant.tenant_id, profiles=documents)).ids


async def recorded(db: Database, tenant: Tenant, *events: Mapping[str, Any]) -> Recorded:
    async with db.transaction(tenant.tenant_id) as connection:
        return await record_events(connection, tenant_id=tenant.tenant_id, events=events)


async def waiting(db: Database, tenant: Tenant, key: str, *, trigger: str = "cart_abandoned", **how: Any) -> int:
    """Activate a campaign that waits for events."""
    async with db.transaction(tenant.tenant_id) as connection:
        template = await campaigns.save_template(
            connection, tenant_id=tenant.tenant_id, key="cart", channel="telegram", body_text="Giỏ hàng đang chờ"
        )
        await campaigns.approve_template(connection, tenant_id=tenant.tenant_id, template_id=template.template_id)
        campaign = await campaigns.save_campaign(
            connection,
            tenant_id=tenant.tenant_id,
            key=key,
            name=key,
            trigger_type=trigger,
            template_ids=[template.template_id],
            **how,
        )
        await campaigns.activate_campaign(connection, tenant_id=tenant.tenant_id, campaign_id=campaign.campaign_id)
    return campaign.campaign_id


async def counts(db: Database, tenant: Tenant) -> dict[str, int]:
    async with db.transaction(tenant.tenant_id) as connection:
        row = await connection.execute(
            "SELECT (SELECT count(*) FROM marketing_event) AS events, (SELECT count(*) FROM event_key) AS keys, "
            "(SELECT count(*) FROM campaign_run) AS runs, (SELECT count(*) FROM run_batch) AS batches"
        )
        return await row.fetchone() or {}


async def test_an_event_is_stored_as_it_happened(db: Database, tenant: Tenant) -> None:
    ids = await people(db, tenant, "a")
    at = datetime(2026, 5, 1, 2, 0, tzinfo=UTC)
    event = {**CART, "ext_id": "e-1", "occurred_at": "2026-05-01T09:00:00+07:00", "attributes": {"món": ["phở"]}}
    done = await recorded(db, tenant, event)
    async with db.transaction(tenant.tenant_id) as connection:
        row = await (await connection.execute("SELECT * FROM marketing_event")).fetchone()
        differences = await compare(connection)
    assert row is not None
    assert (row["event_id"], row["ext_id"]) == (done.events[0].event_id, "e-1")
    assert (row["type"], row["profile_id"]) == ("cart_abandoned", ids["a"])
    assert (row["occurred_at"], row["attributes"]) == (at, {"món": ["phở"]})
    assert not any(one.missing or one.extra or one.different for one in differences)


async def test_an_event_needs_neither_person_nor_key_nor_time(db: Database, tenant: Tenant) -> None:
    done = await recorded(db, tenant, {"type": "deploy"}, {"type": "deploy"})
    assert [one.duplicate for one in done.events] == [False, False]
    assert await counts(db, tenant) == {"events": 2, "keys": 0, "runs": 0, "batches": 0}


async def test_no_event_is_nothing_done(db: Database, tenant: Tenant) -> None:
    assert await recorded(db, tenant) == Recorded((), ())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.none() | st.sampled_from(["e-1", "e-2", "e-3", "Sự kiện"]), max_size=8))
async def test_a_key_is_one_event_however_often_it_is_sent(
    db: Database, tenant: Tenant, keys: list[str | None]
) -> None:
    before = await counts(db, tenant)
    events = [{"type": "visit"} if key is None else {"type": "visit", "ext_id": key} for key in keys]
    first, again = await recorded(db, tenant, *events), await recorded(db, tenant, *events)
    assert [one.ext_id for one in first.events] == keys
    assert [one.duplicate for one in again.events] == [key is not None for key in keys]
    by_key: dict[str, set[int]] = {}
    for one in (*first.events, *again.events):
        if one.ext_id is not None:
            by_key.setdefault(one.ext_id, set()).add(one.event_id)
    assert all(len(ids) == 1 for ids in by_key.values())
    new = sum(not one.duplicate for one in (*first.events, *again.events))
    assert (await counts(db, tenant))["events"] - before["events"] == new


async def test_an_event_starts_a_run_of_each_campaign_that_waits_for_it(db: Database, tenant: Tenant) -> None:
    ids = await people(db, tenant, "a", "b")
    low, high = [await waiting(db, tenant, key, priority=place) for place, key in enumerate(("low", "high"))]
    await waiting(db, tenant, "other", trigger="birthday")
    done = await recorded(db, tenant, CART, {**CART, "profile": "b"}, {"type": "page_view", "profile": "a"})
    assert [(one.event_id, one.campaign_id) for one in done.runs] == [
        (event.event_id, campaign_id) for event in done.events[:2] for campaign_id in (high, low)
    ]
    assert {one.lane for one in done.runs} == {Lane.REALTIME}
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await (
            await connection.execute(
                "SELECT r.run_id, r.campaign_id, r.event_id, r.kind, r.lane, r.status, "
                "b.batch_id, b.lane AS batch_lane, b.status AS batch_status, b.profile_ids "
                "FROM campaign_run r JOIN run_batch b USING (tenant_id, run_id) ORDER BY r.run_id"
            )
        ).fetchall()
    person = {done.events[0].event_id: ids["a"], done.events[1].event_id: ids["b"]}
    assert [(row["run_id"], row["batch_id"]) for row in rows] == [(one.run_id, one.batch_id) for one in done.runs]
    for row in rows:
        assert (row["kind"], row["lane"], row["batch_lane"]) == ("event", "realtime", "realtime")
        assert (row["status"], row["batch_status"]) == ("pending", "pending")
        assert row["profile_ids"] == [person[row["event_id"]]]


async def test_a_duplicate_and_an_event_of_nobody_start_nothing(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, "a")
    await waiting(db, tenant, "cart")
    event = {**CART, "ext_id": "e-1"}
    assert len((await recorded(db, tenant, event, event)).runs) == 1
    assert (await recorded(db, tenant, event)).runs == ()
    assert (await recorded(db, tenant, {"type": "cart_abandoned"})).runs == ()


@pytest.mark.parametrize("state", ["draft", "paused", "ended"])
async def test_only_an_active_campaign_is_started(db: Database, tenant: Tenant, state: str) -> None:
    await people(db, tenant, "a")
    campaign_id = await waiting(db, tenant, "cart")
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute("UPDATE campaign SET status = %s WHERE campaign_id = %s", (state, campaign_id))
    assert (await recorded(db, tenant, CART)).runs == ()


async def test_two_senders_of_one_event_start_one_run(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, "a")
    await waiting(db, tenant, "cart")
    event = {**CART, "ext_id": "e-1"}
    both = await asyncio.gather(*(recorded(db, tenant, event) for _ in range(4)))
    assert sorted(one.events[0].duplicate for one in both) == [False, True, True, True]
    assert len({one.events[0].event_id for one in both}) == 1
    assert await counts(db, tenant) == {"events": 1, "keys": 1, "runs": 1, "batches": 1}


async def test_an_event_of_a_merged_profile_is_of_the_one_it_became(db: Database, tenant: Tenant) -> None:
    ids = await people(db, tenant, "old", "new")
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute(
            "UPDATE cdp_profiles SET status = 'merged', merged_into = %s WHERE ext_id = 'old'", (ids["new"],)
        )
    await recorded(db, tenant, {**CART, "profile": "old"})
    async with db.transaction(tenant.tenant_id) as connection:
        row = await (await connection.execute("SELECT profile_id FROM marketing_event")).fetchone()
    assert row == {"profile_id": ids["new"]}


async def test_an_event_of_somebody_unknown_is_named_and_nothing_is_stored(db: Database, tenant: Tenant) -> None:
    await people(db, tenant, "a")
    await waiting(db, tenant, "cart")
    with pytest.raises(InvalidInput, match=r"Event 2 .*'ghost'"):
        await recorded(db, tenant, {**CART, "ext_id": "e-1"}, {**CART, "profile": "ghost", "ext_id": "e-2"})
    assert await counts(db, tenant) == {"events": 0, "keys": 0, "runs": 0, "batches": 0}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"typ": "x"}, "typ"),
        ({"type": ""}, "type"),
        ({"type": "x" * 101}, "type"),
        ({"type": None}, "type"),
        ({"ext_id": ""}, "ext_id"),
        ({"ext_id": "a\x00"}, "ext_id"),
        ({"profile": 7}, "profile"),
        ({"attributes": []}, "attributes"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "2026-05-01T09:00:00"}, "occurred_at"),
        ({"occurred_at": datetime.now(UTC) + timedelta(days=3)}, "future"),
    ],
)
async def test_a_malformed_event_is_named_by_its_place(
    db: Database, tenant: Tenant, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=f"Event 2 .*{said}"):
        await recorded(db, tenant, {"type": "visit"}, {"type": "visit", **wrong})
    assert (await counts(db, tenant))["events"] == 0


async def test_a_character_that_cannot_be_stored_is_refused(db: Database, tenant: Tenant) -> None:
    with pytest.raises(InvalidInput):
        await recorded(db, tenant, {"type": "visit", "attributes": {"note": "a\x00b"}})


async def test_tenants_share_neither_keys_nor_campaigns(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    await waiting(db, tenant, "cart")
    for owner in (tenant, other_tenant):
        await people(db, owner, "a")
    ours = await recorded(db, tenant, {**CART, "ext_id": "e-1"})
    theirs = await recorded(db, other_tenant, {**CART, "ext_id": "e-1"})
    assert (len(ours.runs), len(theirs.runs)) == (1, 0)
    assert [one.duplicate for one in theirs.events] == [False]
