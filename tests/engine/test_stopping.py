"""Pausing, resuming and cancelling a campaign while its messages are on their way, and messages that come too late."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from channels.contract import Request, Response
from channels.telegram import TelegramAdapter
from engine import campaigns
from engine.db import Transaction
from engine.decide import BatchState
from engine.dispatch import Adapters, Dispatched, put_aside
from engine.settings import Settings
from rules.words import Channel, Lane
from tests.engine.acts import Act, until
from tests.engine.world import ALWAYS

Step = Callable[..., Awaitable[Any]]


class Steady(TelegramAdapter):
    """A provider that takes its time over each message."""

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0.03)
        return await super().send(request)


def _make(_kind: Channel, settings: Any, **_: Any) -> Steady:
    return Steady({name: value for name, value in settings.items() if name != "limits"})


@pytest.fixture
async def steady(act: Act, settings: Settings) -> Act:
    """Sixty messages for a provider that needs a second for them."""
    act.adapters = Adapters.of(settings, make=_make)
    await act.queue(60, channel="telegram", limits={"per_second": None, "recipient_s": None})
    return act


async def _does(act: Act, step: Step) -> Any:
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        return await step(conn, tenant_id=act.world.tenant.tenant_id, campaign_id=act.campaign_id)


async def _put_aside(act: Act) -> None:
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        await put_aside(conn, lane=Lane.BULK, now=datetime.now(UTC))


async def _stop_while_sending(act: Act, step: Step) -> Dispatched:
    """Do a step while a claim of sixty is in somebody's hands, two calls at a time, and give what the claim came to."""
    sending = asyncio.create_task(act.send(calls=2))

    async def has_begun() -> bool:
        return len(await act.sandbox.messages()) >= 4

    await until(has_begun, True)
    await _does(act, step)
    return await sending


async def test_a_pause_stops_what_is_claimed_and_resuming_goes_on_from_there(steady: Act) -> None:
    done = await _stop_while_sending(steady, campaigns.pause_campaign)
    assert 4 <= done.sent < 30
    assert done.sent + done.released == 60
    assert await steady.world.statuses() == {"sent": done.sent, "queued": done.released}
    assert (await steady.send()).claimed == 0
    await _does(steady, campaigns.resume_campaign)
    assert (await steady.send()).sent == done.released
    received = await steady.sandbox.messages()
    assert len({one["event_id"] for one in received}) == len(received) == 60
    await steady.adapters.aclose()


async def test_a_cancelled_campaign_sends_nothing_more_of_what_was_claimed(steady: Act) -> None:
    done = await _stop_while_sending(steady, campaigns.cancel_campaign)
    assert done.sent + done.released == 60
    assert done.released > 30
    await _put_aside(steady)
    assert await steady.world.statuses() == {"sent": done.sent, "cancelled": done.released}
    assert len(await steady.sandbox.messages()) == done.sent
    await steady.adapters.aclose()


async def test_cancelling_ends_what_is_queued_what_waits_for_a_retry_and_who_waits_for_their_hour(act: Act) -> None:
    now = datetime.now(UTC)
    await act.queue(3)
    await act.sandbox.ask("faults", {"channel": "email", "status": 451, "text": "4.3.0 later"})
    assert (await act.send(most=1)).retried == 1
    quiet = {**ALWAYS, "quiet_hours": {"start": _clock(now, -1), "end": _clock(now, 2)}, "zone": "UTC"}
    await act.world.policy(quiet, key="policy of tet", version=2)
    await act.world.rows("UPDATE cdp_profiles SET zone = 'UTC'")
    _, (batch_id,) = await act.world.run(act.campaign_id, await act.world.people(2, first=100))
    assert dict((await act.world.decide(batch_id)).actions) == {"wait": 2}
    await _does(act, campaigns.cancel_campaign)
    assert await act.world.statuses() == {"cancelled": 3}
    waiting = await act.world.rows("SELECT batch_id, status FROM run_batch WHERE due_at > now()")
    assert [one["status"] for one in waiting] == ["cancelled"]
    assert (await act.world.decide(waiting[0]["batch_id"])).state is BatchState.TAKEN
    assert await act.sandbox.messages() == []


def _clock(now: datetime, hours: int) -> str:
    return f"{now + timedelta(hours=hours):%H:%M}"


async def test_resuming_finds_those_who_wait_too(act: Act) -> None:
    await act.queue(2)
    _, (batch_id,) = await act.world.run(act.campaign_id, await act.world.people(1, first=100))
    await _does(act, campaigns.pause_campaign)
    assert (await act.world.decide(batch_id)).state is BatchState.HELD

    async def resume(conn: Transaction, *, tenant_id: UUID, campaign_id: int) -> list[tuple[Lane, int]]:
        return (await campaigns.resume_campaign(conn, tenant_id=tenant_id, campaign_id=campaign_id))[1]

    assert await _does(act, resume) == [(Lane.BULK, batch_id)]
    assert (await act.world.decide(batch_id)).deliveries == 1
    assert (await act.send()).sent == 3


async def test_a_message_whose_time_is_over_is_never_sent_whatever_held_it(act: Act) -> None:
    await act.queue(3, ends_at=datetime.now(UTC) + timedelta(seconds=1.5))
    await act.world.rows("UPDATE channel SET status = 'paused'")
    assert (await act.send()).claimed == 0
    await asyncio.sleep(1.6)
    await act.world.rows("UPDATE channel SET status = 'connected'")
    assert (await act.send()).claimed == 0
    await _put_aside(act)
    assert await act.world.statuses() == {"expired": 3}
    assert await act.sandbox.messages() == []
