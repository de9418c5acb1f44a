"""What a channel's gate holds back: its pace, a provider's wish for silence, a breakdown, a refused credential."""

import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

import pytest

from engine.dispatch import dispatch_due, put_aside
from engine.dispatch.gates import pause_channel
from rules.circuit import FAILURES
from rules.words import Lane
from tests.engine.acts import Act


async def _fail(act: Act, status: int, channel: str = "telegram", **more: Any) -> None:
    await act.sandbox.ask("faults", {"channel": channel, "status": status, **more})


async def test_all_workers_together_keep_the_channels_pace(act: Act) -> None:
    await act.queue(40, limits={"per_second": 10, "burst": 5})
    started = time()
    done = await asyncio.gather(*(act.send(lane=Lane.BULK) for _ in range(5)))
    # A fifth of the bucket is kept for the realtime lane, and ten come after in a second.
    sent = sum(one.sent for one in done)
    assert sent >= 4
    assert any(one.again_at is not None for one in done)
    while sent < 14:
        assert time() - started < 20
        sent += (await act.send()).sent
        await asyncio.sleep(0.02)
    assert sent <= 4 + 10 * (time() - started)
    assert len(await act.sandbox.messages()) == sent


async def test_a_claim_is_one_step_of_the_gate_however_many_messages(act: Act) -> None:
    await act.queue(30, limits={"per_second": 1000, "burst": 100})
    before = datetime.now(UTC)
    assert (await act.send()).sent == 30
    gate = await act.gate()
    assert timedelta(seconds=0.03) <= gate["spent_until"] - before < timedelta(seconds=5)


async def test_bulk_leaves_room_for_a_realtime_message(act: Act) -> None:
    await act.queue(50, limits={"per_second": 1, "burst": 10})
    await act.world.rows(
        """
        UPDATE delivery_log SET lane = 'realtime'
        WHERE delivery_id = (SELECT max(delivery_id) FROM delivery_log)
        """
    )
    assert (await act.send()).sent == 8
    assert (await act.send()).sent == 0
    assert (await act.send(lane=Lane.REALTIME)).sent == 1


async def test_one_person_is_not_written_to_faster_than_the_provider_takes(act: Act) -> None:
    await act.queue(2, channel="telegram", limits={"per_second": None, "recipient_s": 0.6})
    _, (batch_id,) = await act.world.run(act.campaign_id, act.people)
    await act.world.decide(batch_id)
    assert len(await act.world.deliveries()) == 4
    assert (await act.send()).sent == 2
    assert (await act.send()).sent == 0
    await asyncio.sleep(0.7)
    assert (await act.send()).sent == 2
    received = await act.sandbox.messages()
    assert Counter(one["address"] for one in received) == {str(person): 2 for person in act.people}
    for person in act.people:
        first, second = (one["at"] for one in received if one["address"] == str(person))
        assert second - first >= 0.6


async def test_a_429_holds_the_whole_channel_to_the_second_for_every_worker(act: Act) -> None:
    await act.queue(20, channel="telegram", limits={"per_second": None, "recipient_s": None})
    await _fail(act, 429, retry_after=2)
    first = await act.send(calls=1)
    heard_at = time()
    assert (first.retried, first.released) == (1, 19)
    gate = await act.gate()
    assert gate["reason"].startswith("rate_limited: 429")
    while len(await act.sandbox.messages()) < 20:
        assert time() - heard_at < 8
        await asyncio.gather(*(act.send() for _ in range(3)))
        await asyncio.sleep(0.02)
    at = sorted(one["at"] for one in await act.sandbox.messages())
    assert 1.9 <= at[0] - heard_at < 4, "not before, and soon after"
    assert {one["status"] for one in await act.world.deliveries()} == {"sent"}
    assert (await act.gate())["held_until"] is None or (await act.gate())["slowdowns"] == 0


async def test_being_rate_limited_is_not_held_against_a_message(act: Act) -> None:
    await act.queue(1, channel="telegram")
    await _fail(act, 429, retry_after=1, times=8)
    for _ in range(8):
        await act.send()
        await act.due_again()
    assert (await act.only())["setbacks"] == 0
    assert (await act.send()).sent == 1


