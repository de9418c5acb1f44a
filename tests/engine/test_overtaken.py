"""What came of a message may be told before the result of its attempt is written: it counts once, in either order."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from psycopg.types.json import Jsonb

from channels.contract import Adapter, Fault, Request, Response
from channels.email import EmailAdapter
from channels.registry import create
from engine import trace
from engine.dispatch import Adapters, GivenUp, give_up_leases
from engine.outcomes import record_outcomes
from engine.queries import queries
from engine.settings import Settings
from rules.words import Channel, Lane
from tests.engine.acts import Act
from tests.engine.stand_ins import fallbacks, incoming, tell, two_channels


class Overtaken(EmailAdapter):
    """A provider whose word that the message came back is heard before its answer."""

    act: ClassVar[Act]
    said: ClassVar[Sequence[str]] = ("bounced",)
    fails: ClassVar[bool] = False

    async def send(self, request: Request) -> Response:
        answer = await super().send(request)
        for number, kind in enumerate(self.said):
            await tell(self.act, kind, key=str(number))
        if self.fails:
            return Response(status=0, body={"cause": "cut"}, ids={}, fault=Fault.MAY_HAVE_LEFT)
        return answer


@pytest.fixture
async def overtaken(act: Act, settings: Settings) -> AsyncIterator[type[Overtaken]]:
    kind = type("Overtaking", (Overtaken,), {"act": act})

    def make(channel: Channel, given: Mapping[str, Any], **more: Any) -> Adapter:
        known = {name: value for name, value in given.items() if name != "limits"}
        return kind(known) if channel is Channel.EMAIL else create(channel, given, **more)

    act.adapters = Adapters.of(settings, make=make)
    yield kind
    await act.adapters.aclose()


@pytest.mark.parametrize("is_uncertain", [False, True])
async def test_a_bounce_that_is_told_before_the_result_is_written_starts_the_fallback_once_when_it_is(
    act: Act, overtaken: type[Overtaken], *, is_uncertain: bool
) -> None:
    overtaken.fails, overtaken.said = is_uncertain, ("bounced", "bounced")
    await two_channels(act, 1, fallback={"hours": 24})
    await act.send()
    (batch_id,) = await fallbacks(act)
    (row,) = await act.world.rows("SELECT status, code, class FROM delivery_log")
    assert (row["status"], row["code"], row["class"]) == ("failed", "bounced", "invalid_address")
    assert (await act.world.decide(batch_id)).deliveries == 1
    assert (await act.send()).sent == 1
    await tell(act, "bounced", key="later")
    assert await fallbacks(act) == []
    rows = await act.world.rows("SELECT channel, status FROM delivery_log ORDER BY delivery_id")
    assert [(row["channel"], row["status"]) for row in rows] == [("email", "failed"), ("telegram", "sent")]
    # An address that came back is closed by the bounce's own rule, and the person is not blocked on the channel.
    reasons = await act.world.rows("SELECT reason FROM suppression")
    assert [row["reason"] for row in reasons] == ["bounced"]


async def test_a_bounce_told_before_the_result_of_a_message_that_was_read_is_followed_by_nothing(
    act: Act, overtaken: type[Overtaken]
) -> None:
    overtaken.said = ("read", "bounced")
    await two_channels(act, 1, fallback={"hours": 24})
    await act.send()
    assert await fallbacks(act) == []


async def test_a_message_that_was_answered_before_its_call_was_cut_is_sent(
    act: Act, overtaken: type[Overtaken]
) -> None:
    overtaken.fails, overtaken.said = True, ("delivered",)
    await two_channels(act, 1, fallback={"hours": 24})
    await act.send()
    row = await act.only()
    assert (row["status"], row["code"], row["class"]) == ("sent", "told_by_outcome", "accepted")
    assert row["sent_at"] is not None
    assert await fallbacks(act) == []


@pytest.mark.parametrize("resend", [False, True])
async def test_a_message_that_was_answered_is_not_sent_again_for_a_worker_that_died(act: Act, *, resend: bool) -> None:
    await two_channels(act, 1, fallback=None)
    await act.world.rows("UPDATE campaign SET resend = %(resend)s", resend=resend)
    await act.world.rows(
        "UPDATE delivery_log SET status = 'sending', lease_owner = 'x', lease_until = now(), attempts = 1"
    )
    await tell(act, "delivered")
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        assert await give_up_leases(conn, lane=Lane.BULK, now=datetime.now(UTC)) == GivenUp()
    row = await act.only()
    assert (row["status"], row["code"], row["lease_owner"]) == ("sent", "told_by_outcome", None)
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        assert [one for one in await trace.orphans(conn) if one.count and "sent" in one.kind] == []
    assert row["sent_at"] is not None
    assert (await act.send()).claimed == 0


async def test_a_message_that_is_answered_while_it_waits_to_be_sent_again_is_not(act: Act) -> None:
    await two_channels(act, 1, fallback=None)
    await act.world.rows("UPDATE campaign SET resend = true")
    await act.world.rows(
        "UPDATE delivery_log SET status = 'sending', lease_owner = 'x', lease_until = now(), attempts = 1"
    )
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        assert await give_up_leases(conn, lane=Lane.BULK, now=datetime.now(UTC)) == GivenUp(requeued=1)
    await tell(act, "read")
    assert (await act.only())["status"] == "sent"
    assert (await act.send()).claimed == 0


async def test_a_late_answer_to_what_came_back_says_nothing_of_the_message_that_is_sent_again(act: Act) -> None:
    await two_channels(act, 1, fallback=None)
    await act.send()
    await tell(act, "bounced", soft=True)
    await act.world.rows("UPDATE delivery_log SET status = 'queued', due_at = now()")
    await tell(act, "delivered", key="late")
    assert (await act.only())["status"] == "queued"
    assert (await act.send()).sent == 1


async def test_a_bounce_of_a_message_whose_worker_died_starts_the_fallback_once(act: Act) -> None:
    await two_channels(act, 1, fallback={"hours": 24})
    await act.world.rows(
        "UPDATE delivery_log SET status = 'sending', lease_owner = 'x', lease_until = now(), attempts = 1"
    )
    await tell(act, "bounced")
    assert await fallbacks(act) == []
    for _ in range(2):
        async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
            assert await give_up_leases(conn, lane=Lane.BULK, now=datetime.now(UTC)) == GivenUp()
    assert len(await fallbacks(act)) == 1
    (row,) = await act.world.rows("SELECT status, code FROM delivery_log")
    assert (row["status"], row["code"]) == ("failed", "bounced")


async def test_a_bounce_of_an_earlier_attempt_says_nothing_of_a_message_that_is_sent_again(act: Act) -> None:
    await two_channels(act, 1, fallback=None)
    await act.send()
    await tell(act, "bounced", soft=True)
    await act.world.rows("UPDATE delivery_log SET status = 'queued', due_at = now()")
    assert (await act.send()).sent == 1
    assert (await act.only())["status"] == "sent"


@pytest.mark.parametrize("first", ["bounce", "result"])
async def test_of_a_bounce_and_a_result_at_the_same_moment_one_starts_the_fallback(act: Act, first: str) -> None:
    """Each waits for the other's transaction; whichever commits last has seen both."""
    await two_channels(act, 1, fallback={"hours": 24})
    tenant_id = act.world.tenant.tenant_id
    async with act.world.db.transaction(tenant_id) as conn:
        await conn.execute(
            "UPDATE delivery_log SET status = 'sending', lease_owner = 'x', lease_until = now() + '1 h', attempts = 1"
        )
    row = {"delivery_id": (await act.only())["delivery_id"], "number": 1, "status": "sent", "receipt": "accepted"}
    given: dict[str, Any] = {
        "rows": Jsonb([{**row, "code": "250", "class": "accepted", "setback": 0, "pinned": False}])
    }
    given |= {"owner": "x", "now": datetime.now(UTC)}

    async def result(go: asyncio.Event, written: asyncio.Event) -> None:
        async with act.world.db.transaction(tenant_id) as conn:
            told = await (await conn.execute(queries("dispatch")["results"], given)).fetchall()
            back = [one["failed"] for one in told if one["failed"] is not None]
            if back:
                now = datetime.now(UTC)
                await conn.execute(queries("dispatch")["fall_back"], {"delivery_ids": back, "now": now})
            written.set()
            await go.wait()

    async def bounce(go: asyncio.Event, written: asyncio.Event) -> None:
        async with act.world.db.transaction(tenant_id) as conn:
            await record_outcomes(
                conn,
                tenant_id=tenant_id,
                channel_id=act.world.channel_ids["email"],
                incoming=[await incoming(act, "bounced")],
                channel=Channel.EMAIL,
            )
            written.set()
            await go.wait()

    go, written, at_once, ignored = asyncio.Event(), asyncio.Event(), asyncio.Event(), asyncio.Event()
    at_once.set()
    ahead, behind = (bounce, result) if first == "bounce" else (result, bounce)
    leading = asyncio.create_task(ahead(go, written))
    await written.wait()
    following = asyncio.create_task(behind(at_once, ignored))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(following), 0.3)
    go.set()
    await asyncio.gather(leading, following)
    assert (await act.only())["status"] == "failed"
    assert len(await fallbacks(act)) == 1
