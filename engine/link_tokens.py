"""Signed tokens for links: bytes and 16 bytes of their HMAC-SHA256 in URL-safe base64, one key per purpose."""

import base64
import binascii
import hashlib
import hmac

from engine.keys import split_keys

_MAC_BYTES = 16


class Signer:
    """`secret` is LEO_CREDENTIAL_KEY; from each of its keys, one for this purpose is derived.

    The newest signs; what the others signed stays valid.
    """

    def __init__(self, secret: str, purpose: bytes) -> None:
        self._keys = [hmac.digest(key.encode(), purpose, hashlib.sha256) for key in split_keys(secret)]

    def sign(self, body: bytes) -> str:
        return _written(body + _mac(self._keys[0], body))

    def verify(self, token: str) -> bytes | None:
        """Give what was signed; None if it was not signed here."""
        try:
            signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if _written(signed) != token:  # the last letter may hold bits without meaning
            return None
        body, mac = signed[:-_MAC_BYTES], signed[-_MAC_BYTES:]
        return body if any(hmac.compare_digest(mac, _mac(key, body)) for key in self._keys) else None


def _written(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode("ascii")


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:_MAC_BYTES]
