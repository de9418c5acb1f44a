"""The sandbox keeps what it receives, plays the failures and outcomes it is asked for, and tells them signed."""

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Incoming
from channels.sandbox.plan import Chances
from channels.signature import lowered
from rules.errors import InvalidInput
from rules.words import Channel, OutcomeType
from tests.channels.samples import TOKEN, WEBHOOK_SECRET, adapter, event_id, message
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.channels.webhook_server import WebhookServer

EMAIL, TELEGRAM = Channel.EMAIL, Channel.TELEGRAM
NOTHING = [f"--chance={name}=0" for name in ("bounced", "read", "replied", "kicked")]


@pytest.fixture
async def telling(webhook: WebhookServer) -> AsyncIterator[SandboxProcess]:
    """A sandbox that tells its outcomes at once, by default that mails were delivered and nothing else."""
    options = ["--callback", webhook.url, "--secret", WEBHOOK_SECRET, "--delay-scale", "0", *NOTHING]
    sandbox = await start_sandbox(*options, "--telegram-callback", webhook.url, "--retry-for", "20")
    yield sandbox
    sandbox.close()


async def send(sandbox: SandboxProcess, channel: Channel, *seeds: object) -> None:
    speaker = adapter(channel, smtp_port=sandbox.smtp_port, http_port=sandbox.http_port)
    requests = [speaker.build(message(channel, seed)) for seed in seeds]
    receipts = [speaker.parse(answer) for answer in await asyncio.gather(*map(speaker.send, requests))]
    assert {str(receipt.status) for receipt in receipts} == {"accepted"}
    await speaker.aclose()


async def eventually(check: Callable[[], Any]) -> Any:
    """Wait up to ten seconds for something to become true."""
    for _ in range(500):
        if result := check():
            return result
        await asyncio.sleep(0.02)
    raise AssertionError("It did not happen within ten seconds.")


