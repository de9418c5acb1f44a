"""Sending a template to the sandbox, to see it as a provider would: no person is written to, and nothing is logged."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from channels import registry
from channels.contract import Adapter, Unsupported
from engine.campaigns.preview import Preview
from engine.dispatch.compose import message
from engine.settings import Settings
from rules.errors import Conflict, InvalidInput, Unavailable
from rules.words import Channel

LOOPBACK = "127.0.0.1"
# What an adapter needs to speak to the sandbox instead of its provider; the credentials open nothing.
SANDBOX: Mapping[Channel, Callable[[int, str], Mapping[str, Any]]] = {
    Channel.EMAIL: lambda port, _: {
        "host": LOOPBACK,
        "port": port,
        "tls": "none",
        "sender": "LEO <test@leo.example>",
    },
    Channel.TELEGRAM: lambda _, url: {"token": "1:template-test", "base_url": url},
    Channel.ZALO_OA: lambda _, url: {"access_token": "template-test", "base_url": url},
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What the sandbox answered, in the words of every provider."""

    status: str
    reason: str
    code: str
    detail: str
    provider_id: str | None


async def send_trial(settings: Settings, preview: Preview, address: str) -> Trial:
    """Send what was previewed to an address in the sandbox.

    Raises Conflict where it could not leave, InvalidInput where the sandbox does not take the channel or the channel
    cannot carry the message, Unavailable where nobody told where the sandbox is.
    """
    channel = preview.template.channel
    if preview.written is None or not preview.could_leave:
        against = [*(f"{name} is missing" for name in preview.missing), *preview.problems]
        raise Conflict(
            f"The template {preview.template.key} cannot be sent to {preview.ext_id}: {'; '.join(against)}.",
            remedy="Correct the template, or try it on somebody else.",
        )
    adapter = _adapter(settings, channel)
    async with aclosing(adapter):
        try:
            request = adapter.build(
                message(
                    preview.written,
                    channel=channel,
                    address=address,
                    name=preview.name,
                    unsubscribe_url=preview.unsubscribe_url,
                    delivery_id=0,
                    event_id=hashlib.sha256(uuid4().bytes).hexdigest(),
                )
            )
        except Unsupported as error:
            raise InvalidInput(error.message, remedy=error.remedy) from error
        receipt = adapter.parse(await adapter.send(request))
    return Trial(receipt.status, receipt.klass, receipt.code, receipt.detail, receipt.provider_id)


def _adapter(settings: Settings, channel: Channel) -> Adapter:
    if channel not in SANDBOX:
        known = ", ".join(sorted(SANDBOX))
        raise InvalidInput(f"No template for {channel} is sent to the sandbox yet.", remedy=f"It takes {known}.")
    if not settings.sandbox_http_port or not settings.sandbox_smtp_port:
        raise Unavailable("Nobody told where the sandbox is.", remedy="Run leo up, or set LEO_SANDBOX_HTTP_PORT.")
    url = f"http://{LOOPBACK}:{settings.sandbox_http_port}"
    return registry.create(channel, SANDBOX[channel](settings.sandbox_smtp_port, url))
