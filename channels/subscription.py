"""A browser's push subscription: where to post, and the keys that let only this browser read."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from pywebpush import WebPusher

from channels import jwt
from channels.contract import ReceiptClass, Unsupported
from channels.documents import part, text_of

POINT_OCTETS, AUTH_OCTETS = 65, 16
HOST = re.compile(r"[a-z0-9.-]+")
# The push services of the browsers. The addresses come with people's data, so nothing else is called; otherwise anybody
# who may import people could make a worker post into the network it runs in.
SERVICES = frozenset(
    {
        "fcm.googleapis.com",  # Chrome, Edge on Android, Opera, Samsung
        "updates.push.services.mozilla.com",
        "web.push.apple.com",
        "notify.windows.com",  # Edge, below a regional name
    }
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """`endpoint` is the whole URL, `origin` what a VAPID token is made for; the keys are bytes."""

    endpoint: str
    origin: str
    point: bytes
    auth: bytes

    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypt a body that only the browser can read (RFC 8291, aes128gcm), with a new key for each message."""
        keys = {"p256dh": jwt.base64url(self.point), "auth": jwt.base64url(self.auth)}
        return bytes(WebPusher({"endpoint": self.endpoint, "keys": keys}).encode(plaintext)["body"])


def read(address: str, *, services: Collection[str]) -> Subscription:
    """Read what `PushSubscription.toJSON()` gives; `services` are hosts that may be called, including hosts below them.

    Raises Unsupported for anything else.
    """
    try:
        document = json.loads(address)
    except (ValueError, RecursionError) as error:
        raise _no_subscription("it is no JSON") from error
    if not isinstance(document, dict):
        raise _no_subscription("it is no object")
    endpoint = text_of(document, "endpoint")
    origin = _origin(endpoint, services)
    keys = part(document, "keys")
    try:
        point, auth = (jwt.from_base64url(text_of(keys, name)) for name in ("p256dh", "auth"))
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise _no_subscription("its keys cannot be read") from error
    if len(point) != POINT_OCTETS or len(auth) != AUTH_OCTETS:
        raise _no_subscription("its keys have another length")
    return Subscription(endpoint, origin, point, auth)


def _origin(endpoint: str, services: Collection[str]) -> str:
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _no_subscription("its endpoint is no URL") from error
    is_plain = endpoint.isascii() and endpoint.isprintable() and not set(endpoint) & set(' "<>\\')
    if not is_plain or parts.scheme != "https" or parts.username is not None or port not in (None, 443):
        raise _no_subscription("its endpoint is no https URL")
    if HOST.fullmatch(host) is None or not any(f".{host}".endswith(f".{service}") for service in services):
        raise _no_subscription(f"its endpoint leads to {host!r}, which is no push service we know")
    return f"https://{host}"


def _no_subscription(why: str) -> Unsupported:
    return Unsupported(
        f"The address is no push subscription: {why}.",
        remedy="Store what PushSubscription.toJSON() gives; a service of your own goes into the setting more_services.",
        klass=ReceiptClass.INVALID_ADDRESS,
    )
