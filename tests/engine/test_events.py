"""Events are stored once, and start what waits for them."""

import asyncio
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import campaigns, clock, events, profiles
from engine.db import Database
from graph.mirror import compare
from rules.errors import InvalidInput
from rules.words import Lane
from tests.conftest import Tenant

_fresh = iter(range(10**9))
_KEYS = st.lists(st.none() | st.sampled_from(["a", "b", "c"]), min_size=1, max_size=8)


async def _record(db: Database, tenant: Tenant, *given_: dict[str, Any]) -> events.Recorded:
    async with db.transaction(tenant.tenant_id) as conn:
        return await events.record_events(conn, tenant_id=tenant.tenant_id, events=given_)


async def _count(db: Database, tenant: Tenant, table: str) -> int:
    async with db.transaction(tenant.tenant_id) as conn:
        row = await (await conn.execute(f"SELECT count(*) AS n FROM {table}")).fetchone()  # noqa: S608
    assert row is not None
    return int(row["n"])


async def _waiting_campaign(db: Database, tenant: Tenant, *, key: str = "cart", trigger: str = "cart") -> int:
    async with db.transaction(tenant.tenant_id) as conn:
        await profiles.upsert_profiles(conn, tenant_id=tenant.tenant_id, profiles=[{"ext_id": "kh-1"}])
        template = await campaigns.save_template(
            conn, tenant_id=tenant.tenant_id, key=key, channel="telegram", body_text="Giỏ hàng vẫn chờ."
        )
        await campaigns.approve_template(conn, tenant_id=tenant.tenant_id, template_id=template.template_id)
        saved = await campaigns.save_campaign(
            conn,
            tenant_id=tenant.tenant_id,
            key=key,
            name=key,
            trigger_type=trigger,
            template_ids=[template.template_id],
        )
        await campaigns.activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=saved.campaign_id)
    return saved.campaign_id


async def test_what_lies_in_the_future_is_told_by_the_databases_clock(
    db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This host's own is two days behind it."""
    now = datetime.now(UTC) + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: now)
    recorded = await _record(db, tenant, {"type": "visit", "occurred_at": now.isoformat()})
    assert not recorded.events[0].duplicate


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(_KEYS, min_size=1, max_size=4))
async def test_an_event_with_a_key_is_stored_once_however_often_it_comes(
    db: Database, tenant: Tenant, calls: list[list[str | None]]
) -> None:
    example = next(_fresh)
    before = await _count(db, tenant, "marketing_event")
    ids: dict[str, int] = {}
    expected = 0
    for keys in calls:
        sent = [{"type": "visit"} if key is None else {"type": "visit", "ext_id": f"{example}-{key}"} for key in keys]
        recorded = await _record(db, tenant, *sent)
        for event, told in zip(sent, recorded.events, strict=True):
            key = event.get("ext_id")
            assert told.ext_id == key
            assert told.duplicate == (key in ids)
            expected += not told.duplicate
            if key is not None:
                assert ids.setdefault(key, told.event_id) == told.event_id
    assert await _count(db, tenant, "marketing_event") == before + expected


async def test_an_event_starts_a_run_of_its_person_in_every_campaign_that_waits_for_it(
    db: Database, tenant: Tenant
) -> None:
    first = await _waiting_campaign(db, tenant, key="one")
    second = await _waiting_campaign(db, tenant, key="two")
    await _waiting_campaign(db, tenant, key="other", trigger="visit")
    recorded = await _record(db, tenant, {"type": "cart", "profile": "kh-1", "ext_id": "c-1"}, {"type": "cart"})
    assert {run.campaign_id for run in recorded.runs} == {first, second}
    assert {run.lane for run in recorded.runs} == {Lane.REALTIME}
    assert {run.event_id for run in recorded.runs} == {recorded.events[0].event_id}, "an event of nobody starts nothing"
    again = await _record(db, tenant, {"type": "cart", "profile": "kh-1", "ext_id": "c-1"})
    assert again.runs == ()
    async with db.transaction(tenant.tenant_id) as conn:
        await campaigns.pause_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=first)
    recorded = await _record(db, tenant, {"type": "cart", "profile": "kh-1"})
    assert {run.campaign_id for run in recorded.runs} == {second}
    async with db.transaction(tenant.tenant_id) as conn:
        assert sum(one.total for one in await compare(conn)) == 0


