"""Channels: where a tenant's messages go through."""

from api.schemas.base import Document, Input, Name, Output, example
from rules.words import Channel

_CHANNEL = {
    "channel_id": 101,
    "kind": "email",
    "name": "newsletter",
    "status": "connected",
    "webhook": "/webhooks/1f0c6e8b6e0b4a3f8a7f6f0c2d1e3b4a",
}


class ChannelIn(Input):
    """A channel's settings; passwords and tokens among them are stored sealed and never shown again."""

    model_config = example(
        {
            "kind": "email",
            "name": "newsletter",
            "settings": {
                "host": "smtp.example",
                "port": 587,
                "username": "hoa-sen",
                "password": "...",
                "sender": "Hoa Sen <tin@hoasen.example>",
                "webhook_secret": "...",
            },
        }
    )
    kind: Channel
    name: Name
    settings: Document


class ChannelOut(Output):
    """A connected channel; `webhook` is the path at which its provider tells what came of messages."""

    model_config = example(_CHANNEL)
    channel_id: int
    kind: Channel
    name: str
    status: str
    webhook: str


class Channels(Output):
    model_config = example({"items": [_CHANNEL]})
    items: list[ChannelOut]