def recorded(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def told(webhook: WebhookServer) -> list[dict[str, Any]]:
    posts = [json.loads(body) for _, body in webhook.requests]
    return [item for post in posts if isinstance(post, list) for item in post]


async def test_each_message_is_a_line_in_the_file_before_the_sender_hears_of_it(
    sandbox: SandboxProcess, record_file: Path
) -> None:
    seeds = [f"line {number}" for number in range(20)]
    await send(sandbox, EMAIL, *seeds)
    await send(sandbox, TELEGRAM, *seeds)
    lines = recorded(record_file)[-40:]
    assert Counter(line["channel"] for line in lines) == {"email": 20, "telegram": 20}
    assert {line["event_id"] for line in lines} == {event_id(seed) for seed in seeds}
    assert {line["subject"] for line in lines} == {"Ưu đãi mùa thu cho Ánh", None}
    assert set(lines[0]) == {"number", "event_id", "channel", "address", "subject", "text", "at"}


async def test_a_message_that_comes_twice_is_counted(sandbox: SandboxProcess) -> None:
    await send(sandbox, EMAIL, "once", "twice", "twice")
    stats = await sandbox.ask("stats")
    assert (stats["messages"], stats["event_ids"], stats["repeated"]) == ({"email": 3}, 2, {"email": 1})


async def test_the_newest_messages_are_given_up_to_a_limit(sandbox: SandboxProcess) -> None:
    for seed in range(5):
        await send(sandbox, EMAIL, seed)
    newest = (await sandbox.ask("messages?limit=2"))["messages"]
    assert [line["event_id"] for line in newest] == [event_id(3), event_id(4)]


async def test_outcomes_that_were_asked_for_come_signed_and_in_one_array(
    telling: SandboxProcess, webhook: WebhookServer
) -> None:
    await telling.ask("outcomes", {event_id(0): ["delivered", "read", "clicked", "bought"], event_id(1): []})
    await send(telling, EMAIL, 0, 1, 2)
    await eventually(lambda: len(told(webhook)) == 5)
    speaker = adapter(EMAIL, now=time.time())
    found = []
    for headers, body in webhook.requests:
        speaker.verify(headers, body)
        found += [(one.delivery_ref, one.type) for one in speaker.parse_webhook(headers, body)]
    await speaker.aclose()
    mine = [kind for ref, kind in found if ref == event_id(0)]
    assert mine == [OutcomeType.DELIVERED, OutcomeType.READ, OutcomeType.CLICKED, OutcomeType.BOUGHT]
    assert [kind for ref, kind in found if ref == event_id(2)] == [OutcomeType.DELIVERED]
    assert not [kind for ref, kind in found if ref == event_id(1)]


async def test_outcomes_wait_while_the_callback_is_down_and_come_once_it_is_up(
    telling: SandboxProcess, webhook: WebhookServer
) -> None:
    webhook.status = 503
    await send(telling, EMAIL, *range(30))
    await eventually(lambda: webhook.requests)
    webhook.requests.clear()
    webhook.status = 200
    await eventually(lambda: len({item["event_id"] for item in told(webhook)}) == 30)
    stats = (await telling.ask("stats"))["outcomes"]
    assert (stats["pending"], stats["posted"], stats["dropped"], stats["refused"]) == (0, 30, 0, 0)


async def test_a_callback_that_refuses_is_not_asked_again(telling: SandboxProcess, webhook: WebhookServer) -> None:
    webhook.status = 401
    await send(telling, EMAIL, "refused")
    await eventually(lambda: webhook.requests)
    await asyncio.sleep(0.6)
    assert len(webhook.requests) == 1
    assert (await telling.ask("stats"))["outcomes"]["refused"] == 1


async def test_arrays_hold_at_most_five_hundred(telling: SandboxProcess, webhook: WebhookServer) -> None:
    await telling.ask("outcomes", {event_id(seed): ["delivered"] * 60 for seed in range(20)})
    await send(telling, EMAIL, *range(20))
    await eventually(lambda: len(told(webhook)) == 1200)
    assert max(len(json.loads(body)) for _, body in webhook.requests) <= 500


async def test_telegram_tells_replies_and_blocks_as_updates(telling: SandboxProcess, webhook: WebhookServer) -> None:
    await telling.ask("outcomes", {event_id("reply"): ["replied"], event_id("block"): ["unsubscribed"]})
    await send(telling, TELEGRAM, "reply")
    await send(telling, TELEGRAM, "block")
    await eventually(lambda: len(webhook.requests) == 2)
    bot = adapter(TELEGRAM, now=time.time())
    found: list[Incoming] = []
    for headers, body in webhook.requests:
        bot.verify(headers, body)
        found += bot.parse_webhook(headers, body)
    await bot.aclose()
    assert [(one.type, one.delivery_ref) for one in found] == [
        (OutcomeType.REPLIED, "84901234567:1"),
        (OutcomeType.UNSUBSCRIBED, None),
    ]


@given(st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}"), st.integers(0, 9))
def test_the_same_seed_and_message_always_have_the_same_fate(delivery: str, seed: int) -> None:
    first, again = (Chances({}, seed=seed, delay_scale=1).plan(delivery, "email") for _ in range(2))
    assert first == again
    kinds = [step.type for step in first]
    assert kinds[0] in (OutcomeType.DELIVERED, OutcomeType.BOUNCED)
    if OutcomeType.CLICKED in kinds:
        assert OutcomeType.READ in kinds
    if OutcomeType.BOUNCED in kinds:
        assert len(kinds) == 1


def test_shares_are_what_was_asked_for() -> None:
    chances = Chances({"read": 0.4, "bounced": 0.1}, seed=3, delay_scale=1)
    plans = [chances.plan(event_id(number), "email") for number in range(4000)]
    counted = Counter(step.type for plan in plans for step in plan)
    assert abs(counted[OutcomeType.BOUNCED] / 4000 - 0.1) < 0.02
    assert abs(counted[OutcomeType.READ] / counted[OutcomeType.DELIVERED] - 0.4) < 0.03
    with pytest.raises(InvalidInput):
        Chances({"read": 1.5}, seed=1, delay_scale=1)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("faults", {"channel": "fax", "status": 500}),
        ("faults", {"channel": "email", "mode": "reply"}),
        ("faults", {"channel": "email", "status": 500, "colour": "red"}),
        ("faults", {"channel": "email", "status": 500, "times": "three"}),
        ("outcomes", {"x": ["opened by nobody"]}),
        ("outcomes", ["read"]),
    ],
)
async def test_what_is_asked_wrongly_is_explained(path: str, document: object, sandbox: SandboxProcess) -> None:
    answer = await sandbox.ask(path, document)
    assert answer["error"] == "invalid_input"
    assert "Post {" in answer["detail"]


