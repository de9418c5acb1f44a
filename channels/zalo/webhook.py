"""What Zalo tells of messages and people: events signed with a plain SHA-256 (no HMAC), as Zalo documents it.

Which of the two secrets signs, and whether the id in front is the application's or the account's, differs between
Zalo's own pages: both are tried.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from channels import signature
from channels.contract import Incoming, Secret, SignatureInvalid
from channels.documents import instant, part, text_of
from rules.errors import InvalidInput
from rules.words import OutcomeType

SIGNATURE_HEADER = "x-zevent-signature"
REMEDY = "Give the channel webhook_secret (the OA secret key of Zalo's page for developers) and app_secret."
# `user_send_text`, `user_send_image` and so on: somebody answers.
ANSWER = "user_send_"
PRESSED = frozenset({"user_click_chatnow", "user_click_button", "user_click_menu"})
# `user_withdraw` takes back the leave to use data about the person: writing stops at the same time.
LEAVING = frozenset({"unfollow", "user_withdraw"})


def mac(*, source_id: str, body: bytes, timestamp: str, secret: Secret) -> str:
    """Give the signature of an event: hex SHA-256 over id, raw body, timestamp and secret."""
    return hashlib.sha256(source_id.encode() + body + timestamp.encode() + secret.reveal().encode()).hexdigest()


def verify(headers: Mapping[str, str], body: bytes, *, app_id: str | None, secrets: Sequence[Secret | None]) -> None:
    """Raise SignatureInvalid unless one of the secrets signed the body."""
    known = [secret for secret in secrets if secret]
    if not known:
        raise SignatureInvalid("The channel has no webhook secret, so no event of Zalo is accepted.", remedy=REMEDY)
    given = signature.lowered(headers).get(SIGNATURE_HEADER, "").replace(" ", "").removeprefix("mac=").lower()
    event = _event(body)
    sources = {source for source in (app_id, text_of(event, "app_id"), text_of(event, "oa_id")) if source}
    timestamp = text_of(event, "timestamp")
    expected = [
        mac(source_id=source, body=body, timestamp=timestamp, secret=secret) for source in sources for secret in known
    ]
    if not any(signature.is_same(given, one) for one in expected):
        raise SignatureInvalid("The signature of Zalo's event is missing or wrong.", remedy=REMEDY)


def read(body: bytes, *, now: float) -> list[Incoming]:
    """Give what one event tells; raises InvalidInput where it is no event of Zalo."""
    event = _event(body)
    name = text_of(event, "event_name")
    if not name:
        raise InvalidInput("The event has no event_name.", remedy="Post an event of Zalo's webhook.")
    message = part(event, "message")
    if name == "user_seen_message":
        seen = message.get("msg_ids")
        ids = [one for one in seen if isinstance(one, str) and one] if isinstance(seen, list) else []
        return [_incoming(event, OutcomeType.READ, now=now, delivery_ref=one) for one in ids]
    if name == "user_received_message":
        received = text_of(message, "msg_id")
        return [_incoming(event, OutcomeType.DELIVERED, now=now, delivery_ref=received)] if received else []
    if name.startswith(ANSWER):
        quoted = text_of(message, "quote_msg_id") or None
        return [_incoming(event, OutcomeType.REPLIED, now=now, delivery_ref=quoted)]
    if name in PRESSED:
        return [_incoming(event, OutcomeType.CLICKED, now=now)]
    return [_incoming(event, OutcomeType.UNSUBSCRIBED, now=now)] if name in LEAVING else []


def _event(body: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _incoming(event: Mapping[str, Any], kind: OutcomeType, *, now: float, delivery_ref: str | None = None) -> Incoming:
    """Zalo gives events no id of their own: what was said, of which message, by whom and when makes one."""
    person = _person(event, kind)
    told = delivery_ref or text_of(part(event, "message"), "msg_id")
    about = (text_of(event, "event_name"), told, person, "" if told else text_of(event, "timestamp"))
    return Incoming(
        provider_id=hashlib.sha256(json.dumps(about).encode()).hexdigest()[:40],
        type=kind,
        at=instant(event.get("timestamp"), now=now),
        delivery_ref=delivery_ref,
        address=person or None,
        raw=event,
    )


def _person(event: Mapping[str, Any], kind: OutcomeType) -> str:
    """A receipt names the person as recipient, by phone number on that channel; other events name the sender."""
    if kind is OutcomeType.DELIVERED:
        recipient = text_of(part(event, "recipient"), "id")
        is_phone = recipient.startswith("84") and len(recipient) == len("84901234567")
        return f"+{recipient}" if is_phone else recipient
    return text_of(part(event, "sender"), "id") or text_of(part(event, "follower"), "id") or text_of(event, "user_id")
