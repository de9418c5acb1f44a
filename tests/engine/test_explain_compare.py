"""Policies compared: what past decisions would have been under another version, before it is switched on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import explain
from engine.db import Database
from engine.explain import Compared
from rules.errors import InvalidInput, NotFound
from tests.conftest import Tenant
from tests.engine.explaining import decided, draft
from tests.engine.world import ALWAYS, World, simple_world

KEY = "policy of tet"


async def compare(world: World, version: int = 2, **more: Any) -> Compared:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await explain.compare_policies(conn, tenant_id=world.tenant.tenant_id, key=KEY, version=version, **more)


async def test_the_same_policy_changes_nothing(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=6)
    await decided(world, campaign_id, people, now=datetime.now(UTC))
    await draft(world, ALWAYS, key=KEY)
    found = await compare(world)
    assert (found.compared, found.changed, found.is_draft, found.actions) == (6, 0, True, {})


async def test_who_no_longer_gets_something_is_counted_by_gate_and_named(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=6)
    await world.rows("DELETE FROM consent WHERE profile_id = ANY (%(p)s)", p=people[:2])
    await decided(world, campaign_id, people, now=datetime.now(UTC))
    await draft(world, {**ALWAYS, "control_share": 1.0, "required_consent": False}, key=KEY)
    found = await compare(world)
    assert (found.compared, found.changed, found.loses, found.gains) == (6, 6, 4, 0)
    assert found.reasons == {"chosen -> control_group": 4, "consent -> control_group": 2}
    assert sorted(found.lose_examples) == ["kh-3", "kh-4", "kh-5", "kh-6"]


async def test_who_newly_gets_something_is_named(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3)
    await world.rows("DELETE FROM consent WHERE profile_id = %(p)s", p=people[0])
    await decided(world, campaign_id, people, now=datetime.now(UTC))
    await draft(world, {**ALWAYS, "required_consent": False}, key=KEY)
    found = await compare(world)
    assert (found.actions, found.gain_examples) == ({"do_nothing -> send": 1}, ["kh-1"])


async def test_decisions_are_paged_by_time_and_the_newest_are_taken(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=510)
    now = datetime.now(UTC)
    await decided(world, campaign_id, people, now=now)
    await draft(world, ALWAYS, key=KEY)
    assert (await compare(world)).compared == 510
    assert (await compare(world, limit=503)).compared == 503
    assert (await compare(world, since=now + timedelta(seconds=1))).compared == 0


async def test_decisions_under_other_policies_are_left_out(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    other = await world.campaign("other", templates=[await world.template(key="other")])
    await decided(world, campaign_id, people, now=datetime.now(UTC))
    await decided(world, other, people, now=datetime.now(UTC))
    await draft(world, ALWAYS, key=KEY)
    assert (await compare(world)).compared == 2


async def test_a_cap_that_looks_further_back_than_the_stored_facts_is_told(db: Database, tenant: Tenant) -> None:
    world, _, _ = await simple_world(db, tenant, people=1)
    await draft(world, {"caps": [{"limit": 9, "days": 90}]}, key=KEY)
    assert (await compare(world)).blind


async def test_what_was_not_gathered_then_is_not_guessed_but_skipped(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    await decided(world, campaign_id, people, now=datetime.now(UTC))
    buyers = {"name": "buyers", "when": {"event": "purchase", "in_last_days": 30}}
    await draft(world, {**ALWAYS, "eligibility": [buyers]}, key=KEY)
    found = await compare(world)
    assert (found.skipped, found.compared, found.changed) == (2, 0, 0)


async def test_nothing_is_written(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    await decided(world, campaign_id, people, now=datetime.now(UTC))
    before = await world.decisions()
    await draft(world, {**ALWAYS, "control_share": 1.0}, key=KEY)
    await compare(world)
    assert await world.decisions() == before


async def test_a_version_that_is_not_there_is_an_error(db: Database, tenant: Tenant) -> None:
    world, _, _ = await simple_world(db, tenant, people=1)
    with pytest.raises(NotFound, match="no version 9"):
        await compare(world, version=9)
    with pytest.raises(InvalidInput):
        await compare(world, version=1, limit=0)
