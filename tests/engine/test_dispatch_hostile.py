"""Whatever stands in a profile, its message leaves whole or is refused with a reason, and its neighbours leave."""

import math
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from channels.contract import Adapter, Message, Receipt, ReceiptClass, ReceiptStatus, Request
from channels.email import EmailAdapter
from channels.registry import create
from engine.db import Database
from engine.dispatch import Adapters
from engine.dispatch.claim import claim
from engine.dispatch.results import of_receipt, write
from engine.settings import Settings
from rules.words import Channel, Lane
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.conftest import Tenant
from tests.engine.acts import OWNER, Act
from tests.engine.world import World

NAMES = [
    "x" * 100_000, "\N{PILE OF POO}" * 5_000, "\u202egpj.exe", "مريم", "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>", "{{ profile.name }}{% include 'x' %}", "\r\nBcc: all@shop.example", "",
    "=?utf-8?B?eA==?=", "\x1b[2J\x07", "Ngọc\u0301 Ánh",
]  # fmt: skip
ADDRESSES = [
    "nobody", "@shop.example", "a@shop.example\r\nRCPT TO:<b@shop.example>", "x" * 2_000 + "@shop.example", "a@",
    "\N{PILE OF POO}@shop.example", "a b@shop.example", "<a@shop.example>", "a@shop.example,b@shop.example", "a@..",
]  # fmt: skip


@pytest.fixture
async def act(db: Database, tenant: Tenant, settings: Settings) -> AsyncIterator[Act]:
    sandbox: SandboxProcess = await start_sandbox()
    adapters = Adapters.of(settings)
    yield Act(World(db, tenant), adapters, sandbox)
    await adapters.aclose()
    assert sandbox.close() == 0


async def told(act: Act) -> list[str]:
    rows = await act.world.rows("SELECT detail FROM delivery_attempt WHERE phase = 'ended' AND status <> 'accepted'")
    return [row["detail"] for row in rows]


async def test_hostile_names_are_written_whole_or_refused_with_a_reason(act: Act) -> None:
    await act.queue(len(NAMES), body={"subject": "{{ profile.name }}", "body": "Chào {{ profile.name }}"})
    await act.world.rows(
        """
        UPDATE cdp_profiles p SET name = given.name
        FROM jsonb_array_elements_text(%(names)s) WITH ORDINALITY given (name, n)
        WHERE p.ext_id = 'kh-' || given.n
        """,
        names=Jsonb(NAMES),
    )
    done = await act.send()
    received = await act.sandbox.messages()
    assert done.sent + done.failed == len(NAMES)
    assert len(received) == done.sent
    assert done.failed < len(NAMES) / 2
    assert all(0 < len(detail) <= 500 for detail in await told(act))
    assert all("all@shop.example" not in str(one.get("to", "")) for one in received)
    for one in received:
        assert not set(one["text"]) & set("\x00\x1b\x07\u202e")
        assert len(str(one.get("subject", "")).splitlines()) <= 1


async def test_an_adapter_that_cannot_be_made_keeps_no_other_channel_from_sending(act: Act, settings: Settings) -> None:
    """Such as one of another package, with a mistake in it."""

    def make(channel: Channel, given: Mapping[str, Any], **more: Any) -> Adapter:
        if channel is Channel.TELEGRAM:
            raise KeyError("token")
        return create(channel, given, **more)

    await act.adapters.aclose()
    act.adapters = Adapters.of(settings, make=make)
    await act.queue(2)
    people = await act.world.people(1, first=100, channels=("telegram",))
    await act.connect("telegram")
    campaign_id = await act.world.campaign("other", templates=[await act.world.template("telegram", key="other")])
    _, (batch_id,) = await act.world.run(campaign_id, people)
    await act.world.decide(batch_id)
    done = await act.send()
    assert (done.claimed, done.sent, done.retried + done.released) == (3, 2, 1)
    (waiting,) = await told(act)
    assert "raised KeyError" in waiting
    await act.adapters.aclose()