async def test_a_provider_that_is_down_is_left_alone_and_then_tried_with_one_message(
    act: Act, caplog: pytest.LogCaptureFixture
) -> None:
    await act.queue(30, channel="telegram", limits={"per_second": None, "recipient_s": None})
    await _fail(act, 500, times=FAILURES + 1)
    with caplog.at_level(logging.WARNING, "engine.dispatch"):
        first = await act.send(calls=1)
    assert (first.retried, first.released) == (FAILURES, 30 - FAILURES), "the rest was not tried"
    gate = await act.gate()
    assert (gate["circuit"], gate["status"]) == ("broken", "connected")
    assert gate["reason"].startswith("provider_down: 500")
    assert "channel is left alone" in caplog.text
    assert (await act.send()).claimed == 0

    await act.due_again()
    probe = await act.send()
    assert (probe.claimed, probe.retried) == (1, 1), "one message finds out"
    assert (await act.gate())["breaks"] == 2
    await act.due_again()
    assert (await act.send()).sent == 1
    gate = await act.gate()
    assert (gate["circuit"], gate["reason"], gate["failures"]) == ("working", None, 0)
    await act.due_again()
    assert (await act.send()).sent == 29
    assert len(await act.sandbox.messages()) == 30


async def test_two_workers_send_one_probe(act: Act) -> None:
    await act.queue(10, channel="telegram", limits={"per_second": None, "recipient_s": None})
    await _fail(act, 500, times=FAILURES)
    await act.send(calls=1)
    await act.due_again()
    await act.sandbox.ask("faults", {"channel": "telegram", "mode": "hang", "times": 1})
    done = await asyncio.gather(*(act.send() for _ in range(4)))
    assert sum(one.claimed for one in done) == 1


async def test_a_refused_token_pauses_the_channel_with_a_clear_line_and_loses_nothing(
    act: Act, caplog: pytest.LogCaptureFixture
) -> None:
    await act.queue(5, channel="telegram", limits={"per_second": None, "recipient_s": None})
    await _fail(act, 401)
    with caplog.at_level(logging.ERROR, "engine.dispatch"):
        done = await act.send(calls=1)
    assert (done.retried, done.released) == (1, 4)
    gate = await act.gate()
    assert (gate["status"], gate["circuit"]) == ("paused", "working")
    assert gate["reason"].startswith("token_expired: 401")
    (line,) = [one for one in caplog.records if "paused" in one.message]
    assert line.message == "channel paused: token_expired"
    assert await act.sandbox.messages() == []
    await act.due_again()
    assert (await act.send()).claimed == 0

    await act.world.rows("UPDATE channel SET status = 'connected'")
    assert (await act.send()).sent == 5


@pytest.mark.parametrize(("denials", "status"), [(2, "connected"), (3, "paused")])
async def test_a_sender_that_may_not_pauses_when_it_repeats(act: Act, denials: int, status: str) -> None:
    await act.queue(5)
    await _fail(act, 550, "email", text="5.7.1 sender not allowed", times=denials)
    done = await act.send(calls=1)
    assert done.failed == denials
    gate = await act.gate()
    assert gate["status"] == status
    if status == "paused":
        assert gate["reason"].startswith("permission_denied: 550 5.7.1")
    else:
        assert (done.sent, gate["denials"]) == (3, 0)


async def test_a_paused_channel_holds_its_own_messages_alone(act: Act) -> None:
    await act.queue(3)
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        await pause_channel(conn, channel_id=act.world.channel_ids["email"], reason="token_expired: by hand")
    assert (await act.gate())["reason"] == "token_expired: by hand"
    assert (await act.send()).claimed == 0
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        assert (await put_aside(conn, lane=Lane.BULK, now=datetime.now(UTC))).held == 3


async def test_a_channel_that_works_is_told_nothing(act: Act) -> None:
    await act.queue(10)
    tenant_id = act.world.tenant.tenant_id
    await dispatch_due(act.world.db, act.adapters, tenant_id=tenant_id, lane=Lane.BULK, owner="w")
    assert await act.world.rows("SELECT FROM channel_gate") == []
