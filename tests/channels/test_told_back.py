"""The sandbox tells what came of messages as Zalo, Facebook and SendGrid do: believed by the adapters' own checks."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from channels.contract import Incoming, SignatureInvalid
from tests.channels.samples import SAMPLES, Sample
from tests.channels.samples.sample import WEBHOOK_SECRET
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.channels.webhook_server import WebhookServer

ZALO = {"provider": "zalo", "app_id": "1234567890", "secret": WEBHOOK_SECRET}
# What is switched on, what the channel needs to believe it, and what each provider tells.
TOLD: Mapping[str, tuple[Mapping[str, str], Mapping[str, str], Sequence[str]]] = {
    "zalo_oa-oa": (ZALO, {"app_id": "1234567890"}, ["delivered", "read", "replied"]),
    "zalo_template-zbs": (ZALO, {"app_id": "1234567890"}, ["delivered", "read"]),
    "facebook-page": ({"provider": "facebook", "secret": WEBHOOK_SECRET}, {}, ["delivered", "read", "replied"]),
    "email-sendgrid": ({"provider": "sendgrid"}, {}, ["delivered", "read", "clicked", "bounced"]),
}
by_name = {str(sample): sample for sample in SAMPLES}


@pytest.fixture(scope="module")
async def eager_process() -> AsyncIterator[SandboxProcess]:
    """A sandbox whose people do everything at once."""
    process = await start_sandbox("--delay-scale", "0")
    yield process
    assert process.close() == 0


@pytest.fixture
async def eager(eager_process: SandboxProcess) -> SandboxProcess:
    await eager_process.reset()
    return eager_process


async def sent(sandbox: SandboxProcess, sample: Sample, kinds: Sequence[str]) -> str:
    """Send the sample's message, of which these outcomes will come; gives the provider's id of it."""
    message = sample.message()
    await sandbox.ask("outcomes", {message.event_id: list(kinds)})
    speaker = sample.adapter(http_port=sandbox.http_port, now=time.time())
    receipt = speaker.parse(await speaker.send(speaker.build(message)))
    await speaker.aclose()
    assert (receipt.status, receipt.provider_id is None) == ("accepted", False)
    return str(receipt.provider_id)


async def posted(webhook: WebhookServer, count: int) -> list[tuple[dict[str, str], bytes]]:
    for _ in range(200):
        if len(webhook.requests) >= count:
            break
        await asyncio.sleep(0.05)
    assert len(webhook.requests) == count
    return webhook.requests


@pytest.mark.parametrize("name", TOLD)
async def test_what_a_provider_posts_is_believed_and_finds_its_message(
    eager: SandboxProcess, webhook: WebhookServer, name: str
) -> None:
    switch, settings, kinds = TOLD[name]
    sample = by_name[name]
    answer = await eager.ask("webhooks", {**switch, "url": webhook.url})
    more: dict[str, Any] = dict(settings)
    if "verification_key" in answer:
        more["webhook_public_key"] = answer["verification_key"]
    message_id = await sent(eager, sample, kinds)
    # SendGrid puts what it has to tell into one array.
    requests = await posted(webhook, 1 if name == "email-sendgrid" else len(kinds))

    listener = sample.adapter(http_port=eager.http_port, now=time.time(), **more)
    told: list[Incoming] = []
    for headers, body in requests:
        listener.verify(headers, body)
        told += listener.parse_webhook(headers, body)
        with pytest.raises(SignatureInvalid):
            listener.verify(headers, body.replace(b":", b": ", 1))
    await listener.aclose()
    assert [one.type for one in told] == list(kinds)
    ours = {message_id, sample.message().event_id}
    assert all(one.delivery_ref in ours or (one.up_to and one.address == sample.message().address) for one in told)
    assert not any(one.soft for one in told)


async def test_nothing_is_posted_before_it_is_switched_on_and_after_a_reset(
    eager: SandboxProcess, webhook: WebhookServer
) -> None:
    sample = by_name["zalo_oa-oa"]
    await sent(eager, sample, ["delivered"])
    await eager.ask("webhooks", {**ZALO, "url": webhook.url})
    await eager.reset()
    await sent(eager, sample, ["delivered"])
    await eager.ask("webhooks", {**ZALO, "url": webhook.url})
    await sent(eager, sample, ["read"])
    (request,) = await posted(webhook, 1)
    assert b"user_seen_message" in request[1]


@pytest.mark.parametrize(
    "wrong",
    [{}, [], {"provider": "me"}, {"provider": "zalo", "url": "http://x/"}, {"provider": "sendgrid", "url": "x"}],
)
async def test_a_wrong_webhook_is_refused_with_what_to_post(eager: SandboxProcess, wrong: Any) -> None:
    answer = await eager.ask("webhooks", wrong)
    assert (answer["error"], "sendgrid" in answer["detail"]) == ("invalid_input", True)


async def test_what_no_mail_provider_hears_of_is_told_as_the_shops_own_server_would(
    eager: SandboxProcess, webhook: WebhookServer
) -> None:
    sample = by_name["email-sendgrid"]
    await eager.ask("webhooks", {"provider": "sendgrid", "url": webhook.url})
    api_key = sample.settings["api_key"]
    await eager.ask("accounts", {"account": api_key, "url": webhook.url, "secret": WEBHOOK_SECRET})
    await sent(eager, sample, ["delivered", "visited"])
    requests = await posted(webhook, 2)
    listener = sample.adapter(http_port=eager.http_port, now=time.time())
    (headers, body) = requests[1]
    listener.verify(headers, body)
    assert [one.type for one in listener.parse_webhook(headers, body)] == ["visited"]
    await listener.aclose()
