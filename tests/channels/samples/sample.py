"""What the conformance suite needs to know of one provider of a channel: settings, a message, its credentials."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.contract import Adapter, Message, ReceiptStatus
from channels.egress import ANYWHERE
from channels.registry import create
from rules.words import Channel

WEBHOOK_SECRET = "secret_of_the_callbacks"
NOW = 1_795_000_000.0
TEXT = "Xin chào Nguyễn Thị Ánh,\nƯu đãi 20% < 3 ngày & miễn phí ship."
HTML = "<p>Xin chào <b>Nguyễn Thị Ánh</b>,</p><p>Ưu đãi 20% &lt; 3 ngày &amp; miễn phí ship.</p>"


def event_id(seed: object) -> str:
    return hashlib.sha256(repr(seed).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sample:
    """One provider of a channel, in the sandbox.

    `{smtp_port}` and `{http_port}` in the texts of `settings` stand for the sandbox's ports, and a value that is one of
    them and no more for the number. `secrets` are the credentials among the settings, `more` are settings that only the
    test of credentials adds. `content` is the message, `shown` what of it must arrive; `arrives_at` is
    what the provider sees of an address that is more than a name. `silent` is what an attempt to
    a server that never says a word comes to: uncertain where the request was sent first. `foreign` is data that the
    channel cannot carry, `refusal` the words that say so.
    """

    channel: Channel
    provider: str
    settings: Mapping[str, Any]
    content: Mapping[str, Any]
    secrets: tuple[str, ...]
    more: Mapping[str, Any] = field(default_factory=dict)
    shown: tuple[str, ...] = ("Nguyễn Thị Ánh", "Ưu đãi 20% < 3 ngày & miễn phí ship.")
    arrives_at: str | None = None
    silent: ReceiptStatus = ReceiptStatus.UNCERTAIN
    foreign: Mapping[str, Any] = field(default_factory=lambda: {"carousel": ["Mua"]})
    refusal: str = "cannot carry carousel"

    def __str__(self) -> str:
        return f"{self.channel}-{self.provider}"

    def settings_for(self, *, smtp_port: int = 1, http_port: int = 1, **more: Any) -> dict[str, Any]:
        ports = {"smtp_port": smtp_port, "http_port": http_port}
        filled = {name: _filled(value, ports) for name, value in self.settings.items()}
        return {"provider": self.provider, **filled, **more}

    def adapter(self, *, now: float = NOW, **more: Any) -> Adapter:
        return create(self.channel, self.settings_for(**more), clock=lambda: now, egress=ANYWHERE)

    def message(self, seed: object = "sample", **more: Any) -> Message:
        base = {"delivery_id": 7, "event_id": event_id(seed), "channel": self.channel, "text": TEXT}
        return Message(**{**base, **self.content, **more})


def _filled(value: Any, ports: Mapping[str, int]) -> Any:
    if not isinstance(value, str):
        return value
    for name, port in ports.items():
        if value == f"{{{name}}}":
            return port
        value = value.replace(f"{{{name}}}", str(port))
    return value
