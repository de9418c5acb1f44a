"""Who takes over, another provider or another channel; never with a message that may be one too many."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.contract import Receipt, ReceiptClass, ReceiptStatus
from channels.registry import factories
from engine.campaigns import funnel
from engine.dispatch import Adapters, give_up_leases, put_aside
from engine.dispatch.claim import claim
from engine.dispatch.results import of_receipt, refused, write
from engine.queries import queries
from engine.settings import Settings
from engine.tokens import list_tokens
from rules.circuit import FAILURES
from rules.errors import InvalidInput
from rules.words import Channel, Lane
from tests.engine.acts import Act
from tests.engine.stand_ins import Dropping, fallbacks, tell, two_channels

DEAD_PORT = '{"port": 9}'


async def _two_providers(act: Act, count: int) -> tuple[int, int]:
    """Queue messages for A, of which nobody listens; B stands in."""
    await act.queue(count)
    first = act.world.channel_ids["email"]
    second = await act.connect()
    await act.world.rows("UPDATE channel SET failover = CASE channel_id WHEN %(a)s THEN 1 ELSE 2 END", a=first)
    return first, second


async def _called(act: Act) -> list[int]:
    """Give through which channel each attempt went, in the order of the attempts."""
    rows = await act.world.rows(
        "SELECT channel_id FROM delivery_attempt WHERE phase = 'started' ORDER BY at, delivery_id"
    )
    return [row["channel_id"] for row in rows]


async def test_while_one_provider_is_down_the_next_one_sends_and_then_gives_back(act: Act) -> None:
    first, second = await _two_providers(act, 20)
    await act.world.rows(
        "UPDATE channel SET settings = settings || %(port)s WHERE channel_id = %(a)s", port=DEAD_PORT, a=first
    )
    assert (await act.send(calls=1)).retried == FAILURES
    assert (await act.gate(first))["circuit"] == "broken"
    await act.world.rows("UPDATE delivery_log SET due_at = now() WHERE status = 'queued'")
    assert (await act.send()).sent == 20
    rows = await act.world.rows("SELECT DISTINCT channel_id, moved_to, through_id, status FROM delivery_log")
    assert rows == [{"channel_id": first, "moved_to": second, "through_id": second, "status": "sent"}]
    assert len({one["event_id"] for one in await act.sandbox.messages()}) == 20

    await act.world.rows("UPDATE channel SET settings = settings || %(p)s", p=f'{{"port": {act.sandbox.smtp_port}}}')
    _, (batch_id,) = await act.world.run(act.campaign_id, act.people)
    await act.world.decide(batch_id)
    assert (await act.send()).sent == 20, "its probe is not due, so the other one sends"
    await act.due_again()
    _, (batch_id,) = await act.world.run(act.campaign_id, act.people)
    await act.world.decide(batch_id)
    assert [(await act.send()).sent for _ in range(2)] == [1, 19]
    assert (await _called(act))[-20:] == [first] * 20
    assert await act.world.graph_differences() == 0


async def test_a_paused_provider_holds_nobody_up_where_another_stands_in(act: Act) -> None:
    first, second = await _two_providers(act, 3)
    await act.world.rows("UPDATE channel SET status = 'paused' WHERE channel_id = %(a)s", a=first)
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        assert (await put_aside(conn, lane=Lane.BULK, now=datetime.now(UTC))).held == 0
    assert (await act.send()).sent == 3
    assert await _called(act) == [second] * 3


async def test_what_one_provider_forbids_our_sender_the_other_one_sends(act: Act) -> None:
    first, second = await _two_providers(act, 4)
    text = "5.7.1 sender not allowed"
    await act.sandbox.ask("faults", {"channel": "email", "status": 550, "text": text, "times": 3})
    done = await act.send(calls=1)
    assert (done.failed, done.retried, done.released) == (0, 3, 1)
    assert (await act.gate(first))["status"] == "paused"
    await act.due_again()
    assert (await act.send()).sent == 4
    assert (await _called(act))[-4:] == [second] * 4


async def test_the_list_says_behind_which_other_a_channel_stands_and_decisions_go_through_that(act: Act) -> None:
    async def behind() -> dict[int, str | None]:
        async with act.world.db.transaction(act.world.tenant.tenant_id, read_only=True) as conn:
            return {one.channel_id: one.behind for one in await list_tokens(conn) if one.kind is Channel.EMAIL}

    async def goes_through() -> int:
        _, (batch_id,) = await act.world.run(campaign_id, people)
        await act.world.decide(batch_id)
        (newest, *_) = await act.world.rows("SELECT channel_id FROM delivery_log ORDER BY delivery_id DESC")
        return int(newest["channel_id"])

    first, second = await act.connect(), await act.connect()
    campaign_id = await act.world.campaign(templates=[await act.world.template("email")])
    people = await act.world.people(1, channels=("email",))
    name_of = {row["channel_id"]: row["name"] for row in await act.world.rows("SELECT channel_id, name FROM channel")}
    assert await behind() == {first: None, second: name_of[first]}
    assert await goes_through() == first
    await act.world.rows("UPDATE channel SET status = 'paused' WHERE channel_id = %(a)s", a=first)
    assert await behind() == {first: name_of[second], second: None}
    assert await goes_through() == second


async def test_the_places_say_which_provider_comes_first(act: Act) -> None:
    _, second = await _two_providers(act, 2)
    await act.world.rows("UPDATE channel SET failover = CASE channel_id WHEN %(b)s THEN 1 ELSE 2 END", b=second)
    assert (await act.send()).sent == 2
    assert await _called(act) == [second] * 2


async def test_what_was_moved_and_waited_goes_through_its_own_provider_where_that_works_again(act: Act) -> None:
    first, second = await _two_providers(act, 1)
    await act.world.rows("UPDATE delivery_log SET moved_to = %(b)s", b=second)
    assert (await act.send()).sent == 1
    assert await _called(act) == [first]
    assert (await act.only())["through_id"] == first


async def test_channels_without_a_place_do_not_stand_in(act: Act) -> None:
    await act.queue(2)
    await act.connect()
    await act.world.rows(
        "UPDATE channel SET status = 'paused' WHERE channel_id = %(a)s", a=act.world.channel_ids["email"]
    )
    assert (await act.send()).claimed == 0


def _make(_kind: Channel, settings: Mapping[str, Any], **_: Any) -> Dropping:
    return Dropping({name: value for name, value in settings.items() if name != "limits"})


async def test_what_may_have_arrived_is_sent_again_by_the_same_provider_alone(
    act: Act, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[Any, Any] = {**factories(), (Channel.TELEGRAM, "bot_api"): Dropping}
    monkeypatch.setattr("engine.dispatch.leases.factories", lambda: made)
    act.adapters = Adapters.of(settings, make=_make)
    await act.queue(2, channel="telegram", limits={"per_second": None, "recipient_s": None})
    first = act.world.channel_ids["telegram"]
    second = await act.connect("telegram")
    await act.world.rows("UPDATE channel SET failover = CASE channel_id WHEN %(a)s THEN 1 ELSE 2 END", a=first)
    await act.sandbox.ask("faults", {"channel": "telegram", "mode": "cut", "keep": True})
    assert (await act.send(most=1)).retried == 1
    await act.world.rows(
        """
        UPDATE delivery_log SET status = 'sending', lease_owner = 'x', lease_until = now(), attempts = 1
        WHERE NOT pinned
        """
    )
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        assert (await give_up_leases(conn, lane=Lane.BULK, now=datetime.now(UTC))).requeued == 1
    await act.due_again()
    await act.world.rows("UPDATE channel SET status = 'paused' WHERE channel_id = %(a)s", a=first)
    assert (await act.send()).claimed == 0
    await act.world.rows("UPDATE channel SET status = 'connected'")
    assert (await act.send()).sent == 2
    assert set(await _called(act)) == {first}
    assert second not in set(await _called(act))
    await act.adapters.aclose()


async def _refuse(act: Act, text: str = "5.6.0 cannot be read", **more: Any) -> None:
    await act.sandbox.ask("faults", {"channel": "email", "status": 550, "text": text, **more})


async def test_where_a_message_fails_for_good_another_channel_takes_its_place(act: Act) -> None:
    await two_channels(act, 5, fallback={"hours": 24})
    await _refuse(act, times=2)
    done = await act.send(calls=1)
    assert (done.sent, done.failed) == (3, 2)
    (batch_id,) = await fallbacks(act)
    decided = await act.world.decide(batch_id)
    assert (decided.deliveries, dict(decided.actions)) == (2, {"send": 2})
    assert (await act.send()).sent == 2
    rows = await act.world.rows("SELECT profile_id, channel, status FROM delivery_log ORDER BY profile_id, delivery_id")
    by_person: dict[int, list[tuple[str, str]]] = {}
    for row in rows:
        by_person.setdefault(row["profile_id"], []).append((row["channel"], row["status"]))
    assert sorted(by_person.values()) == sorted(
        [[("email", "sent")]] * 3 + [[("email", "failed"), ("telegram", "sent")]] * 2
    )
    decision = (await act.world.decisions())[-1]
    assert "The message on email failed: bad_request." in str(decision["candidates"])
    assert await act.world.graph_differences() == 0
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        found = await funnel.funnel(conn, campaign_id=act.campaign_id)
    assert (found.audience, found.decided, found.sends) == (5, 5, 5), "each person once"
    assert found.deliveries == {"sent": 5, "failed": 2}


async def test_a_thousand_bounces_told_at_once_are_followed_in_batches(act: Act) -> None:
    await two_channels(act, 1, fallback={"hours": 24})
    more = await act.world.people(500, prefix="more-", channels=("email", "telegram"))
    _, batch_ids = await act.world.run(act.campaign_id, [*act.people, *more], size=300)
    for batch_id in batch_ids:
        await act.world.decide(batch_id)
    rows = await act.world.rows(
        """
        UPDATE delivery_log SET status = 'failed', class = 'bounced'
        WHERE run_id = (SELECT run_id FROM run_batch WHERE batch_id = %(b)s) RETURNING delivery_id
        """,
        b=batch_ids[0],
    )
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        told = {"delivery_ids": [row["delivery_id"] for row in rows], "now": datetime.now(UTC)}
        await conn.execute(queries("dispatch")["fall_back"], told)
    found = await act.world.rows(
        """
        SELECT r.run_id, cardinality(b.profile_ids) AS people
        FROM run_batch b JOIN campaign_run r USING (tenant_id, run_id)
        WHERE r.kind = 'fallback' ORDER BY 2 DESC
        """
    )
    assert [row["people"] for row in found] == [500, len(rows) - 500]
    assert len({row["run_id"] for row in found}) == 1


async def test_when_the_last_channel_failed_too_nothing_more_is_sent(act: Act) -> None:
    await two_channels(act, 1, fallback={"hours": 24})
    await _refuse(act)
    await act.send()
    await act.world.decide((await fallbacks(act))[0])
    await act.sandbox.ask("faults", {"channel": "telegram", "status": 400, "text": "Bad Request: what"})
    assert (await act.send()).failed == 1
    decided = await act.world.decide((await fallbacks(act))[0])
    assert (dict(decided.actions), dict(decided.reasons)) == ({"do_nothing": 1}, {"unreachable": 1})


@pytest.mark.parametrize("fallback", [None, {"hours": 0.001}])
async def test_no_other_channel_where_the_policy_does_not_want_it_or_it_is_too_late(
    act: Act, fallback: dict[str, Any] | None
) -> None:
    await two_channels(act, 1, fallback=fallback)
    await act.world.rows("UPDATE delivery_log SET queued_at = queued_at - interval '1 minute'")
    await _refuse(act)
    assert (await act.send()).failed == 1
    assert await fallbacks(act) == []


async def test_a_result_that_is_written_again_is_followed_once_and_counts_once(act: Act) -> None:
    """The answer to a commit was lost, so it is written again: by then another channel has taken its place."""
    await two_channels(act, 2, fallback={"hours": 24})
    tenant_id = act.world.tenant.tenant_id
    taken = await claim(
        act.world.db,
        act.adapters,
        tenant_id=tenant_id,
        lane=Lane.BULK,
        run_id=None,
        owner="w",
        most=2,
        now=datetime.now(UTC),
    )
    failed, again = taken.messages
    later = Receipt(status=ReceiptStatus.RETRY, klass=ReceiptClass.PROVIDER_DOWN, code="451", detail="later", raw={})
    ended = [
        refused(failed, InvalidInput("It cannot be written.", remedy="Correct it.")),
        of_receipt(again, later, deduplicates=False, now=datetime.now(UTC), jitter=0.5),
    ]
    for _ in range(2):
        await write(act.world.db, tenant_id=tenant_id, ended=ended, heard={}, owner="w", now=datetime.now(UTC))
        for batch_id in await fallbacks(act):
            await act.world.decide(batch_id)
    rows = await act.world.rows("SELECT channel, status, setbacks FROM delivery_log ORDER BY delivery_id")
    assert [(row["channel"], row["status"], row["setbacks"]) for row in rows] == [
        ("email", "failed", 0),
        ("email", "queued", 1),
        ("telegram", "queued", 0),
    ]
    assert await act.world.one("SELECT count(*) FROM campaign_run WHERE kind = 'fallback'") == 1


async def test_what_may_have_arrived_is_never_followed_by_another_channel(act: Act) -> None:
    await two_channels(act, 3, fallback={"hours": 24})
    await act.sandbox.ask("faults", {"channel": "email", "mode": "cut", "keep": True, "times": 3})
    assert (await act.send()).uncertain == 3
    assert await fallbacks(act) == []


async def test_a_cancelled_campaign_is_followed_by_nothing(act: Act) -> None:
    await two_channels(act, 1, fallback={"hours": 24})
    await _refuse(act)
    await act.send()
    (batch_id,) = await fallbacks(act)
    await act.world.rows("UPDATE campaign SET status = 'ended'")
    assert (await act.world.decide(batch_id)).deliveries == 0


@pytest.mark.parametrize("soft", [False, True])
async def test_a_bounce_that_is_told_later_starts_the_fallback_once_however_often_it_is_told(
    act: Act, *, soft: bool
) -> None:
    await two_channels(act, 1, fallback={"hours": 24})
    assert (await act.send()).sent == 1
    await asyncio.gather(*(tell(act, "bounced", key=str(number % 3), soft=soft) for number in range(6)))
    (batch_id,) = await fallbacks(act)
    decided = await act.world.decide(batch_id)
    assert (decided.deliveries, dict(decided.actions)) == (1, {"send": 1})
    assert (await act.send()).sent == 1
    await tell(act, "bounced", key="again", soft=soft)
    assert await fallbacks(act) == []
    rows = await act.world.rows("SELECT channel, status FROM delivery_log ORDER BY delivery_id")
    assert [(row["channel"], row["status"]) for row in rows] == [("email", "failed"), ("telegram", "sent")]


async def test_a_bounce_after_the_message_was_read_is_followed_by_nothing(act: Act) -> None:
    await two_channels(act, 1, fallback={"hours": 24})
    await act.send()
    await tell(act, "read")
    assert (await tell(act, "bounced")).new == 1
    assert await fallbacks(act) == []


@pytest.mark.parametrize("fallback", [None, {"hours": 0.001}])
async def test_a_bounce_that_comes_too_late_or_without_a_policy_for_it_is_followed_by_nothing(
    act: Act, fallback: dict[str, Any] | None
) -> None:
    await two_channels(act, 1, fallback=fallback)
    await act.send()
    await act.world.rows("UPDATE delivery_log SET queued_at = queued_at - interval '1 minute'")
    assert (await tell(act, "bounced")).new == 1
    assert await fallbacks(act) == []
