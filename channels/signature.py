"""Signed callbacks: an HMAC-SHA256 over the time and the body, so that neither can be changed, nor replayed later."""

import hashlib
import hmac
from collections.abc import Mapping

from channels.contract import Secret, SignatureInvalid

TIMESTAMP_HEADER = "x-leo-timestamp"
SIGNATURE_HEADER = "x-leo-signature"
REMEDY = "Give the sender and the channel the same webhook secret, and check both clocks."


def sign(secret: Secret, *, timestamp: int, body: bytes) -> dict[str, str]:
    """Write the two headers for a body; `timestamp` is Unix seconds."""
    return {TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: f"sha256={_digest(secret, str(timestamp), body)}"}


def verify(secret: Secret | None, headers: Mapping[str, str], body: bytes, *, now: float, max_age_s: float) -> None:
    """Raise SignatureInvalid unless the body was signed with `secret` within `max_age_s` of `now`."""
    given = lowered(headers)
    timestamp = given.get(TIMESTAMP_HEADER, "")
    signature = given.get(SIGNATURE_HEADER, "")
    if not secret:
        raise SignatureInvalid("The channel has no webhook secret, so no callback is accepted.", remedy=REMEDY)
    if not (timestamp.isascii() and timestamp.isdigit()) or not signature:
        raise SignatureInvalid(f"The callback lacks {TIMESTAMP_HEADER} or {SIGNATURE_HEADER}.", remedy=REMEDY)
    if not is_same(signature, f"sha256={_digest(secret, timestamp, body)}"):
        raise SignatureInvalid("The signature of the callback is wrong.", remedy=REMEDY)
    if abs(now - int(timestamp)) > max_age_s:
        raise SignatureInvalid(f"The callback was signed more than {max_age_s:g} s away.", remedy=REMEDY)


def is_same(given: str, expected: str) -> bool:
    """Compare in constant time, whatever the characters."""
    return hmac.compare_digest(given.encode(), expected.encode())


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Give header names in lower case, because servers differ in what they pass on."""
    return {name.lower(): value for name, value in headers.items()}


def _digest(secret: Secret, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.reveal().encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