async def test_the_same_event_from_two_callers_at_once_is_stored_once(db: Database, tenant: Tenant) -> None:
    await _waiting_campaign(db, tenant)
    for round_ in range(5):
        event = {"type": "cart", "profile": "kh-1", "ext_id": f"c-{round_}"}
        told = await asyncio.gather(*(_record(db, tenant, event) for _ in range(4)))
        assert sorted(one.events[0].duplicate for one in told) == [False, True, True, True]
        assert len({one.events[0].event_id for one in told}) == 1
    assert await _count(db, tenant, "campaign_run") == 5


async def test_an_event_of_a_merged_profile_is_of_the_one_it_was_merged_into(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        done = await profiles.upsert_profiles(
            conn, tenant_id=tenant.tenant_id, profiles=[{"ext_id": "old"}, {"ext_id": "new"}]
        )
        await conn.execute(
            "UPDATE cdp_profiles SET status = 'merged', merged_into = %s WHERE ext_id = 'old'", (done.ids["new"],)
        )
    await _record(db, tenant, {"type": "visit", "profile": "old"})
    async with db.transaction(tenant.tenant_id) as conn:
        row = await (await conn.execute("SELECT profile_id FROM marketing_event")).fetchone()
        assert row == {"profile_id": done.ids["new"]}
        assert await profiles.profile_id_of(conn, tenant_id=tenant.tenant_id, ext_id="old") == done.ids["new"]


async def test_what_is_typed_in_parts_is_one_word_with_what_is_typed_whole(db: Database, tenant: Tenant) -> None:
    apart, city = unicodedata.normalize("NFD", "ghé cửa hàng"), unicodedata.normalize("NFD", "Hà Nội")
    await _record(db, tenant, {"type": apart, "ext_id": apart, "attributes": {"city": city}})
    async with db.transaction(tenant.tenant_id) as conn:
        row = await (await conn.execute("SELECT type, ext_id, attributes FROM marketing_event")).fetchone()
    assert row == {"type": "ghé cửa hàng", "ext_id": apart, "attributes": {"city": "Hà Nội"}}, "a key stays"


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({}, "type"),
        ({"type": "visit", "attributes": {"note": "\x00"}}, "attributes"),
        ({"type": "x" * 101}, "type"),
        ({"type": "visit", "ext_id": ""}, "ext_id"),
        ({"type": "visit", "profile": "nobody"}, "nobody"),
        ({"type": "visit", "profile": 7}, "profile"),
        ({"type": "visit", "occurred_at": "yesterday"}, "occurred_at"),
        ({"type": "visit", "occurred_at": "2026-05-01T09:00:00"}, "occurred_at"),
        ({"type": "visit", "occurred_at": "2999-05-01T09:00:00Z"}, "future"),
        ({"type": "visit", "attributes": "no"}, "attributes"),
        ({"type": "visit", "color": "red"}, "color"),
    ],
)
async def test_of_a_list_with_one_wrong_event_nothing_is_stored_and_it_is_named(
    db: Database, tenant: Tenant, event: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInput, match=f"Event 2.*{told}"):
        await _record(db, tenant, {"type": "visit", "ext_id": "good"}, event)
    assert await _count(db, tenant, "marketing_event") == 0
    assert await _count(db, tenant, "event_key") == 0


async def test_the_same_key_in_two_tenants_is_two_events(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    for one in (tenant, other_tenant):
        assert (await _record(db, one, {"type": "visit", "ext_id": "same"})).events[0].duplicate is False
