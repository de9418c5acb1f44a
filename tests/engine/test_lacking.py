"""A message that could not be written is never queued: who lacks what is known when it is decided."""

from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from engine import explain
from engine.campaigns import activate_campaign
from engine.db import Database
from engine.lacking import count_lacking
from engine.segments import save_segment
from engine.together import decide_together
from tests.conftest import Tenant
from tests.engine.world import ALWAYS, SQL, World, simple_world

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)  # noon in Vietnam


async def world_of(db: Database, tenant: Tenant, *bodies: str) -> tuple[World, int, list[int]]:
    """Three people, of whom the first two have a tier and the first has no name; a template of each body."""
    world = World(db, tenant)
    await world.connect()
    templates = [await world.template(key=f"t{place}", subject="Chào", body=body) for place, body in enumerate(bodies)]
    campaign_id = await world.campaign(templates=templates, policy=ALWAYS)
    people = await world.people(3)
    more = Jsonb({"tier": "gold", "none": None})
    gilded = "UPDATE cdp_profiles SET attributes = attributes || %(more)s WHERE profile_id = ANY (%(p)s)"
    await world.rows(gilded, p=people[:2], more=more)
    await world.rows("UPDATE cdp_profiles SET name = NULL WHERE profile_id = %(p)s", p=people[0])
    return world, campaign_id, people


@pytest.mark.parametrize(
    ("body", "reasons", "missing"),
    [
        ("{{ profile.attributes.tier }}", ["chosen", "chosen", "incomplete"], "profile.attributes.tier"),
        ("{{ profile.tier }}", ["chosen", "chosen", "incomplete"], "profile.tier"),
        ("{{ profile.name }}: {{ profile.tier }}", ["incomplete", "chosen", "incomplete"], "profile.tier"),
        ("{{ profile.tier | default: 'bạc' }}", ["chosen"] * 3, ""),
        ("{{ profile.none }}!", ["chosen", "chosen", "incomplete"], "profile.none"),
        ("{{ profile.ext_id }} {{ campaign.name }} {{ profile.locale }}", ["chosen"] * 3, ""),
        ("{{ campaign.colour }}", ["incomplete"] * 3, "campaign.colour"),
        ("{{ event.attributes.items }}", ["incomplete"] * 3, "event.attributes.items"),
    ],
)
async def test_who_lacks_what_the_template_needs_gets_nothing_and_the_decision_says_what(
    db: Database, tenant: Tenant, body: str, reasons: list[str], missing: str
) -> None:
    world, campaign_id, people = await world_of(db, tenant, body)
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    decisions = {one["profile_id"]: one for one in await world.decisions()}
    assert [decisions[person]["reason"] for person in people] == reasons
    assert len(await world.deliveries()) == reasons.count("chosen")
    if missing:
        (reason,) = decisions[people[2]]["candidates"][0]["reasons"]
        assert (reason["gate"], reason["evidence"]) == ("incomplete", {"template": "t0", "missing": [missing]})


