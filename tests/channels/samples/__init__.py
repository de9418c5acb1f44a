"""A sample of every provider that the registry knows; a new one is a module beside these and a place in the list."""

from typing import Any

from channels.contract import Adapter, Message
from rules.words import Channel
from tests.channels.samples.bot_api import BOT_API, TOKEN
from tests.channels.samples.chat import INBOX
from tests.channels.samples.facebook import FACEBOOK
from tests.channels.samples.fcm import FCM
from tests.channels.samples.sample import HTML, NOW, TEXT, WEBHOOK_SECRET, Sample, event_id
from tests.channels.samples.sendgrid import SENDGRID
from tests.channels.samples.smtp import SMTP
from tests.channels.samples.web_push import PUSHALERT, VAPID
from tests.channels.samples.zalo_oa import ZALO_OA
from tests.channels.samples.zalo_template import ZALO_TEMPLATE

SAMPLES = (
    SMTP,
    BOT_API,
    FCM,
    VAPID,
    PUSHALERT,
    SENDGRID,
    ZALO_OA,
    ZALO_TEMPLATE,
    FACEBOOK,
    INBOX,
)

__all__ = [
    "HTML",
    "NOW",
    "SAMPLES",
    "TEXT",
    "TOKEN",
    "WEBHOOK_SECRET",
    "Sample",
    "adapter",
    "event_id",
    "message",
    "of",
]


def of(channel: Channel) -> Sample:
    """Give the first sample of a channel."""
    return next(sample for sample in SAMPLES if sample.channel is channel)


def adapter(channel: Channel, **more: Any) -> Adapter:
    return of(channel).adapter(**more)


def message(channel: Channel, seed: object = "sample", **more: Any) -> Message:
    return of(channel).message(seed, **more)
