"""Sending a template to the sandbox, to see it as a provider would: no person receives it, and nothing is logged."""

import hashlib
from contextlib import aclosing
from dataclasses import dataclass
from uuid import uuid4

from channels import registry
from channels.contract import Adapter, Unsupported
from channels.egress import OUTSIDE
from engine import sandboxed
from engine.campaigns.preview import Preview
from engine.dispatch.compose import message
from engine.settings import Settings
from rules.errors import Conflict, InvalidInput
from rules.faults import Fault
from rules.words import Channel


@dataclass(frozen=True, slots=True)
class Trial:
    """What the sandbox answered, in the words that are the same for all providers."""

    status: str
    reason: str
    code: str
    detail: str
    provider_id: str | None


async def send_trial(settings: Settings, preview: Preview, address: str) -> Trial:
    """Send what was previewed to an address in the sandbox.

    Raises Conflict if it could not be sent to the person, InvalidInput if the sandbox does not take the channel or the
    channel cannot carry the message, Unavailable if no address of a sandbox is configured.
    """
    channel = preview.template.channel
    if preview.written is None or not preview.could_leave:
        key = preview.template.key
        missing = (Fault("template.missing", "", {"name": key, "variable": name}) for name in preview.missing)
        against = [*missing, *preview.problems]
        raise Conflict(
            f"The template {key} cannot be sent to {preview.ext_id}: {' '.join(one.say().en for one in against)}",
            remedy="Correct the template, or try it on somebody else.",
            more=against,
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
            raise InvalidInput(error.message, remedy=error.remedy, fault=error.fault) from error
        receipt = adapter.parse(await adapter.send(request))
    return Trial(receipt.status, receipt.klass, receipt.code, receipt.detail, receipt.provider_id)


def _adapter(settings: Settings, channel: Channel) -> Adapter:
    smtp, http = settings.sandbox_smtp_port, settings.sandbox_http_port
    place = sandboxed.Place(smtp, http) if smtp and http else None
    return registry.create(channel, sandboxed.settings_of(channel, place), egress=sandboxed.egress(OUTSIDE, place))
