"""Composing: one person's message from template and facts, as the channel contract's `Message`."""

from uuid import UUID

from channels.contract import Message
from engine.dispatch.claim import Claimed
from engine.templates import Bodies, render
from engine.unsubscribe import Links, Request
from rules.words import Channel


def compose(claimed: Claimed, template: Bodies, links: Links, *, tenant_id: UUID) -> Message:
    """Write the message; raises InvalidInput naming the template and the variable it lacks."""
    url = links.url(Request(tenant_id, claimed.profile_id, claimed.channel, claimed.delivery_id))
    rendered = render(template, {**claimed.context, "unsubscribe_url": url})
    is_mail = claimed.channel is Channel.EMAIL
    return Message(
        delivery_id=claimed.delivery_id,
        event_id=claimed.event_id,
        channel=claimed.channel,
        address=claimed.address,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        data={"recipient_name": claimed.profile_name} if is_mail and claimed.profile_name else {},
        unsubscribe_url=url,
    )
