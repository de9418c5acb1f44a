"""Messages in somebody's hands: nobody waits for them, a lane looks after its own, a lost one is not sent for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import pytest

from channels.contract import Receipt, ReceiptClass, ReceiptStatus
from channels.registry import factories
from engine.db import Transaction
from engine.dispatch import GivenUp, PutAside, give_up_leases, put_aside, resume_channel
from engine.dispatch.claim import claim
from engine.dispatch.results import of_receipt, write
from rules.retry import MOST_ATTEMPTS
from rules.words import Channel, Lane
from tests.engine.acts import OWNER, Act
from tests.engine.stand_ins import Dropping

Look = Callable[..., Awaitable[Any]]

LOST: LiteralString = """
    UPDATE delivery_log
    SET status = 'sending', lease_owner = 'gone', lease_until = now() - interval '1 s', attempts = attempts + 1
"""
LATE: LiteralString = "UPDATE delivery_log SET expires_at = now() - interval '1 s'"
LOOKS = [(put_aside, LATE, PutAside(expired=1)), (give_up_leases, LOST, GivenUp(uncertain=1))]


async def _looked(act: Act, look: Look, lane: Lane = Lane.BULK) -> Any:
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        return await look(conn, lane=lane, now=datetime.now(UTC))


async def _taken_in_hand(conn: Transaction) -> None:
    await conn.execute(
        "UPDATE delivery_log SET code = 'x' WHERE delivery_id = (SELECT min(delivery_id) FROM delivery_log)"
    )


async def test_a_claim_takes_what_nobody_has_in_hand_and_waits_for_nobody(act: Act) -> None:
    await act.queue(5)
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        await _taken_in_hand(conn)
        async with asyncio.timeout(5):
            assert (await act.send()).sent == 4
    assert (await act.send()).sent == 1


async def test_while_one_message_to_somebody_is_in_hand_no_other_leaves_for_them(act: Act) -> None:
    await act.queue(2, channel="telegram", limits={"per_second": None, "recipient_s": 0.1})
    _, (batch_id,) = await act.world.run(act.campaign_id, act.people)
    await act.world.decide(batch_id)
    held = await act.world.one(
        """
        UPDATE delivery_log
        SET status = 'sending', lease_owner = 'other', lease_until = now() + interval '1 h', attempts = 1
        WHERE delivery_id = (SELECT min(delivery_id) FROM delivery_log) RETURNING address
        """
    )
    await asyncio.sleep(0.3)
    assert (await act.send()).sent == 1
    (received,) = await act.sandbox.messages()
    assert received["address"] != held


@pytest.mark.parametrize(("look", "state", "found"), LOOKS)
async def test_whoever_looks_after_messages_waits_for_nobody(
    act: Act, look: Look, state: LiteralString, found: Any
) -> None:
    await act.queue(2)
    await act.world.rows(state)
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        await _taken_in_hand(conn)
        async with asyncio.timeout(5):
            assert await _looked(act, look) == found


@pytest.mark.parametrize(("look", "state", "found"), LOOKS)
async def test_each_lane_looks_after_its_own_messages(act: Act, look: Look, state: LiteralString, found: Any) -> None:
    await act.queue(1)
    await act.world.rows(state)
    assert await _looked(act, look, Lane.REALTIME) == type(found)()
    assert await _looked(act, look) == found


async def test_a_message_whose_worker_is_lost_each_time_is_left_in_the_end(act: Act) -> None:
    await act.queue(1, resend=True)
    for _ in range(MOST_ATTEMPTS - 1):
        await act.world.rows(LOST)
        assert await _looked(act, give_up_leases) == GivenUp(requeued=1)
    await act.world.rows(LOST)
    assert await _looked(act, give_up_leases) == GivenUp(uncertain=1)


async def test_whether_a_lost_message_goes_again_is_said_by_the_provider_that_may_have_it(
    act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[Any, Any] = {**factories(), (Channel.TELEGRAM, "dropping"): Dropping}
    monkeypatch.setattr("engine.dispatch.leases.factories", lambda: made)
    await act.queue(2, channel="telegram")
    other = await act.connect("telegram")
    await act.world.rows(
        'UPDATE channel SET settings = settings || \'{"provider": "dropping"}\' WHERE channel_id = %(b)s', b=other
    )
    await act.world.rows(LOST)
    await act.world.rows(
        "UPDATE delivery_log SET moved_to = %(b)s WHERE delivery_id = (SELECT min(delivery_id) FROM delivery_log)",
        b=other,
    )
    assert await _looked(act, give_up_leases) == GivenUp(requeued=1, uncertain=1)


async def test_a_result_whose_commit_nobody_heard_of_is_written_again_and_counts_once(act: Act) -> None:
    await act.queue(1)
    tenant_id, now = act.world.tenant.tenant_id, datetime.now(UTC)
    asked: dict[str, Any] = {"lane": Lane.BULK, "run_id": None, "owner": OWNER, "most": 1, "now": now}
    taken = await claim(act.world.db, act.adapters, tenant_id=tenant_id, **asked)
    receipt = Receipt(status=ReceiptStatus.RETRY, klass=ReceiptClass.PROVIDER_DOWN, code="451", detail="4.3.0 later")
    ended = of_receipt(taken.messages[0], receipt, deduplicates=False, now=now, jitter=0.0)
    for _ in range(2):
        await write(act.world.db, tenant_id=tenant_id, ended=[ended], heard={}, owner=OWNER, now=now)
    delivery = await act.only()
    assert (delivery["status"], delivery["setbacks"]) == ("queued", 1)
    assert delivery["due_at"] - now == timedelta(seconds=15)
    assert await act.attempts() == [(1, "started", "sending"), (1, "ended", "retry")]


async def test_who_blocks_us_again_is_suppressed_again(act: Act) -> None:
    await act.queue(1, channel="telegram")
    await act.world.rows(
        """
        INSERT INTO suppression (tenant_id, profile_id, channel, reason, source, at, expires_at)
        SELECT tenant_id, profile_id, 'telegram', 'blocked', 'provider', now() - interval '9 d', now() - interval '1 d'
        FROM cdp_profiles
        """
    )
    text = "Forbidden: bot was blocked by the user"
    await act.sandbox.ask("faults", {"channel": "telegram", "status": 403, "text": text})
    assert (await act.send()).failed == 1
    assert await act.world.rows("SELECT expires_at FROM suppression") == [{"expires_at": None}]


async def test_a_message_that_is_refused_for_what_it_says_leaves_its_address_valid(act: Act) -> None:
    await act.queue(1)
    await act.sandbox.ask("faults", {"channel": "email", "status": 550, "text": "5.6.0 cannot be read"})
    assert (await act.send()).failed == 1
    assert await act.world.rows("SELECT valid FROM profile_address") == [{"valid": True}]


LEFT_ALONE: LiteralString = """
    INSERT INTO channel_gate (tenant_id, channel_id, circuit, held_until, failures, breaks)
    SELECT tenant_id, channel_id, 'broken', now() + interval '40 s', 5, 1 FROM channel RETURNING held_until
"""


async def test_a_channel_that_is_resumed_is_called_at_once_whatever_held_it(act: Act) -> None:
    await act.queue(1)
    await act.world.rows(LEFT_ALONE)
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        assert await resume_channel(conn, channel_id=act.world.channel_ids["email"])
    assert (await act.send()).sent == 1


async def test_a_claim_says_when_a_channel_that_is_left_alone_is_tried_again(act: Act) -> None:
    await act.queue(1)
    held_until = await act.world.one(LEFT_ALONE)
    done = await act.send()
    assert (done.claimed, done.again_at) == (0, held_until)
