"""Telegram's Bot API."""

from rules.words import Channel
from tests.channels.samples.sample import WEBHOOK_SECRET, Sample

TOKEN = "123456:ABC-DEF_the-secret-of-a-bot"
BOT_API = Sample(
    channel=Channel.TELEGRAM,
    provider="bot_api",
    settings={"token": TOKEN, "base_url": "http://127.0.0.1:{http_port}", "webhook_secret": WEBHOOK_SECRET},
    secrets=(TOKEN, WEBHOOK_SECRET),
    content={"address": "84901234567"},
)
