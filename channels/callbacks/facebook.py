"""Callbacks of a Facebook Page: messages, buttons, and watermarks up to which our messages were delivered or read."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from channels.callbacks import document
from channels.contract import Incoming, Secret, SignatureInvalid
from channels.signature import is_same, lowered
from rules.errors import InvalidInput
from rules.words import OutcomeType

SIGNATURE_HEADER = "x-hub-signature-256"
MOST_EVENTS = 1_000
"""Events in one callback; Meta sends batches of up to this size."""
_MS = 1_000


def greet(query: Mapping[str, str], *, verify_token: Secret | None) -> str:
    """Give the challenge back to a caller who knows the verify token; raises SignatureInvalid."""
    token, challenge = query.get("hub.verify_token", ""), query.get("hub.challenge", "")
    is_meant = query.get("hub.mode") == "subscribe" and challenge.isascii() and challenge.isalnum()
    if not verify_token or not is_same(token, verify_token.reveal()) or not is_meant:
        raise SignatureInvalid(
            "The subscription names the wrong verify token.", remedy="Give Facebook and the channel the same one."
        )
    return challenge


def verify(headers: Mapping[str, str], body: bytes, *, app_secret: Secret | None) -> None:
    """Raise SignatureInvalid unless the application's secret signed exactly these bytes."""
    given = lowered(headers).get(SIGNATURE_HEADER, "")
    remedy = "Give the channel the secret of the application that the webhook belongs to."
    if not given:
        raise SignatureInvalid(f"The callback lacks {SIGNATURE_HEADER}.", remedy=remedy)
    if not app_secret or not is_same(given, sign(app_secret, body)):
        raise SignatureInvalid("The signature of the callback is wrong.", remedy=remedy)


def sign(app_secret: Secret, body: bytes) -> str:
    """Give the header's value."""
    return "sha256=" + hmac.new(app_secret.reveal().encode(), body, hashlib.sha256).hexdigest()


def read(body: bytes, *, now: float) -> Sequence[Incoming]:
    """Read every entry; `now` replaces a missing time."""
    told = document.load(body)
    if not isinstance(told, dict) or told.get("object") != "page" or not isinstance(told.get("entry"), list):
        raise InvalidInput("The callback is about no page.", remedy="Post a callback of a Facebook Page.")
    events = [event for entry in document.parts(told, "entry") for event in document.parts(entry, "messaging")]
    return [incoming for event in events[:MOST_EVENTS] for incoming in _of_event(event, now=now)]


def _of_event(event: Mapping[str, Any], *, now: float) -> Iterator[Incoming]:
    sender = document.word(document.part(event, "sender"), "id")
    at = document.instant(event.get("timestamp"), per_second=_MS, now=now)
    message, pressed = document.part(event, "message"), document.part(event, "postback")
    if message:
        key = document.word(message, "mid")
        # An echo is a message of ours, reported to everyone who listens to the page.
        if key and not message.get("is_echo"):
            answered = document.word(document.part(message, "reply_to"), "mid")
            yield Incoming(
                provider_id=key,
                type=OutcomeType.REPLIED,
                at=at,
                delivery_ref=answered,
                address=sender,
                raw=event,
                event="message",
            )
    elif pressed:
        key = document.word(pressed, "mid") or f"postback:{sender}:{event.get('timestamp')}"
        yield Incoming(
            provider_id=key[: document.ID_LIMIT],
            type=OutcomeType.CLICKED,
            at=at,
            delivery_ref=document.word(pressed, "mid"),
            address=sender,
            raw=event,
            event="click",
        )
    else:
        yield from _of_marks(event, sender, now=now)


def _of_marks(event: Mapping[str, Any], sender: str | None, *, now: float) -> Iterator[Incoming]:
    """Read watermarks: everything sent until then.

    Message ids, which a delivery may also name, say the same about fewer.
    """
    for name, kind in (("delivery", OutcomeType.DELIVERED), ("read", OutcomeType.READ)):
        mark = document.part(event, name)
        if mark.get("watermark") is not None:
            yield Incoming(
                provider_id=name,
                type=kind,
                at=document.instant(mark["watermark"], per_second=_MS, now=now),
                delivery_ref=None,
                address=sender,
                raw=event,
                up_to=True,
            )