async def test_no_provider_is_called_for_an_address_that_is_none(act: Act) -> None:
    await act.queue(len(ADDRESSES))
    # Somebody has stored them as good ones, or the claim would have let go of them.
    await act.world.rows(
        """
        WITH bad AS (
            SELECT p.profile_id, given.value
            FROM jsonb_array_elements_text(%(values)s) WITH ORDINALITY given (value, n)
            JOIN cdp_profiles p ON p.ext_id = 'kh-' || given.n
        ), stored AS (
            UPDATE profile_address a SET value = bad.value FROM bad
            WHERE a.profile_id = bad.profile_id AND a.channel = 'email'
        )
        UPDATE delivery_log d SET address = bad.value FROM bad WHERE d.profile_id = bad.profile_id
        """,
        values=Jsonb(ADDRESSES),
    )
    done = await act.send()
    assert (done.sent, done.failed) == (0, len(ADDRESSES))
    assert await act.sandbox.messages() == []
    assert len(await told(act)) == len(ADDRESSES)


async def test_what_a_provider_writes_that_cannot_be_stored_costs_its_neighbours_nothing(act: Act) -> None:
    await act.queue(3, channel="telegram", limits={"per_second": None, "recipient_s": None})
    await act.sandbox.ask("faults", {"channel": "telegram", "status": 400, "text": "Bad Request: \0 said"})
    done = await act.send()
    assert (done.sent, done.failed) == (2, 1)
    assert await told(act) == ["Bad Request: \N{REPLACEMENT CHARACTER} said"]


@pytest.mark.parametrize(
    "receipt",
    [
        {"provider_id": secrets.token_hex(50_000)},
        {"provider_id": "a\0b", "code": "\0" * 1_000, "detail": "\ud800"},
        {"raw": {"\0": "\0", "number": math.nan, "deep": [[[{"list": [math.inf, b"octets"]}]]]}},
        {"status": ReceiptStatus.RETRY, "klass": ReceiptClass.RATE_LIMITED, "retry_after": math.nan},
        {"status": ReceiptStatus.RETRY, "klass": ReceiptClass.RATE_LIMITED, "retry_after": math.inf},
        {"status": ReceiptStatus.RETRY, "klass": ReceiptClass.PROVIDER_DOWN, "retry_after": -1e300},
    ],
)
async def test_whatever_a_receipt_holds_its_result_is_written(act: Act, receipt: dict[str, Any]) -> None:
    await act.queue(1)
    world, now = act.world, datetime.now(UTC)
    where: dict[str, Any] = {"tenant_id": world.tenant.tenant_id, "owner": OWNER, "now": now}
    taken = await claim(world.db, act.adapters, lane=Lane.BULK, run_id=None, most=1, **where)
    usual = {"status": ReceiptStatus.ACCEPTED, "klass": ReceiptClass.ACCEPTED, "code": "250", "detail": "ok"}
    (message,) = taken.messages
    ended = of_receipt(message, Receipt(**{**usual, **receipt}), deduplicates=False, now=now, jitter=0.5)
    heard = {} if ended.heard is None else {message.channel_id: [ended.heard]}
    await write(world.db, ended=[ended], heard=heard, **where)
    assert (await act.only())["status"] in {"sent", "queued"}


async def test_an_adapter_that_breaks_as_it_writes_takes_no_neighbour_with_it(
    act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    await act.queue(3)
    build = EmailAdapter.build

    def breaks(adapter: EmailAdapter, message: Message) -> Request:
        if message.address.startswith("kh-2"):
            raise ZeroDivisionError
        return build(adapter, message)

    monkeypatch.setattr(EmailAdapter, "build", breaks)
    done = await act.send()
    assert (done.sent, done.failed) == (2, 1)
    (said,) = await told(act)
    assert said.startswith("Writing the message raised ZeroDivisionError.")
