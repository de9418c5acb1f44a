"""Signed tokens that stand in links: bytes and 16 of their HMAC-SHA256 in URL-safe base64, a key for each purpose."""

import base64
import binascii
import hashlib
import hmac

_MAC_BYTES = 16


class Signer:
    """`secret` is LEO_CREDENTIAL_KEY; a key for this purpose alone is derived from it."""

    def __init__(self, secret: str, purpose: bytes) -> None:
        self._key = hmac.digest(secret.encode(), purpose, hashlib.sha256)

    def sign(self, body: bytes) -> str:
        return base64.urlsafe_b64encode(body + self._mac(body)).rstrip(b"=").decode("ascii")

    def verify(self, token: str) -> bytes | None:
        """Give what was signed; None where this was not signed here."""
        try:
            signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        body, mac = signed[:-_MAC_BYTES], signed[-_MAC_BYTES:]
        return body if hmac.compare_digest(mac, self._mac(body)) else None

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)[:_MAC_BYTES]
