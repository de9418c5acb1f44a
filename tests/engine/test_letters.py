"""Dead letters: seen, queued again where that is allowed, settled by somebody who knows."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any, LiteralString

import pytest

from engine.cli import run
from engine.dispatch.letters import (
    MOST_AT_ONCE,
    Count,
    Letter,
    Resolution,
    Settled,
    count_letters,
    list_letters,
    redrive,
    resolve,
)
from engine.settings import Settings
from rules.errors import InvalidInput
from rules.words import DeliveryStatus
from tests.engine.acts import Act
from tests.engine.stand_ins import fallbacks, two_channels

FAILED: LiteralString = """
    UPDATE delivery_log SET status = 'failed', class = 'bad_request', code = '550 5.6.0', attempts = 1, setbacks = 1
    WHERE status = 'queued'
"""


async def _letters(act: Act, **options: Any) -> list[Letter]:
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        return await list_letters(conn, **options)


async def _redrive(act: Act, *delivery_ids: int, **options: Any) -> list[Settled]:
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        return await redrive(conn, delivery_ids=delivery_ids, now=datetime.now(UTC), **options)


async def _resolve(act: Act, *delivery_ids: int, resolution: Resolution) -> list[Settled]:
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        return await resolve(
            conn,
            delivery_ids=delivery_ids,
            resolution=resolution,
            by="Lan",
            note="asked the provider",
            now=datetime.now(UTC),
        )


async def test_what_failed_was_given_up_or_may_have_arrived_is_listed_with_what_was_said(act: Act) -> None:
    await act.queue(4)
    await act.sandbox.ask("faults", {"channel": "email", "status": 550, "text": "5.6.0 unreadable"})
    await act.sandbox.ask("faults", {"channel": "email", "mode": "cut", "keep": True})
    await act.sandbox.ask("faults", {"channel": "email", "status": 451, "text": "4.3.0 later"})
    await act.world.rows("UPDATE delivery_log SET setbacks = 5")
    await act.send(calls=1)
    assert await act.world.statuses() == {"failed": 1, "uncertain": 1, "dead": 1, "sent": 1}
    failed, uncertain, dead = await _letters(act)
    assert (failed.status, failed.klass, failed.code) == ("failed", "bad_request", "550 5.6.0")
    assert failed.detail is not None
    assert "unreadable" in failed.detail
    assert (uncertain.status, dead.status, dead.klass) == ("uncertain", "dead", "provider_down")
    assert [one.status for one in await _letters(act, statuses=[DeliveryStatus.DEAD])] == ["dead"]
    assert await _letters(act, klass="blocked") == []
    assert await _letters(act, after=dead.delivery_id) == []
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        counts = await count_letters(conn)
    assert Count(DeliveryStatus.DEAD, "email", "provider_down", 1) in counts
    assert sum(one.messages for one in counts) == 3


async def test_a_message_that_was_given_up_is_queued_again_with_all_its_attempts(act: Act) -> None:
    await act.queue(2)
    await act.world.rows("UPDATE delivery_log SET status = 'dead', class = 'provider_down', attempts = 6, setbacks = 6")
    ids = [one.delivery_id for one in await _letters(act)]
    assert await _redrive(act, *ids) == [Settled(one, None) for one in ids]
    assert await _letters(act) == []
    await act.sandbox.ask("faults", {"channel": "email", "status": 451, "text": "4.3.0 later"})
    assert (await act.send(calls=1)).retried == 1, "it is not given up at once"
    await act.due_again()
    await act.send()
    assert await act.world.statuses() == {"sent": 2}
    assert len(await act.sandbox.messages()) == 2


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("UPDATE delivery_log SET status = 'sent'", "not_ended"),
        ("UPDATE delivery_log SET status = 'uncertain'", "may_have_arrived"),
        ("UPDATE campaign SET status = 'ended'", "campaign_ended"),
        ("UPDATE campaign_run SET status = 'cancelled'", "campaign_ended"),
        ("UPDATE delivery_log SET expires_at = now()", "too_late"),
        ("UPDATE profile_address SET valid = false, reason = 'mailbox is gone'", "address_not_valid"),
        (
            """
            INSERT INTO suppression (tenant_id, profile_id, reason, source)
            SELECT tenant_id, profile_id, 'asked', 'letter' FROM cdp_profiles
            """,
            "suppressed",
        ),
        (
            """
            INSERT INTO suppression (tenant_id, address, channel, reason, source)
            SELECT tenant_id, address, 'email', 'complained', 'provider' FROM delivery_log
            """,
            "suppressed",
        ),
        (
            """
            INSERT INTO consent (tenant_id, profile_id, channel, granted, at)
            SELECT tenant_id, profile_id, 'email', false, now() FROM cdp_profiles
            """,
            "consent_withdrawn",
        ),
    ],
)
async def test_what_may_not_be_sent_any_more_is_not_queued_again(act: Act, change: LiteralString, refused: str) -> None:
    await act.queue(1)
    await act.world.rows(FAILED)
    delivery_id = (await act.only())["delivery_id"]
    await act.world.rows(change)
    assert await _redrive(act, delivery_id) == [Settled(delivery_id, refused)]
    assert "queued" not in await act.world.statuses()


async def test_nobody_is_written_to_twice_because_another_channel_took_over(act: Act) -> None:
    await two_channels(act, 1, fallback={"hours": 24})
    await act.sandbox.ask("faults", {"channel": "email", "status": 550, "text": "5.6.0 unreadable"})
    await act.send()
    (letter,) = await _letters(act)
    await act.world.decide((await fallbacks(act))[0])
    assert await _redrive(act, letter.delivery_id) == [Settled(letter.delivery_id, "another_channel_took_over")]


async def test_nobody_is_written_to_twice_because_another_channel_will_take_over(act: Act) -> None:
    await two_channels(act, 1, fallback={"hours": 24})
    await act.sandbox.ask("faults", {"channel": "email", "status": 550, "text": "5.6.0 unreadable"})
    await act.send()
    (letter,) = await _letters(act)
    (batch_id,) = await fallbacks(act)
    await act.world.rows("UPDATE campaign SET status = 'paused'")
    assert await _redrive(act, letter.delivery_id) == [Settled(letter.delivery_id, "another_channel_is_tried")]
    await act.world.rows("UPDATE campaign SET status = 'active'")
    await act.world.decide(batch_id)
    assert (await act.send()).sent == 1
    assert await act.world.statuses() == {"failed": 1, "sent": 1}


async def test_two_who_ask_at_once_queue_a_message_once(act: Act) -> None:
    await act.queue(1)
    await act.world.rows(FAILED)
    delivery_id = (await act.only())["delivery_id"]
    done = await asyncio.gather(*(_redrive(act, delivery_id) for _ in range(4)))
    assert sorted(str(one[0].refused) for one in done) == ["None", "not_ended", "not_ended", "not_ended"]


async def test_an_uncertain_message_is_sent_again_only_by_who_says_it_may_double(act: Act) -> None:
    await act.queue(1)
    await act.sandbox.ask("faults", {"channel": "email", "mode": "cut", "keep": True})
    assert (await act.send()).uncertain == 1
    (letter,) = await _letters(act)
    assert (await _redrive(act, letter.delivery_id))[0].refused == "may_have_arrived"
    assert (await _redrive(act, letter.delivery_id, may_double=True))[0].refused is None
    assert (await act.send()).sent == 1
    assert len(await act.sandbox.messages()) == 2


async def test_who_knows_settles_what_was_uncertain(act: Act) -> None:
    await act.queue(2)
    await act.sandbox.ask("faults", {"channel": "email", "mode": "cut", "keep": True, "times": 2})
    assert (await act.send()).uncertain == 2
    first, second = (one.delivery_id for one in await _letters(act))
    assert (await _resolve(act, first, resolution=Resolution.CLOSED))[0].refused == "say_whether_it_arrived"
    assert (await _resolve(act, first, resolution=Resolution.ARRIVED))[0].refused is None
    assert (await _resolve(act, first, resolution=Resolution.ARRIVED))[0].refused == "not_ended"
    assert (await _resolve(act, second, resolution=Resolution.LOST))[0].refused is None
    arrived, lost = await act.world.deliveries()
    assert (arrived["status"], arrived["class"], arrived["sent_at"] is not None) == ("sent", "accepted", True)
    assert (arrived["settled"]["as"], arrived["settled"]["by"]) == ("arrived", "Lan")
    assert lost["status"] == "failed"
    assert [one.delivery_id for one in await _letters(act)] == [second], "it can be sent again now"
    assert (await _redrive(act, second))[0].refused is None


async def test_a_message_that_was_lost_lets_another_channel_take_its_place(act: Act) -> None:
    await two_channels(act, 1, fallback={"hours": 24})
    await act.sandbox.ask("faults", {"channel": "email", "mode": "cut", "keep": True})
    await act.send()
    (letter,) = await _letters(act)
    assert await fallbacks(act) == []
    await _resolve(act, letter.delivery_id, resolution=Resolution.LOST)
    assert (await act.world.decide((await fallbacks(act))[0])).deliveries == 1


async def test_what_failed_is_closed_and_not_seen_again(act: Act) -> None:
    await act.queue(1)
    await act.world.rows(FAILED)
    (letter,) = await _letters(act)
    assert (await _resolve(act, letter.delivery_id, resolution=Resolution.LOST))[0].refused == "not_uncertain"
    assert (await _resolve(act, letter.delivery_id, resolution=Resolution.CLOSED))[0].refused is None
    assert await _letters(act) == []
    assert (await act.only())["status"] == "failed"
    assert (await _resolve(act, 1, resolution=Resolution.CLOSED))[0].refused == "not_there"


@pytest.mark.parametrize("many", [0, MOST_AT_ONCE + 1])
async def test_so_many_at_once_are_refused(act: Act, many: int) -> None:
    with pytest.raises(InvalidInput):
        await _redrive(act, *range(1, many + 1))


async def test_an_operator_looks_queues_again_and_settles(
    act: Act, settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "300")

    async def types(*words: str, ends_with: int = 0) -> str:
        code = await asyncio.to_thread(run, ("deadletters", *words, "--tenant", act.world.tenant.slug))
        said = capsys.readouterr()
        assert code == ends_with, said
        return said.out + said.err

    await act.queue(3)
    await act.world.rows(FAILED)
    first, second, third = (one.delivery_id for one in await _letters(act))
    await act.world.rows("UPDATE delivery_log SET status = 'uncertain' WHERE delivery_id = %(one)s", one=third)
    listed = json.loads(await types("list", "--json"))
    assert [one["delivery_id"] for one in listed] == [first, second, third]
    assert "bad_request" in await types("list", "--status", "failed")
    assert "bad_request" in await types("count")
    assert "It is not said which messages." in await types("redrive", ends_with=2)
    assert "A dead letter is never sent." in await types("list", "--status", "sent", ends_with=2)
    said = await types("redrive", "--class", "bad_request")
    assert "2 of 3 messages queued again." in said
    assert f"{third} was not: may_have_arrived" in said
    assert "1 of 1 messages settled as arrived." in await types("resolve", str(third), "--as", "arrived")
    assert json.loads(await types("count", "--json")) == []
    assert await act.world.statuses() == {"queued": 2, "sent": 1}
