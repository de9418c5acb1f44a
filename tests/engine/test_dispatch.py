"""Act: what is due leaves once, what came of it is written down, and nothing leaves without a row that says so."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest
from psycopg.types.json import Jsonb

from channels.contract import Request, Response
from channels.telegram import TelegramAdapter
from engine.db import Database
from engine.dispatch import Adapters, Dispatched, claim_within, dispatch_due, give_up_leases, put_aside
from engine.dispatch import claim as claiming
from engine.settings import Settings
from rules.errors import Unavailable
from rules.words import Channel, Lane
from tests.conftest import Tenant
from tests.engine.acts import OWNER, Act, until


async def test_messages_leave_and_the_log_says_so(act: Act) -> None:
    await act.queue(100)
    first, second, third = [await act.send() for _ in range(3)]
    assert (first.sent, second.sent, third) == (64, 36, Dispatched())
    assert (first.is_full, second.is_full) == (True, False)
    received = await act.sandbox.messages()
    deliveries = await act.world.deliveries()
    assert {one["event_id"] for one in received} == {bytes(one["event_id"]).hex() for one in deliveries}
    assert len(received) == 100
    assert {(one["status"], one["lease_owner"], one["attempts"]) for one in deliveries} == {("sent", None, 1)}
    assert all(one["provider_id"] and one["sent_at"] for one in deliveries)
    assert sorted(set(await act.attempts())) == [(1, "ended", "accepted"), (1, "started", "sending")]
    assert await act.world.graph_differences() == 0


async def test_a_message_is_written_for_its_person(act: Act) -> None:
    await act.queue(1)
    await act.send()
    (received,) = await act.sandbox.messages()
    assert received["subject"] == "[QC] Chào Person 1"
    assert received["text"].startswith("Hà Nội: http")
    token = received["text"].rpartition("/")[2].strip()
    asked = act.adapters.links.verify(token)
    assert (asked.tenant_id, asked.profile_id, asked.channel, asked.delivery_id) == (
        act.world.tenant.tenant_id,
        act.people[0],
        Channel.EMAIL,
        (await act.only())["delivery_id"],
    )


async def test_a_message_can_lead_to_the_page_of_what_its_person_receives(act: Act) -> None:
    await act.queue(1, body={"body": "Chọn: {{ preferences_url }}"})
    await act.send()
    (received,) = await act.sandbox.messages()
    address, _, token = received["text"].splitlines()[0].removeprefix("Chọn: ").rpartition("/")
    assert address.endswith("/preferences")
    assert act.adapters.links.verify(token).profile_id == act.people[0]


async def test_an_event_can_be_written_about(act: Act) -> None:
    await act.queue(0, body={"body": "{{ event.attributes.items }} món của {{ profile.name }}"})
    (person,) = await act.world.people(1)
    event_id = await act.world.one(
        """
        INSERT INTO marketing_event (tenant_id, type, profile_id, attributes)
        VALUES (leo_tenant(), 'cart_abandoned', %(p)s, %(a)s) RETURNING event_id
        """,
        p=person,
        a=Jsonb({"items": 3}),
    )
    _, (batch_id,) = await act.world.run(act.campaign_id, [person], kind="event", event_id=event_id)
    await act.world.decide(batch_id)
    await act.send()
    assert [one["text"].splitlines()[0] for one in await act.sandbox.messages()] == ["3 món của Person 1"]


async def test_a_missing_variable_fails_the_message_with_a_sentence_and_sends_nothing(act: Act) -> None:
    await act.queue(3, body={"body": "{% if profile.name %}{{ profile.attributes.tier }}{% endif %}"})
    dispatched = await act.send()
    assert (dispatched.failed, dispatched.sent) == (3, 0)
    assert await act.sandbox.messages() == []
    details = await act.world.rows("SELECT DISTINCT detail FROM delivery_attempt WHERE phase = 'ended'")
    assert re.search(r"offer v1 .* needs profile\.attributes\.tier, which is missing", details[0]["detail"])


async def test_when_the_provider_says_later_it_is_later(act: Act) -> None:
    await act.queue(1, channel="telegram")
    await act.sandbox.ask("faults", {"channel": "telegram", "status": 429, "retry_after": 40})
    before = datetime.now(UTC)
    assert (await act.send()).retried == 1
    delivery = await act.only()
    assert (delivery["status"], delivery["class"]) == ("queued", "rate_limited")
    assert timedelta(seconds=39) < delivery["due_at"] - before < timedelta(seconds=50)
    assert (await act.send()).claimed == 0
    await act.due_again()
    assert (await act.send()).sent == 1
    assert await act.attempts() == [
        (1, "started", "sending"), (1, "ended", "retry"), (2, "started", "sending"), (2, "ended", "accepted"),
    ]  # fmt: skip


async def test_a_provider_that_is_never_there_is_given_up_in_the_end(act: Act) -> None:
    await act.queue(1)
    await act.world.rows("UPDATE channel SET settings = settings || '{\"port\": 9}'")
    for _ in range(6):
        await act.due_again()
        await act.send()
    delivery = await act.only()
    assert (delivery["status"], delivery["attempts"], delivery["class"]) == ("dead", 6, "provider_down")


@pytest.mark.parametrize(("campaign", "status", "received"), [({}, "uncertain", 1), ({"resend": True}, "queued", 2)])
async def test_a_cut_answer_is_uncertain_unless_the_campaign_says_send_again(
    act: Act, campaign: dict[str, Any], status: str, received: int
) -> None:
    await act.queue(1, **campaign)
    await act.sandbox.ask("faults", {"channel": "email", "mode": "cut", "keep": True})
    await act.send()
    assert (await act.only())["status"] == status
    await act.due_again()
    await act.send()
    assert len(await act.sandbox.messages()) == received


async def test_a_refused_address_is_not_written_to_again(act: Act) -> None:
    await act.queue(1)
    await act.sandbox.ask("faults", {"channel": "email", "status": 550, "text": "5.1.1 no such user", "stage": "rcpt"})
    assert (await act.send()).failed == 1
    (address,) = await act.world.rows("SELECT valid, reason FROM profile_address")
    assert not address["valid"]
    assert "5.1.1" in address["reason"]


async def test_who_blocked_us_is_suppressed_on_that_channel(act: Act) -> None:
    await act.queue(1, channel="telegram")
    text = "Forbidden: bot was blocked by the user"
    await act.sandbox.ask("faults", {"channel": "telegram", "status": 403, "text": text})
    assert (await act.send()).failed == 1
    (row,) = await act.world.rows("SELECT profile_id, channel, address, reason FROM suppression")
    assert row == {"profile_id": act.people[0], "channel": "telegram", "address": None, "reason": "blocked"}


async def test_two_workers_never_send_one_message_twice(act: Act) -> None:
    await act.queue(150)
    done = await asyncio.gather(*(act.send(most=40) for _ in range(5)))
    assert sum(one.sent for one in done) == 150
    received = await act.sandbox.messages()
    assert len({one["event_id"] for one in received}) == len(received) == 150


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("UPDATE campaign SET status = 'paused'", "queued"),
        ("UPDATE campaign_run SET status = 'paused'", "queued"),
        ("UPDATE channel SET status = 'paused'", "queued"),
        ("UPDATE campaign SET status = 'ended'", "cancelled"),
        ("UPDATE campaign_run SET status = 'cancelled'", "cancelled"),
        ("UPDATE delivery_log SET expires_at = now() - interval '1 second'", "expired"),
    ],
)
async def test_what_may_not_be_sent_now_is_not(act: Act, change: LiteralString, status: str) -> None:
    await act.queue(3)
    await act.world.rows(change)
    assert await act.send() == Dispatched()
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        await put_aside(conn, lane=Lane.BULK, now=datetime.now(UTC))
    assert await act.world.statuses() == {status: 3}
    assert await act.sandbox.messages() == []
    if status == "queued":
        assert all(one["due_at"] > datetime.now(UTC) for one in await act.world.deliveries())


@pytest.mark.parametrize(
    ("lane", "minutes", "hours"), [("bulk", None, 7 * 24), ("realtime", None, 24), ("bulk", 90, 1.5)]
)
async def test_a_message_is_good_for_as_long_as_its_campaign_says_or_its_lane(
    act: Act, lane: str, minutes: int | None, hours: float
) -> None:
    await act.queue(0)
    await act.world.rows("UPDATE campaign SET good_for_minutes = %(minutes)s", minutes=minutes)
    _, (batch_id,) = await act.world.run(act.campaign_id, await act.world.people(1), lane=lane)
    await act.world.decide(batch_id)
    delivery = await act.only()
    assert delivery["expires_at"] - delivery["queued_at"] == timedelta(hours=hours)


async def test_a_message_whose_time_ends_in_our_hands_is_not_sent_and_the_log_says_so(act: Act) -> None:
    await act.queue(1)
    expires_at = await act.world.one("UPDATE delivery_log SET expires_at = now() RETURNING expires_at")
    tenant_id = act.world.tenant.tenant_id
    async with act.world.db.transaction(tenant_id) as conn:
        before = expires_at - timedelta(seconds=1)
        await conn.execute("UPDATE delivery_log SET due_at = %s", (before,))
        asked: dict[str, Any] = {"tenant_id": tenant_id, "lane": Lane.BULK, "owner": OWNER, "most": 1, "now": before}
        taken = await claim_within(conn, act.adapters, **asked)
    assert len(taken.messages) == 1
    await act.send(taken=taken)
    delivery = await act.only()
    assert (delivery["status"], delivery["code"], delivery["lease_owner"]) == ("expired", "too_late", None)
    assert await act.attempts() == [(1, "started", "sending"), (1, "ended", "released")]
    assert await act.sandbox.messages() == []
    assert await act.send() == Dispatched()


async def test_a_retry_that_would_come_too_late_expires(act: Act) -> None:
    await act.queue(1, channel="telegram", ends_at=datetime.now(UTC) + timedelta(seconds=30))
    await act.sandbox.ask("faults", {"channel": "telegram", "status": 429, "retry_after": 40})
    await act.send()
    delivery = await act.only()
    assert (delivery["status"], delivery["due_at"]) == ("queued", delivery["expires_at"])
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        aside = await put_aside(conn, lane=Lane.BULK, now=delivery["expires_at"])
    assert aside.expired == 1


async def test_a_lost_lease_is_uncertain_and_a_late_result_still_counts(act: Act, settings: Settings) -> None:
    await act.queue(1, channel="telegram")
    answers = asyncio.Event()

    class Slow(TelegramAdapter):
        async def send(self, request: Request) -> Response:
            await answers.wait()
            return await super().send(request)

    act.adapters = Adapters.of(settings, make=lambda _kind, given, **_: Slow(given))
    sending = asyncio.create_task(act.send())
    await until(act.world.statuses, {"sending": 1})
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        early = await give_up_leases(conn, lane=Lane.BULK, now=datetime.now(UTC))
        late = await give_up_leases(conn, lane=Lane.BULK, now=datetime.now(UTC), gone=[OWNER])
    assert (early.uncertain, late.uncertain, late.requeued) == (0, 1, 0)
    assert await act.world.statuses() == {"uncertain": 1}
    answers.set()
    assert (await sending).sent == 1
    assert await act.world.statuses() == {"sent": 1}
    assert await act.attempts() == [(1, "started", "sending"), (1, "ended", "accepted")]
    await act.adapters.aclose()


async def test_a_lost_lease_of_a_campaign_that_sends_again_is_queued(act: Act) -> None:
    await act.queue(2, resend=True)
    lease = "UPDATE delivery_log SET status = 'sending', lease_owner = 'x', lease_until = now(), attempts = 1"
    await act.world.rows(lease)
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        given_up = await give_up_leases(conn, lane=Lane.BULK, now=datetime.now(UTC))
    assert (given_up.requeued, given_up.uncertain) == (2, 0)
    assert (await act.send()).sent == 2


async def test_a_worker_that_is_asked_to_stop_gives_back_what_it_has_not_begun(act: Act) -> None:
    await act.queue(20)
    looks = iter([False] * 5)
    dispatched = await act.send(calls=1, is_stopping=lambda: next(looks, True))
    assert (dispatched.sent, dispatched.released) == (5, 15)
    assert await act.world.statuses() == {"sent": 5, "queued": 15}
    assert (await act.send()).sent == 15
    assert len(await act.sandbox.messages()) == 20


async def test_a_worker_that_is_cut_off_writes_down_what_it_does_not_know(act: Act) -> None:
    await act.queue(10, channel="telegram", limits={"per_second": None})
    await act.sandbox.ask("faults", {"channel": "telegram", "mode": "hang", "times": 100})
    sending = asyncio.create_task(act.send(calls=4))
    await until(act.world.statuses, {"sending": 10})
    await asyncio.sleep(0.3)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await act.world.statuses() == {"uncertain": 4, "queued": 6}


async def test_without_a_log_no_provider_is_called(act: Act, settings: Settings, database_url: str) -> None:
    await act.queue(3)
    async with Database.open(database_url, settings) as closed:
        pass
    with pytest.raises(Unavailable):
        await dispatch_due(closed, act.adapters, tenant_id=act.world.tenant.tenant_id, lane=Lane.BULK, owner=OWNER)
    assert await act.sandbox.messages() == []
    assert await act.world.statuses() == {"queued": 3}


async def test_a_channel_that_cannot_be_used_holds_its_messages_and_no_others(act: Act) -> None:
    await act.queue(2)
    await act.world.rows('UPDATE channel SET settings = settings || \'{"tls": "perhaps"}\'')
    dispatched = await act.send()
    assert (dispatched.released, dispatched.sent) == (2, 0)
    (detail,) = await act.world.rows("SELECT DISTINCT detail FROM delivery_attempt WHERE phase = 'ended'")
    assert "tls" in detail["detail"]
    await act.world.rows('UPDATE channel SET settings = settings || \'{"tls": "none"}\'')
    await act.due_again()
    assert (await act.send()).sent == 2


async def test_claims_at_the_same_time_do_not_forget_each_others_templates(
    act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "_templates", {})
    monkeypatch.setattr(claiming, "MOST_TEMPLATES", 3)
    load, tenant_id, db = claiming._load_templates, act.world.tenant.tenant_id, act.world.db
    ids = [await act.world.template(key=f"offer {number}") for number in range(5)]
    async with db.transaction(tenant_id) as one, db.transaction(tenant_id) as other:
        await load(one, tenant_id, ids[:1])
        # The second has more than there is room for, while the first waits for what it lacks.
        first, second = await asyncio.gather(load(one, tenant_id, ids[:2]), load(other, tenant_id, ids[2:]))
    assert (sorted(first), sorted(second)) == (ids[:2], ids[2:])


async def test_one_lane_never_takes_the_others_messages(act: Act) -> None:
    await act.queue(2)
    tenant_id = act.world.tenant.tenant_id
    other = await dispatch_due(act.world.db, act.adapters, tenant_id=tenant_id, lane=Lane.REALTIME, owner=OWNER)
    assert other == Dispatched()
    assert await act.world.statuses() == {"queued": 2}


async def test_another_tenants_messages_stay_where_they_are(act: Act, other_tenant: Tenant) -> None:
    await act.queue(2)
    tenant_id = other_tenant.tenant_id
    other = await dispatch_due(act.world.db, act.adapters, tenant_id=tenant_id, lane=Lane.BULK, owner=OWNER)
    assert other == Dispatched()
