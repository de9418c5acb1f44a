"""Unsubscribe links: who asks to be left alone on which channel, signed so that nobody can ask for another person.

A token is tenant (16 bytes), profile and delivery (8 each), channel, then 16 bytes of HMAC-SHA256, in URL-safe base64.
It does not expire: the link in an old mail has to work, and all it can do is to unsubscribe.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from engine.keys import split_keys
from rules.errors import Unauthorized
from rules.words import Channel

PATH = "/unsubscribe/"
_PURPOSE = b"leo unsubscribe link v1"
_MAC_BYTES = 16
_FIXED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for it; `delivery_id` is the message the link stood in."""

    tenant_id: UUID
    profile_id: int
    channel: Channel
    delivery_id: int | None = None


class Links:
    """Makes and reads the links of one installation.

    `secret` is LEO_CREDENTIAL_KEY: a key for this purpose alone is derived from each of its keys; the newest makes
    links, and those of the others work on. `base_url` is where people reach the API.
    """

    def __init__(self, secret: str, base_url: str) -> None:
        self._keys = [hmac.digest(key.encode(), _PURPOSE, hashlib.sha256) for key in split_keys(secret)]
        self._base_url = base_url.rstrip("/")

    def url(self, request: Request) -> str:
        return f"{self._base_url}{PATH}{self.sign(request)}"

    def sign(self, request: Request) -> str:
        body = (
            request.tenant_id.bytes
            + request.profile_id.to_bytes(8)
            + (request.delivery_id or 0).to_bytes(8)
            + request.channel.encode("ascii")
        )
        return base64.urlsafe_b64encode(body + _mac(self._keys[0], body)).rstrip(b"=").decode("ascii")

    def verify(self, token: str) -> Request:
        """Give who asks; raises Unauthorized where this installation did not make the token."""
        try:
            signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused() from error
        body, mac = signed[:-_MAC_BYTES], signed[-_MAC_BYTES:]
        if len(body) <= _FIXED_BYTES or not any(hmac.compare_digest(mac, _mac(key, body)) for key in self._keys):
            raise _refused()
        return Request(
            tenant_id=UUID(bytes=body[:16]),
            profile_id=int.from_bytes(body[16:24]),
            channel=Channel(body[32:].decode("ascii")),
            delivery_id=int.from_bytes(body[24:32]) or None,
        )


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:_MAC_BYTES]


def _refused() -> Unauthorized:
    return Unauthorized(
        "This unsubscribe link is not valid.", remedy="Open the link from the message itself, not a part of it."
    )