async def test_it_listens_on_loopback_only_and_ends_cleanly(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    sandbox = await start_sandbox("--record", str(record))
    await sandbox.ask("faults", {"channel": "email", "mode": "hang"})
    waiting = asyncio.create_task(send_one(sandbox))
    await asyncio.sleep(0.2)
    for port in (sandbox.smtp_port, sandbox.http_port):
        with socket.socket() as probe, pytest.raises(OSError, match="refused"):
            probe.connect(("127.0.0.2", port))
    assert await asyncio.to_thread(sandbox.close) == 0
    assert await waiting == "uncertain"
    assert recorded(record) == []


async def send_one(sandbox: SandboxProcess) -> str:
    speaker = adapter(EMAIL, smtp_port=sandbox.smtp_port)
    receipt = speaker.parse(await speaker.send(speaker.build(message(EMAIL))))
    await speaker.aclose()
    return str(receipt.status)


async def test_each_account_has_its_outcomes_told_to_its_own_url(
    telling: SandboxProcess, webhook: WebhookServer
) -> None:
    other = await WebhookServer().start()
    account = {"account": "tenant-b", "url": other.url, "secret": "secret_of_b"}
    assert await telling.ask("accounts", account) == {"connected": "tenant-b"}
    speaker = adapter(EMAIL, smtp_port=telling.smtp_port, username="tenant-b", password="any")
    receipt = speaker.parse(await speaker.send(speaker.build(message(EMAIL, "b"))))
    assert str(receipt.status) == "accepted"
    await send(telling, EMAIL, "a")
    await eventually(lambda: told(webhook) and told(other))
    assert {item["event_id"] for item in told(other)} == {event_id("b")}
    assert {item["event_id"] for item in told(webhook)} == {event_id("a")}
    await speaker.aclose()
    await other.close()


async def test_a_bot_tells_its_replies_to_the_webhook_it_set(telling: SandboxProcess, webhook: WebhookServer) -> None:
    other = await WebhookServer().start()
    await telling.ask("outcomes", {"84901234567": ["replied"]})
    async with aiohttp.ClientSession() as session:
        asked = {"url": other.url, "secret_token": "secret_of_bot"}
        async with session.post(f"{telling.base_url}/bot{TOKEN}/setWebhook", json=asked) as response:
            assert (await response.json())["ok"] is True
    await send(telling, TELEGRAM, 0)
    await eventually(lambda: other.requests)
    headers, _ = other.requests[0]
    assert lowered(headers)["x-telegram-bot-api-secret-token"] == "secret_of_bot"
    assert webhook.requests == []
    await other.close()


async def test_outcomes_can_be_asked_for_by_address_and_carry_a_value(
    telling: SandboxProcess, webhook: WebhookServer
) -> None:
    address = message(EMAIL).address
    await telling.ask("outcomes", {address: ["visited", {"type": "bought", "value": 29.99}]})
    await send(telling, EMAIL, 0)
    await eventually(lambda: len(told(webhook)) == 2)
    assert [(item["type"], item.get("value")) for item in told(webhook)] == [("visited", None), ("bought", 29.99)]
