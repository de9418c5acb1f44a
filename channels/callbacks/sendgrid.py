"""Callbacks of SendGrid: an array of events under an ECDSA signature over timestamp and raw body."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from channels.callbacks import document
from channels.contract import Incoming, SignatureInvalid
from channels.signature import lowered
from rules.errors import InvalidInput, Misconfigured
from rules.words import OutcomeType

SIGNATURE_HEADER = "x-twilio-email-event-webhook-signature"
TIMESTAMP_HEADER = "x-twilio-email-event-webhook-timestamp"
MAX_AGE_S = 86_400.0
"""SendGrid repeats a callback for 24 hours. Whether it signs it anew is not documented, so it may be that old."""
EVENT_ID_ARGUMENT = "leo_event_id"
"""The custom argument that an adapter sends along; SendGrid puts it next to each event's own fields."""
REMEDY = "Give the channel the verification key of SendGrid's signed event webhook."
_KINDS: Mapping[str, OutcomeType] = {
    "delivered": OutcomeType.DELIVERED,
    "open": OutcomeType.READ,
    "click": OutcomeType.CLICKED,
    "spamreport": OutcomeType.COMPLAINED,
    "unsubscribe": OutcomeType.UNSUBSCRIBED,
    "group_unsubscribe": OutcomeType.UNSUBSCRIBED,
    "bounce": OutcomeType.BOUNCED,
    "dropped": OutcomeType.BOUNCED,
}
_BAD_ADDRESS = ("bounced address", "invalid")


@lru_cache(maxsize=1_024)
def public_key(text: str) -> ec.EllipticCurvePublicKey:
    """Read the key as the console shows it (base64 of its DER); raises Misconfigured."""
    try:
        key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise Misconfigured("The verification key of SendGrid cannot be read.", remedy=REMEDY) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Misconfigured("The verification key of SendGrid is none of an elliptic curve.", remedy=REMEDY)
    return key


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    key: ec.EllipticCurvePublicKey | None,
    now: float,
    max_age_s: float = MAX_AGE_S,
) -> None:
    """Raise SignatureInvalid unless the key's owner signed this body within `max_age_s` of `now`."""
    given = lowered(headers)
    signature, timestamp = given.get(SIGNATURE_HEADER, ""), given.get(TIMESTAMP_HEADER, "")
    if key is None:
        raise SignatureInvalid("The channel has no verification key, so no callback is accepted.", remedy=REMEDY)
    if not signature or not (timestamp.isascii() and timestamp.isdigit()):
        raise SignatureInvalid(f"The callback lacks {TIMESTAMP_HEADER} or {SIGNATURE_HEADER}.", remedy=REMEDY)
    try:
        made = base64.b64decode(signature, validate=True)
        key.verify(made, timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise SignatureInvalid("The signature of the callback is wrong.", remedy=REMEDY) from error
    if abs(now - int(timestamp)) > max_age_s:
        raise SignatureInvalid(f"The callback was signed more than {max_age_s:g} s away.", remedy=REMEDY)


def read(body: bytes, *, now: float) -> Sequence[Incoming]:
    """Read the events in order; `now` replaces a missing time."""
    told = document.load(body)
    if not isinstance(told, list):
        raise InvalidInput("The callback is no array.", remedy="Post SendGrid's events.")
    found = (_incoming(item, now=now) for item in told if isinstance(item, dict))
    return [incoming for incoming in found if incoming is not None]


def _incoming(item: Mapping[str, object], *, now: float) -> Incoming | None:
    kind = _KINDS.get(str(item.get("event")))
    key = document.word(item, "sg_event_id")
    if kind is None or key is None:
        return None
    # The message's id is the part before the first dot; the facts say how certain that is.
    theirs = (document.word(item, "sg_message_id") or "").partition(".")[0]
    return Incoming(
        provider_id=key,
        type=kind,
        at=document.instant(item.get("timestamp"), per_second=1, now=now),
        delivery_ref=document.word(item, EVENT_ID_ARGUMENT) or theirs or None,
        address=document.word(item, "email"),
        raw=item,
        soft=_is_soft(item),
    )


def _is_soft(item: Mapping[str, object]) -> bool:
    """Blocked: the receiver refused the message or its sender.

    Dropped: SendGrid did not try, for one of many reasons.
    """
    if item.get("event") == "bounce":
        return item.get("type") == "blocked"
    return item.get("event") == "dropped" and not str(item.get("reason", "")).casefold().startswith(_BAD_ADDRESS)
