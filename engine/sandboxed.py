"""Channels without credentials: their messages go to the sandbox, nobody receives them, and every result says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from channels.contract import Adapter, Incoming, Message, Receipt, Request, Response
from channels.egress import Egress
from rules.errors import InvalidInput, Unavailable
from rules.words import Channel

PROVIDER = "sandbox"
LOOPBACK = "127.0.0.1"
PLAYED = frozenset(Channel)
# The sandbox's own browser, so that it can show what a person's browser would.
STAND_IN = (
    '{"endpoint": "https://sandbox.invalid/", "keys": {"p256dh": "BFCC4mbaroOv0x0hJs4KQvttE4qFy1bEMUYXEZUnH-y6WgHEn_A'
    'EWaCsONve-0hiNMeRGFFh_EtBXY9jG1_UJ6Y", "auth": "ZwolVEBlkrbeF9jRkROORQ"}}'
)
# Only for the sandbox, which accepts any key.
VAPID_KEY = "c2FuZGJveCBvZiBMRU8gQWN0aXZhdGlvbiwgbm9rZXk"
VISITOR_KEY = "sandbox_of_leo_activation_opens_nothing"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the sandbox listens, on this machine."""

    smtp_port: int
    http_port: int


def egress(others: Egress, place: Place | None) -> Egress:
    """Also allow calls to the sandbox, on its two ports and nothing else on this machine."""
    return others if place is None else others.beside(LOOPBACK, place.smtp_port, place.http_port)


def is_sandboxed(settings: Mapping[str, Any]) -> bool:
    """Whether a channel has no credentials to reach a provider with."""
    return not settings or settings.get("provider") == PROVIDER


def check(kind: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the settings that are stored for a channel in the sandbox.

    Raises InvalidInput for any other setting, or if the sandbox does not emulate the channel.
    """
    if kind not in PLAYED:
        raise _not_played(kind)
    if more := sorted(settings.keys() - {"provider"}):
        raise InvalidInput(
            f"A channel in the sandbox has no setting {more[0]!r}.", remedy="Leave it out, or name another provider."
        )
    return {"provider": PROVIDER}


def settings_of(channel: Channel, place: Place | None) -> dict[str, Any]:
    """Give what an adapter needs to speak to the sandbox; the credentials open nothing.

    Raises Unavailable if its address is not configured, InvalidInput for a channel that it does not emulate.
    """
    if place is None:
        raise Unavailable("Nobody told where the sandbox is.", remedy="Run leo up, or set LEO_SANDBOX_HTTP_PORT.")
    url = f"http://{LOOPBACK}:{place.http_port}"
    known: Mapping[Channel, Mapping[str, Any]] = {
        Channel.EMAIL: {
            "host": LOOPBACK,
            "port": place.smtp_port,
            "tls": "none",
            "sender": "LEO <test@leo.example>",
        },
        Channel.TELEGRAM: {"token": "1:sandbox", "base_url": url},
        Channel.ZALO_OA: {"access_token": PROVIDER, "base_url": url},
        Channel.ZALO_TEMPLATE: {"access_token": PROVIDER, "base_url": url, "business_url": url},
        Channel.FACEBOOK: {"page_id": "1", "access_token": PROVIDER, "base_url": url},
        Channel.APP_PUSH: {"base_url": url, "token_url": f"{url}/google/token"},
        Channel.WEB_PUSH: {
            "vapid_private_key": VAPID_KEY,
            "subject": "mailto:test@leo.example",
            "base_url": f"{url}/push",
            "stand_in": STAND_IN,
        },
        Channel.CHAT: {"visitor_key": VISITOR_KEY, "base_url": url, "inbox": PROVIDER},
    }
    if channel not in known:
        raise _not_played(channel)
    found = dict(known[channel])
    return found | {"service_account": _service_account()} if channel is Channel.APP_PUSH else found


def _not_played(kind: str) -> InvalidInput:
    return InvalidInput(f"The sandbox does not play {kind}.", remedy=f"It plays {', '.join(sorted(PLAYED))}.")


def wrap(adapter: Adapter) -> Adapter:
    """Make an adapter that speaks to the sandbox say so in every receipt."""
    made: type[_Sandboxed] = type("Sandboxed", (_Sandboxed,), {"channel": adapter.channel})
    return made(adapter)


class _Sandboxed:
    channel: ClassVar[Channel]
    deduplicates: ClassVar[bool] = False

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter

    def build(self, message: Message) -> Request:
        return self._adapter.build(message)

    async def send(self, request: Request) -> Response:
        return await self._adapter.send(request)

    def parse(self, response: Response) -> Receipt:
        receipt = self._adapter.parse(response)
        return replace(
            receipt,
            code=f"{PROVIDER} {receipt.code}",
            detail=f"The sandbox took it, nobody got it: {receipt.detail}",
            raw={**receipt.raw, PROVIDER: True},
        )

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        self._adapter.verify(headers, body)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming]:
        return self._adapter.parse_webhook(headers, body)

    async def aclose(self) -> None:
        await self._adapter.aclose()


@cache
def _service_account() -> dict[str, str]:
    """Make a key file once per process: the source contains no key, and the sandbox takes any."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"project_id": PROVIDER, "client_email": "test@leo.example", "private_key": pem}
