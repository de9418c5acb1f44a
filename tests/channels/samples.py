"""Messages and settings for every channel the registry knows; a new channel adds itself here and is tested."""

import hashlib
from collections.abc import Mapping
from typing import Any

from channels.contract import Adapter, Message
from channels.registry import create
from rules.words import Channel

TOKEN = "123456:ABC-DEF_the-secret-of-a-bot"
PASSWORD = 'p4ss"word-of-the-relay'
WEBHOOK_SECRET = "secret_of_the_callbacks"
SECRETS = (TOKEN, PASSWORD, WEBHOOK_SECRET)
NOW = 1_795_000_000.0

TEXT = "Xin chào Nguyễn Thị Ánh,\nƯu đãi 20% < 3 ngày & miễn phí ship."
HTML = "<p>Xin chào <b>Nguyễn Thị Ánh</b>,</p><p>Ưu đãi 20% &lt; 3 ngày &amp; miễn phí ship.</p>"


def event_id(seed: object) -> str:
    return hashlib.sha256(repr(seed).encode()).hexdigest()


def settings(channel: Channel, *, smtp_port: int = 1, http_port: int = 1, **more: Any) -> Mapping[str, Any]:
    if channel is Channel.EMAIL:
        base: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": smtp_port,
            "tls": "none",
            "sender": "Cửa hàng Ánh Dương <no-reply@leo.example>",
            "webhook_secret": WEBHOOK_SECRET,
        }
    else:
        base = {"token": TOKEN, "base_url": f"http://127.0.0.1:{http_port}", "webhook_secret": WEBHOOK_SECRET}
    return {**base, **more}


def adapter(channel: Channel, *, now: float = NOW, **more: Any) -> Adapter:
    return create(channel, settings(channel, **more), clock=lambda: now)


def message(channel: Channel, seed: object = "sample", **more: Any) -> Message:
    base: dict[str, Any] = {
        "delivery_id": 7,
        "event_id": event_id(seed),
        "channel": channel,
        "address": "anh.nguyen@example.com" if channel is Channel.EMAIL else "84901234567",
        "text": TEXT,
    }
    if channel is Channel.EMAIL:
        base |= {"subject": "Ưu đãi mùa thu cho Ánh", "html": HTML, "unsubscribe_url": "https://leo.example/u/t0ken"}
    return Message(**{**base, **more})
