"""Composing: one person's message from template and facts, as the channel contract's `Message`."""

from uuid import UUID

from channels.contract import Message
from engine.dispatch.claim import Claimed
from engine.templates import Version, Written, cleaned, write
from engine.unsubscribe import Links, Request
from rules.words import Channel

NAME_LIMIT = 120
"""Characters: with a longer name, the header of a mail would be one that relays refuse, so the name is left out."""


def compose(claimed: Claimed, template: Version, links: Links, *, tenant_id: UUID) -> Message:
    """Render the message; raises InvalidInput naming the template and what it lacks or has too much of."""
    request = Request(tenant_id, claimed.profile_id, claimed.channel, claimed.delivery_id)
    url = links.url(request)
    written = write(
        template,
        {**claimed.context, "preferences_url": links.preferences_url(request)},
        reader=claimed.reader,
        unsubscribe_url=url,
        is_advertising=claimed.is_advertising,
    )
    return message(
        written,
        channel=claimed.channel,
        address=claimed.address,
        name=claimed.profile_name,
        unsubscribe_url=url,
        delivery_id=claimed.delivery_id,
        event_id=claimed.event_id,
    )


def message(
    written: Written,
    *,
    channel: Channel,
    address: str,
    name: str | None,
    unsubscribe_url: str,
    delivery_id: int,
    event_id: str,
) -> Message:
    """Give the rendered message to its channel, with the person's name if a mail shows one."""
    has_name = channel is Channel.EMAIL and name is not None and len(name) <= NAME_LIMIT
    return Message(
        delivery_id=delivery_id,
        event_id=event_id,
        channel=channel,
        address=address,
        subject=written.subject,
        text=written.text,
        html=written.html,
        data={**written.data, "recipient_name": cleaned(name)} if has_name and name else written.data,
        unsubscribe_url=unsubscribe_url,
    )