async def test_a_template_that_needs_less_takes_its_place(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await world_of(db, tenant, "{{ profile.tier }}", "Chào bạn")
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    sent = await world.rows(
        "SELECT d.profile_id, t.key FROM delivery_log d JOIN message_template t USING (tenant_id, template_id)"
    )
    assert {row["profile_id"]: row["key"] for row in sent} == dict(zip(people, ["t0", "t0", "t1"], strict=True))


async def test_a_language_is_asked_for_what_it_prints_alone(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await world_of(db, tenant, "{{ profile.tier }}")
    english = Jsonb({"en": {"subject": "Hi", "body_text": "Hello", "body_html": None, "data": {}}})
    await world.rows("UPDATE message_template SET translations = %(english)s", english=english)
    await world.rows("UPDATE cdp_profiles SET locale = 'en-GB' WHERE profile_id = %(p)s", p=people[2])
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).deliveries == 3


@pytest.mark.parametrize("is_together", [False, True])
async def test_what_an_event_says_is_there_and_what_it_does_not_say_is_not(
    db: Database, tenant: Tenant, *, is_together: bool
) -> None:
    world, campaign_id, people = await world_of(db, tenant, "{{ event.attributes.items }} món")
    batch_ids = []
    said: list[dict[str, Any]] = [{"items": 3}, {}, {"items": 1}]
    for person, attributes in zip(people, said, strict=True):
        event_id = await world.one(SQL["event"], profile_id=person, attributes=Jsonb(attributes))
        _, made = await world.run(campaign_id, [person], lane="realtime", kind="event", event_id=event_id)
        batch_ids += made
    if is_together:
        async with db.transaction(tenant.tenant_id) as conn:
            await decide_together(conn, tenant_id=tenant.tenant_id, batch_ids=batch_ids, now=NOW)
    else:
        for batch_id in batch_ids:
            await world.decide(batch_id, now=NOW)
    decisions = {one["profile_id"]: one["reason"] for one in await world.decisions()}
    assert [decisions[person] for person in people] == ["chosen", "incomplete", "chosen"]


async def test_a_rehearsal_tells_who_would_lack_something_and_takes_an_event_to_come_for_complete(
    db: Database, tenant: Tenant
) -> None:
    world, _, people = await world_of(db, tenant, "{{ event.attributes.items }} {{ profile.tier }}")
    await world.rows("UPDATE campaign SET trigger_type = 'cart'")
    keys = [row["ext_id"] for row in await world.rows("SELECT ext_id FROM cdp_profiles ORDER BY profile_id")]
    async with db.transaction(tenant.tenant_id) as conn:
        found = await explain.dry_run(conn, tenant_id=tenant.tenant_id, campaign="tet", profiles=keys)
    assert len(people) == 3
    assert [one["reason"] for one in found.to_document()["decisions"]] == ["chosen", "chosen", "incomplete"]


async def test_who_lacks_what_is_counted_when_a_campaign_is_activated_and_for_a_template(
    db: Database, tenant: Tenant
) -> None:
    body = "{{ profile.name }} {{ profile.tier }} {{ event.type }} {{ profile.address.city }}"
    world, campaign_id, people = await world_of(db, tenant, body, "Chào bạn")
    keys = [row["ext_id"] for row in await world.rows("SELECT ext_id FROM cdp_profiles ORDER BY profile_id")]
    async with db.transaction(tenant.tenant_id) as conn:
        rule = {"profile": "ext_id", "exists": True}
        segment = await save_segment(conn, tenant_id=tenant.tenant_id, key="all", name="All", rule=rule)
        await conn.execute("UPDATE campaign SET segment_id = %s, status = 'draft'", (segment.segment_id,))
        done = await activate_campaign(conn, tenant_id=tenant.tenant_id, campaign_id=campaign_id)
        template_id = await world.one("SELECT template_id FROM message_template WHERE key = 't0'")
        alone = await count_lacking(conn, tenant_id=tenant.tenant_id, template_ids=[template_id])
    counted = {one.name: (one.people, one.looked_at, one.examples) for one in done.lacking}
    everybody = (3, 3, tuple(keys))
    assert counted == {
        "event.type": everybody,
        "profile.address.city": everybody,
        "profile.name": (1, 3, (keys[0],)),
        "profile.tier": (1, 3, (keys[2],)),
    }
    assert {one.template for one in done.lacking} == {"t0 v1 (email)"}
    assert {one.name: one.people for one in alone} == {
        name: people for name, (people, *_) in counted.items() if name != "event.type"
    }
    assert len(people) == 3


async def test_templates_that_need_nothing_cost_no_look(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    await world.rows("UPDATE message_template SET subject = 'Chào', body_text = 'Chào'")
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    (inputs, _) = [one["inputs"] for one in await world.decisions()]
    assert "lacks" not in inputs["facts"]
