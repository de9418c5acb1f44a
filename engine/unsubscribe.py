"""Unsubscribe links: who asks to be left alone on which channel, signed so that nobody can ask for another person.

A token is tenant (16 bytes), profile and delivery (8 each), channel, then 16 bytes of HMAC-SHA256, in URL-safe base64.
It does not expire: the link in an old mail has to work, and all it can do is to change what that person agreed to.
"""

from dataclasses import dataclass
from uuid import UUID

from engine.link_tokens import Signer
from rules.errors import Unauthorized
from rules.words import Channel

PATH = "/unsubscribe/"
PREFERENCES_PATH = "/preferences/"
_PURPOSE = b"leo unsubscribe link v1"
_FIXED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks; `delivery_id` is the message that the link was in."""

    tenant_id: UUID
    profile_id: int
    channel: Channel
    delivery_id: int | None = None


class Links:
    """Makes and reads the links of one installation.

    `secret` is LEO_CREDENTIAL_KEY. `base_url` is where people reach the API.
    """

    def __init__(self, secret: str, base_url: str) -> None:
        self._signer = Signer(secret, _PURPOSE)
        self._base_url = base_url.rstrip("/")

    def url(self, request: Request) -> str:
        return f"{self._base_url}{PATH}{self.sign(request)}"

    def preferences_url(self, request: Request) -> str:
        return f"{self._base_url}{PREFERENCES_PATH}{self.sign(request)}"

    def sign(self, request: Request) -> str:
        body = (
            request.tenant_id.bytes
            + request.profile_id.to_bytes(8)
            + (request.delivery_id or 0).to_bytes(8)
            + request.channel.encode("ascii")
        )
        return self._signer.sign(body)

    def verify(self, token: str) -> Request:
        """Give who asks; raises Unauthorized if this installation did not make the token."""
        body = self._signer.verify(token)
        if body is None or len(body) <= _FIXED_BYTES:
            raise Unauthorized(
                "This unsubscribe link is not valid.", remedy="Open the link from the message itself, not a part of it."
            )
        return Request(
            tenant_id=UUID(bytes=body[:16]),
            profile_id=int.from_bytes(body[16:24]),
            channel=Channel(body[32:].decode("ascii")),
            delivery_id=int.from_bytes(body[24:32]) or None,
        )
