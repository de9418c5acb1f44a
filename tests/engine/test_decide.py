"""Think: a batch is decided once and whole, with every reason, in order with what others decide for the same people."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest
from psycopg.types.json import Jsonb

from engine.db import Database
from engine.decide import BatchState
from rules.decide import decide
from rules.facts import Campaign, Candidate, Facts
from rules.identity import inputs_hash
from rules.policy import Policy
from rules.verdicts import Verdict
from tests.conftest import Tenant
from tests.engine.world import ALWAYS, World, simple_world

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)  # noon in Vietnam
NIGHT = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)  # 23:00 in Vietnam
ONE_A_DAY = {"quiet_hours": None, "caps": [{"limit": 1, "days": 1, "scope": "overall"}]}


async def test_everybody_is_decided_and_every_send_has_its_delivery(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=30)
    run_id, batch_ids = await world.run(campaign_id, people, size=20)
    done = [await world.decide(batch_id, now=NOW) for batch_id in batch_ids]
    assert [one.state for one in done] == [BatchState.DECIDED] * 2
    assert sum(one.deliveries for one in done) == 30
    decisions, deliveries = await world.decisions(), await world.deliveries()
    assert sorted(one["profile_id"] for one in decisions) == people
    assert {one["decision_id"] for one in deliveries} == {one["decision_id"] for one in decisions}
    assert {(one["status"], one["lane"], one["due_at"]) for one in deliveries} == {("queued", "bulk", NOW)}
    assert await world.one("SELECT status FROM campaign_run WHERE run_id = %(r)s", r=run_id) == "finished"
    assert await world.graph_differences() == 0


async def test_deciding_a_batch_twice_changes_nothing(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant)
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id)
    before = await world.decisions(), await world.deliveries()
    again = await world.decide(batch_id)
    assert again.state is BatchState.TAKEN
    await world.rows("UPDATE run_batch SET status = 'pending'")  # as if the end of the batch had been lost
    once_more = await world.decide(batch_id)
    assert (once_more.state, once_more.made, once_more.deliveries) == (BatchState.DECIDED, (), 0)
    assert (await world.decisions(), await world.deliveries()) == before


async def test_two_workers_at_one_batch_decide_it_once(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant)
    _, (batch_id,) = await world.run(campaign_id, people)
    states = [one.state for one in await asyncio.gather(*(world.decide(batch_id) for _ in range(4)))]
    assert sorted(states) == [BatchState.DECIDED] + [BatchState.TAKEN] * 3
    assert len(await world.decisions()) == len(people)


async def test_a_large_batch_is_decided_in_parts(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=12, policy=ONE_A_DAY)
    run_id, batch_ids = await world.run(campaign_id, people)
    while batch_ids:
        assert (await world.decide(batch_ids[0], now=NOW, most=5)).deliveries in {5, 2}
        rows = await world.rows(
            "SELECT batch_id, run_id, due_at < now() AS due FROM run_batch WHERE status = 'pending'"
        )
        assert {(row["run_id"], row["due"]) for row in rows} <= {(run_id, True)}
        batch_ids = [row["batch_id"] for row in rows]
    assert [one["profile_id"] for one in await world.deliveries()] == people
    assert await world.one("SELECT array_agg(cardinality(profile_ids) ORDER BY batch_id) FROM run_batch") == [5, 5, 2]
    assert await world.one("SELECT status FROM campaign_run") == "finished"


async def test_a_stored_decision_is_decided_the_same_again(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, control_share=0.3, policy=ONE_A_DAY)
    await world.rows(
        "INSERT INTO suppression (tenant_id, address, reason) VALUES (leo_tenant(), 'kh-2@people.example', 'bounced')"
    )
    await world.rows(
        "INSERT INTO consent (tenant_id, profile_id, granted) VALUES (leo_tenant(), %(p)s, false)", p=people[4]
    )
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    salt = bytes(await world.one("SELECT inputs_salt FROM tenant"))
    document = await world.one("SELECT document FROM policy")
    reasons = set()
    for stored in await world.decisions():
        assert bytes(stored["inputs_hash"]) == inputs_hash(stored["inputs"], salt)
        verdicts = [Verdict.from_document(verdict) for verdict in stored["candidates"]]
        again = decide(
            Facts.from_document(stored["inputs"]["facts"]),
            [verdict.candidate for verdict in verdicts],
            Campaign.from_document(stored["inputs"]["campaign"]),
            Policy.parse(document, version=stored["policy_version"]),
            stored["decided_at"],
        )
        assert [verdict.to_document() for verdict in again.verdicts] == stored["candidates"]
        assert (again.action, again.reason, again.wait_until) == (
            stored["action"],
            stored["reason"],
            stored["wait_until"],
        )
        reasons.add(stored["reason"])
    assert reasons == {"chosen", "control_group", "suppression", "consent"}


async def test_who_is_asleep_is_asked_again_when_the_night_is_over(db: Database, tenant: Tenant) -> None:
    policy = {"caps": [], "quiet_hours": {"start": "21:00", "end": "08:00"}}
    world, campaign_id, people = await simple_world(db, tenant, people=4, policy=policy)
    awake = await world.people(2, prefix="la-", zone="America/Los_Angeles")
    event_id = await world.one(
        "INSERT INTO marketing_event (tenant_id, type) VALUES (leo_tenant(), 'cart_abandoned') RETURNING event_id"
    )
    run_id, batch_ids = await world.run(campaign_id, people + awake, size=3, kind="event", event_id=event_id)
    decided = [await world.decide(batch_id, now=NIGHT) for batch_id in batch_ids]
    assert sum(one.deliveries for one in decided) == len(awake)
    wake_ups = [wake for one in decided for wake in one.wake_ups]
    assert {due_at for _, due_at in wake_ups} == {datetime(2026, 6, 2, 1, 0, tzinfo=UTC)}
    runs = await world.rows("SELECT * FROM campaign_run WHERE kind = 'wake_up'")
    assert [(run["parent_id"], run["lane"], run["status"]) for run in runs] == [(run_id, "bulk", "pending")]
    morning = [await world.decide(batch_id, now=due_at) for batch_id, due_at in wake_ups]
    assert sum(one.deliveries for one in morning) == len(people)
    woken = await world.rows(
        "SELECT DISTINCT trigger_key, event_id FROM decision WHERE run_id = %(r)s", r=runs[0]["run_id"]
    )
    assert woken == [{"trigger_key": "wake_up:1", "event_id": event_id}]


async def test_a_wait_is_rounded_up_to_the_minute(db: Database, tenant: Tenant) -> None:
    starts_at = NOW + timedelta(minutes=5, seconds=20)
    world, campaign_id, people = await simple_world(db, tenant, people=3, starts_at=starts_at)
    _, (batch_id,) = await world.run(campaign_id, people)
    decided = await world.decide(batch_id, now=NOW)
    assert decided.actions == {"wait": 3}
    assert [due_at for _, due_at in decided.wake_ups] == [NOW + timedelta(minutes=6)]
    assert {one["wait_until"] for one in await world.decisions()} == {starts_at}


async def test_two_campaigns_at_one_instant_keep_a_frequency_cap(db: Database, tenant: Tenant) -> None:
    world, first, people = await simple_world(db, tenant, people=60, policy=ONE_A_DAY)
    second = await world.campaign("two", templates=[await world.template(key="two")], policy=ONE_A_DAY)
    batches = []
    for campaign_id in (first, second):
        for order in (people, people[::-1]):
            batches += (await world.run(campaign_id, order, size=30))[1]
    decided = await asyncio.gather(*(world.decide(batch_id, now=NOW) for batch_id in batches))
    assert sum(one.deliveries for one in decided) == len(people)
    written_to = [one["profile_id"] for one in await world.deliveries()]
    assert sorted(written_to) == people


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired", "dead"])
async def test_a_message_that_never_went_out_takes_no_place_under_a_cap(
    db: Database, tenant: Tenant, status: str
) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=ONE_A_DAY)
    for _ in range(2):
        _, (batch_id,) = await world.run(campaign_id, people)
        await world.decide(batch_id, now=NOW)
    assert [one["action"] for one in await world.decisions()] == ["send", "wait"]
    await world.rows("UPDATE delivery_log SET status = %(s)s", s=status)
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).actions == {"send": 1}


@pytest.mark.parametrize(("queued_days_ago", "good_for_days"), [(9, None), (40, 39)])
async def test_a_message_that_waited_counts_under_a_cap_from_when_it_was_sent(
    db: Database, tenant: Tenant, queued_days_ago: int, good_for_days: int | None
) -> None:
    policy = {"quiet_hours": None, "caps": [{"limit": 1, "days": 3}]}
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=policy)
    if good_for_days is not None:
        await world.rows("UPDATE campaign SET good_for_minutes = %(m)s", m=good_for_days * 24 * 60)
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW - timedelta(days=queued_days_ago))
    await world.rows("UPDATE delivery_log SET status = 'sent', sent_at = %(at)s", at=NOW - timedelta(days=1))
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=NOW)).reasons == {"frequency_cap": 1}


async def test_a_message_that_waits_for_the_morning_counts_on_the_day_it_leaves(db: Database, tenant: Tenant) -> None:
    """Queued on Monday behind a slow channel and held for the night: Tuesday has its one message."""
    policy = {"quiet_hours": None, "caps": [{"limit": 1, "per": "day"}]}
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=policy)
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    morning = NOW + timedelta(hours=20)  # 08:00 in Vietnam
    await world.rows("UPDATE delivery_log SET due_at = %(at)s", at=morning)
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await world.decide(batch_id, now=morning)).reasons == {"frequency_cap": 1}


async def test_what_holds_people_back_is_named(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=8)
    await world.rows(
        """
        INSERT INTO suppression (tenant_id, profile_id, channel, address, reason, expires_at) VALUES
            (leo_tenant(), %(person)s, NULL, NULL, 'complained', NULL),
            (leo_tenant(), NULL, 'email', 'kh-2@people.example', 'bounced', NULL),
            (leo_tenant(), NULL, 'telegram', 'kh-3@people.example', 'another channel', NULL),
            (leo_tenant(), %(over)s, NULL, NULL, 'a pause that is over', %(now)s)
        """,
        person=people[0],
        over=people[3],
        now=NOW,
    )
    await world.rows("UPDATE profile_address SET valid = false, reason = 'typo' WHERE profile_id = %(p)s", p=people[4])
    await world.rows(
        """
        INSERT INTO consent (tenant_id, profile_id, channel, purpose, granted, at) VALUES
            (leo_tenant(), %(a)s, 'email', 'marketing', false, %(at)s),
            (leo_tenant(), %(b)s, 'telegram', 'marketing', false, %(at)s),
            (leo_tenant(), %(b)s, 'email', 'service', false, %(at)s)
        """,
        a=people[5],
        b=people[6],
        at=datetime.now(UTC),
    )
    await world.rows("UPDATE cdp_profiles SET status = 'deleted' WHERE profile_id = %(p)s", p=people[7])
    _, (batch_id,) = await world.run(campaign_id, [*people, 1])
    decided = await world.decide(batch_id, now=NOW)
    reasons = {one["profile_id"]: one["reason"] for one in await world.decisions()}
    assert [reasons[person] for person in people] == [
        "suppression", "suppression", "chosen", "chosen", "unreachable", "consent", "chosen", "unknown_profile",
    ]  # fmt: skip
    assert decided.missing == 1
    assert decided.reasons["chosen"] == 3


async def test_the_address_that_is_used_is_not_a_suppressed_one(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    await world.rows(
        """
        WITH other AS (
            INSERT INTO profile_address (tenant_id, profile_id, channel, value)
            VALUES (leo_tenant(), %(p)s, 'email', 'other@people.example')
        )
        INSERT INTO suppression (tenant_id, address, reason) VALUES (leo_tenant(), 'kh-1@people.example', 'bounced')
        """,
        p=people[0],
    )
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    assert [one["address"] for one in await world.deliveries()] == ["other@people.example"]


async def test_the_best_channel_is_chosen_and_only_what_is_approved(db: Database, tenant: Tenant) -> None:
    world = World(db, tenant)
    await world.connect("email")
    telegram = await world.connect("telegram", token="1:a")
    templates = [
        await world.template("email"),
        await world.template("telegram", key="draft", status="draft"),
        await world.template("telegram"),
    ]
    campaign_id = await world.campaign(templates=templates)
    both, mail = await world.people(1, channels=("email", "telegram")), await world.people(1, prefix="mail-")
    _, (batch_id,) = await world.run(campaign_id, both + mail)
    await world.decide(batch_id, now=NOW)
    chosen = {one["profile_id"]: (one["channel"], one["template_id"]) for one in await world.deliveries()}
    assert chosen == {both[0]: ("telegram", templates[2]), mail[0]: ("email", templates[0])}
    assert [one["channel_id"] for one in await world.deliveries() if one["channel"] == "telegram"] == [telegram]
    offered = [Candidate.from_document(verdict["candidate"]) for verdict in (await world.decisions())[0]["candidates"]]
    assert [one.template_id for one in offered] == [templates[0], templates[2], None]


async def test_without_an_approved_template_nothing_is_sent(db: Database, tenant: Tenant) -> None:
    world = World(db, tenant)
    await world.connect()
    campaign_id = await world.campaign(templates=[await world.template(status="draft")])
    _, (batch_id,) = await world.run(campaign_id, await world.people(2))
    assert (await world.decide(batch_id, now=NOW)).reasons == {"not_approved": 2}


@pytest.mark.parametrize(
    ("change", "state", "batch", "run"),
    [
        ("UPDATE campaign_run SET status = 'paused'", BatchState.HELD, "pending", "paused"),
        ("UPDATE campaign SET status = 'paused'", BatchState.HELD, "pending", "pending"),
        ("UPDATE campaign_run SET status = 'cancelled'", BatchState.CANCELLED, "cancelled", "cancelled"),
        ("UPDATE campaign SET status = 'ended'", BatchState.CANCELLED, "cancelled", "finished"),
    ],
)
async def test_a_pause_holds_a_batch_and_an_end_closes_it(
    db: Database, tenant: Tenant, change: LiteralString, state: BatchState, batch: str, run: str
) -> None:
    world, campaign_id, people = await simple_world(db, tenant)
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.rows(change)
    assert (await world.decide(batch_id)).state is state
    assert await world.one("SELECT status FROM run_batch") == batch
    assert await world.one("SELECT status FROM campaign_run") == run
    assert await world.decisions() == []


async def test_a_campaign_without_a_policy_decides_under_the_tenants_newest(db: Database, tenant: Tenant) -> None:
    world = World(db, tenant)
    await world.connect()
    campaign_id = await world.campaign(templates=[await world.template()], policy=None)
    await world.policy({**ALWAYS, "required_consent": False}, version=1)
    policy_id = await world.policy(ALWAYS, version=2)
    _, (batch_id,) = await world.run(campaign_id, await world.people(1))
    await world.decide(batch_id, now=NOW)
    assert [(one["policy_id"], one["policy_version"]) for one in await world.decisions()] == [(policy_id, 2)]


async def test_what_came_back_before_counts_for_the_score(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    for number, kind in enumerate(["delivered", "delivered", "clicked"]):
        await world.rows(
            """
            INSERT INTO outcome (tenant_id, profile_id, type, dedup_key, occurred_at)
            VALUES (leo_tenant(), %(p)s, %(kind)s, %(key)s, now())
            """,
            p=people[0],
            kind=kind,
            key=str(number),
        )
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    stored: dict[str, Any] = (await world.decisions())[0]
    assert stored["inputs"]["facts"]["outcomes"] == {"delivered": 2, "clicked": 1}
    assert stored["candidates"][0]["features"]["engagement"] == pytest.approx(1 / 3)


async def test_nothing_of_another_tenant_is_seen(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3)
    theirs, _, _ = await simple_world(db, other_tenant, people=3)
    await theirs.rows(
        "INSERT INTO suppression (tenant_id, address, reason) VALUES (leo_tenant(), 'kh-1@people.example', 'bounced')"
    )
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await theirs.decide(batch_id)).state is BatchState.TAKEN
    assert (await world.decide(batch_id, now=NOW)).deliveries == 3
    assert await theirs.deliveries() == []


async def test_a_policy_that_cannot_be_read_stops_the_batch_with_a_sentence(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, policy={"caps": [{"limit": -1}]})
    _, (batch_id,) = await world.run(campaign_id, people)
    with pytest.raises(Exception, match=r"Policy field caps\[0\]\.limit"):
        await world.decide(batch_id)
    assert await world.one("SELECT status FROM run_batch") == "pending"


async def test_attributes_of_any_shape_are_stored_as_they_are(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    strange = {"": None, "số": 1.5, "big": 2**70, "deep": [{"a": ["\\", '"', "\u2028", "😀"]}]}
    await world.rows("UPDATE cdp_profiles SET attributes = %(a)s", a=Jsonb(strange))
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id, now=NOW)
    assert (await world.decisions())[0]["inputs"]["facts"]["attributes"] == strange
