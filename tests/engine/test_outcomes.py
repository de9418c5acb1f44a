"""Learn: what is told is kept once, wherever it came from, and counts from the next decision on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.contract import Incoming
from engine.db import Database
from engine.outcomes import Recorded, record_outcomes
from rules.words import Channel, OutcomeType
from tests.conftest import Tenant
from tests.engine.world import World, simple_world


class Told:
    """A world whose first people have been sent a mail each."""

    def __init__(self, world: World, campaign_id: int, people: list[int]) -> None:
        self.world = world
        self.campaign_id = campaign_id
        self.people = people
        self.deliveries: dict[int, dict[str, Any]] = {}

    async def send(self, status: str = "sent") -> None:
        _, (batch_id,) = await self.world.run(self.campaign_id, self.people)
        await self.world.decide(batch_id)
        await self.world.rows(
            """
            UPDATE delivery_log SET status = %(s)s, provider_id = 'mail-' || profile_id, attempts = 1,
                sent_at = CASE WHEN %(s)s = 'sent' THEN now() - interval '1 minute' END
            """,
            s=status,
        )
        self.deliveries = {one["profile_id"]: one for one in await self.world.deliveries()}

    def ref(self, person: int) -> str:
        return bytes(self.deliveries[self.people[person]]["event_id"]).hex()

    async def tell(self, *incoming: Incoming, channel: str | None = "email") -> Recorded:
        tenant_id = self.world.tenant.tenant_id
        channel_id = self.world.channel_ids[channel] if channel else None
        async with self.world.db.transaction(tenant_id) as conn:
            return await record_outcomes(
                conn,
                tenant_id=tenant_id,
                channel_id=channel_id,
                incoming=incoming,
                channel=None if channel is None else Channel(channel),
            )

    async def outcomes(self) -> list[dict[str, Any]]:
        return await self.world.rows("SELECT * FROM outcome ORDER BY dedup_key")

    async def decide_again(self) -> dict[int, str]:
        _, (batch_id,) = await self.world.run(self.campaign_id, self.people)
        await self.world.decide(batch_id)
        decided = await self.world.rows(
            "SELECT profile_id, reason FROM decision JOIN run_batch USING (tenant_id, run_id) WHERE batch_id = %(b)s",
            b=batch_id,
        )
        return {one["profile_id"]: one["reason"] for one in decided}


@pytest.fixture
async def told(db: Database, tenant: Tenant) -> Told:
    made = Told(*await simple_world(db, tenant, people=4))
    await made.send()
    return made


def incoming(kind: str, ref: str | None, *, key: str = "1", address: str | None = None, **raw: Any) -> Incoming:
    return Incoming(
        provider_id=key, type=OutcomeType(kind), at=datetime.now(UTC), delivery_ref=ref, address=address, raw=raw
    )


async def test_an_outcome_finds_its_message_by_either_reference(told: Told) -> None:
    by_ours = incoming("delivered", told.ref(0), key="a")
    by_theirs = incoming("clicked", f"mail-{told.people[1]}", key="b")
    assert await told.tell(by_ours, by_theirs) == Recorded(new=2)
    kept = await told.outcomes()
    assert [(one["type"], one["profile_id"], one["campaign_id"]) for one in kept] == [
        ("delivered", told.people[0], told.campaign_id),
        ("clicked", told.people[1], told.campaign_id),
    ]
    assert [one["delivery_id"] for one in kept] == [
        told.deliveries[person]["delivery_id"] for person in told.people[:2]
    ]
    assert await told.world.graph_differences() == 0


async def test_what_is_told_twice_is_kept_once(told: Told) -> None:
    first = incoming("clicked", told.ref(0), key="a")
    assert await told.tell(first, first) == Recorded(new=1, duplicate=1)
    assert await told.tell(first) == Recorded(duplicate=1)
    assert await told.tell(incoming("clicked", told.ref(0), key="b")) == Recorded(new=1)
    assert len(await told.outcomes()) == 2


async def test_what_is_about_nobody_is_counted_and_left(told: Told) -> None:
    strange = (
        incoming("read", "ff" * 32),
        incoming("read", "no such mail"),
        incoming("read", None, address="x@y.example"),
    )
    assert await told.tell(*strange) == Recorded(unknown=3)
    assert await told.outcomes() == []


async def test_without_a_reference_the_address_tells_the_last_message_there(told: Told) -> None:
    assert await told.tell(incoming("replied", None, address="kh-3@people.example")) == Recorded(new=1)
    (kept,) = await told.outcomes()
    assert kept["delivery_id"] == told.deliveries[told.people[2]]["delivery_id"]


@pytest.mark.parametrize("kind", ["delivered", "read", "clicked", "bounced"])
async def test_what_is_told_of_a_message_that_is_not_known_is_about_no_other(told: Told, kind: str) -> None:
    """The provider was quicker than our log, or another program sends through the same account."""
    before = await told.world.statuses()
    named = incoming(kind, "an id that comes later", address="kh-3@people.example")
    assert await told.tell(named) == Recorded(unknown=1)
    assert await told.world.rows("SELECT 1 FROM outcome") == []
    assert await told.world.rows("SELECT 1 FROM suppression") == []
    assert await told.world.statuses() == before
    await told.world.rows(
        "UPDATE delivery_log SET provider_id = 'an id that comes later' WHERE profile_id = %(p)s", p=told.people[2]
    )
    assert await told.tell(named) == Recorded(new=1)


async def test_who_answers_a_message_that_is_not_known_is_heard_all_the_same(told: Told) -> None:
    assert await told.tell(incoming("replied", "another's", address="kh-3@people.example")) == Recorded(new=1)


async def test_somebody_we_never_wrote_to_can_answer_too(told: Told) -> None:
    (stranger,) = await told.world.people(1, prefix="other-")
    assert await told.tell(incoming("replied", None, address="other-1@people.example")) == Recorded(new=1)
    (kept,) = await told.outcomes()
    assert (kept["profile_id"], kept["delivery_id"]) == (stranger, None)


async def test_a_purchase_keeps_its_value(told: Told) -> None:
    await told.tell(
        incoming("bought", told.ref(0), key="a", value=250_000),
        incoming("bought", told.ref(1), key="b", value="many"),
        incoming("visited", told.ref(1), key="c"),
        incoming("bought", told.ref(2), key="d", value=10**400),
    )
    assert [one["value"] for one in await told.outcomes()] == [250_000.0, None, None, None]


async def test_a_clock_that_is_ahead_does_not_make_a_withdrawal_of_the_future(told: Told) -> None:
    ahead = replace(incoming("unsubscribed", told.ref(0)), at=datetime.now(UTC) + timedelta(days=400))
    await told.tell(ahead)
    (kept,) = await told.outcomes()
    assert kept["occurred_at"] <= datetime.now(UTC)
    await told.world.rows(
        "INSERT INTO consent (tenant_id, profile_id, granted, at) VALUES (leo_tenant(), %(p)s, true, %(at)s)",
        p=told.people[0],
        at=datetime.now(UTC),
    )
    assert (await told.decide_again())[told.people[0]] == "chosen", "who agrees again is written to again"


async def test_who_turns_from_a_channel_means_all_of_it(told: Told) -> None:
    await told.world.rows("UPDATE campaign SET purpose = 'order'")
    await told.tell(
        incoming("unsubscribed", None, key="unfollow", address="kh-1@people.example"),
        incoming("unsubscribed", told.ref(1), key="link"),
    )
    rows = await told.world.rows("SELECT profile_id, channel, purpose FROM consent WHERE NOT granted")
    assert {(row["profile_id"], row["channel"], row["purpose"]) for row in rows} == {
        (told.people[0], "email", "order"),
        (told.people[0], "email", "marketing"),
        (told.people[1], "email", "order"),
    }


async def test_a_suppression_that_had_run_out_holds_again_when_the_address_bounces_again(told: Told) -> None:
    await told.world.rows(
        """
        INSERT INTO suppression (tenant_id, channel, address, reason, expires_at)
        VALUES (leo_tenant(), 'email', 'kh-1@people.example', 'bounced', now() - interval '1 day')
        """
    )
    await told.tell(incoming("bounced", told.ref(0)))
    assert await told.world.rows("SELECT address, expires_at FROM suppression") == [
        {"address": "kh-1@people.example", "expires_at": None}
    ]


async def test_a_bounce_fails_the_message_and_closes_the_address(told: Told) -> None:
    await told.tell(incoming("bounced", told.ref(0)))
    assert await told.world.statuses() == {"failed": 1, "sent": 3}
    (row,) = await told.world.rows("SELECT profile_id, channel, address, reason FROM suppression")
    assert row == {"profile_id": None, "channel": "email", "address": "kh-1@people.example", "reason": "bounced"}
    reasons = await told.decide_again()
    assert reasons == {told.people[0]: "suppression", **dict.fromkeys(told.people[1:], "chosen")}


@pytest.mark.parametrize(("kind", "reason"), [("unsubscribed", "consent"), ("complained", "consent")])
async def test_who_wants_no_more_gets_no_more(told: Told, kind: str, reason: str) -> None:
    await told.tell(incoming(kind, told.ref(1)))
    consents = await told.world.rows("SELECT profile_id, channel, purpose, source FROM consent WHERE NOT granted")
    assert consents == [{"profile_id": told.people[1], "channel": "email", "purpose": "marketing", "source": "outcome"}]
    assert (await told.decide_again())[told.people[1]] == reason
    suppressed = await told.world.rows("SELECT profile_id, channel, reason FROM suppression")
    complaint = [{"profile_id": told.people[1], "channel": "email", "reason": "complained"}]
    assert suppressed == (complaint if kind == "complained" else [])


@pytest.mark.parametrize(("kind", "status"), [("delivered", "sent"), ("bounced", "failed")])
async def test_any_answer_settles_what_nobody_was_sure_of(db: Database, tenant: Tenant, kind: str, status: str) -> None:
    told = Told(*await simple_world(db, tenant, people=1))
    await told.send("uncertain")
    await told.tell(incoming(kind, told.ref(0)))
    assert await told.world.statuses() == {status: 1}


async def test_an_address_is_found_however_the_provider_spells_it(told: Told) -> None:
    assert await told.tell(incoming("unsubscribed", None, address=" kh-1@PEOPLE.Example")) == Recorded(new=1)
    assert (await told.decide_again())[told.people[0]] == "consent"


async def test_outcomes_without_a_channel_know_our_references_alone(told: Told) -> None:
    ours, theirs = incoming("read", told.ref(0)), incoming("read", f"mail-{told.people[1]}")
    assert await told.tell(ours, theirs, channel=None) == Recorded(new=1, unknown=1)


async def test_another_tenant_cannot_tell_of_our_messages(told: Told, other_tenant: Tenant) -> None:
    theirs = World(told.world.db, other_tenant)
    channel_id = await theirs.connect()
    async with theirs.db.transaction(other_tenant.tenant_id) as conn:
        recorded = await record_outcomes(
            conn,
            tenant_id=other_tenant.tenant_id,
            channel_id=channel_id,
            incoming=[incoming("bounced", told.ref(0)), incoming("bounced", None, address="kh-1@people.example")],
        )
    assert recorded == Recorded(unknown=2)
    assert await told.world.statuses() == {"sent": 4}


async def test_an_answer_from_before_the_message_is_not_about_it(told: Told) -> None:
    early = Incoming(
        provider_id="1",
        type=OutcomeType.REPLIED,
        at=datetime.now(UTC) - timedelta(hours=1),
        delivery_ref=None,
        address="kh-1@people.example",
    )
    await told.tell(early)
    assert [one["delivery_id"] for one in await told.outcomes()] == [None]


async def test_a_watermark_is_about_all_that_was_sent_until_then_and_nothing_else(told: Told) -> None:
    address = "kh-1@people.example"
    until = Incoming(
        provider_id="read", type=OutcomeType.READ, at=datetime.now(UTC), delivery_ref=None, address=address, up_to=True
    )
    before = replace(until, at=datetime.now(UTC) - timedelta(hours=1))
    assert await told.tell(before) == Recorded(unknown=1)
    assert await told.tell(until) == Recorded(new=1)
    assert await told.tell(until) == Recorded(duplicate=1)
    await told.send()
    assert await told.tell(replace(until, at=datetime.now(UTC))) == Recorded(new=1, duplicate=1)
    kept = await told.outcomes()
    assert [one["profile_id"] for one in kept] == [told.people[0]] * 2
    assert len({one["delivery_id"] for one in kept}) == 2


async def test_what_a_person_does_is_an_event_and_starts_who_waits_for_it(db: Database, tenant: Tenant) -> None:
    world = World(db, tenant)
    await world.connect("telegram")
    (person,) = await world.people(1, channels=("telegram",))
    address = await world.one("SELECT value FROM profile_address")
    waiting = await world.campaign(templates=[await world.template("telegram")])
    await world.rows("UPDATE campaign SET trigger_type = 'telegram.follow' WHERE campaign_id = %(c)s", c=waiting)
    told = Told(world, waiting, [person])
    follow = Incoming(
        provider_id="f-1", type=None, at=datetime.now(UTC), delivery_ref=None, address=address, event="follow"
    )
    stranger = replace(follow, provider_id="f-2", address="1")
    recorded = await told.tell(follow, stranger, channel="telegram")
    assert (recorded.new, recorded.duplicate, recorded.unknown) == (1, 0, 1)
    assert [run.campaign_id for run in recorded.runs] == [waiting]
    assert await told.tell(follow, channel="telegram") == Recorded(duplicate=1)
    assert await told.outcomes() == []
    wrote = replace(follow, provider_id="m-1", type=OutcomeType.REPLIED, event="message")
    assert await told.tell(wrote, channel="telegram") == Recorded(new=1)
    events = await world.rows("SELECT type, profile_id FROM marketing_event ORDER BY event_id")
    assert [(one["type"], one["profile_id"]) for one in events] == [
        ("telegram.follow", person),
        ("telegram.message", person),
    ]


async def test_one_application_of_zalo_tells_of_both_its_channels(db: Database, tenant: Tenant) -> None:
    told = Told(*await simple_world(db, tenant, people=1))
    await told.world.connect("zalo_oa")
    await told.world.connect("zalo_template")
    await told.send()
    await told.world.rows(
        "UPDATE delivery_log SET channel = 'zalo_template', channel_id = %(c)s",
        c=told.world.channel_ids["zalo_template"],
    )
    seen = incoming("read", f"mail-{told.people[0]}")
    assert await told.tell(seen) == Recorded(unknown=1)
    assert await told.tell(seen, channel="zalo_oa") == Recorded(new=1)


async def test_a_bounce_that_is_not_the_addresss_fault_fails_the_message_and_closes_nothing(told: Told) -> None:
    soft, hard = replace(incoming("bounced", told.ref(0)), soft=True), incoming("bounced", told.ref(1))
    assert await told.tell(soft, hard) == Recorded(new=2)
    rows = await told.world.rows("SELECT profile_id, class FROM delivery_log WHERE status = 'failed'")
    assert {row["profile_id"]: row["class"] for row in rows} == {
        told.people[0]: "blocked",
        told.people[1]: "invalid_address",
    }
    assert [row["address"] for row in await told.world.rows("SELECT address FROM suppression")] == [
        "kh-2@people.example"
    ]
