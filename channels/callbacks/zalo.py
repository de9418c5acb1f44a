"""Callbacks of Zalo: people's messages, clicks and follows, and what became of our messages.

`mac` is a plain SHA-256 over application id, raw body, the body's own timestamp and a secret. The sources disagree on
which of an application's two secrets it is and whether some events start with `oa_id`, so all combinations are tried.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from channels.callbacks import document
from channels.contract import Incoming, Secret, SignatureInvalid
from channels.signature import is_same, lowered
from rules.errors import InvalidInput
from rules.words import OutcomeType

SIGNATURE_HEADER = "x-zevent-signature"
MAX_AGE_S = 7_200.0
"""Zalo repeats a callback for 1 h 50 min, with its original timestamp."""
REMEDY = "Give the channel the application's id, and its secret or the OA's secret of the webhook page."
_MAC = re.compile(r"(?:mac\s*=\s*)?([0-9a-fA-F]{64})")
_SENT = "user_send_"
_MS = 1_000


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    app_id: str,
    secrets: Sequence[Secret],
    now: float,
    max_age_s: float = MAX_AGE_S,
) -> None:
    """Raise SignatureInvalid unless one of `secrets` made the mac, within `max_age_s` of `now`."""
    given = _MAC.fullmatch(lowered(headers).get(SIGNATURE_HEADER, "").strip())
    if given is None:
        raise SignatureInvalid(f"The callback lacks {SIGNATURE_HEADER}.", remedy=REMEDY)
    try:
        told = document.load(body)
    except InvalidInput as error:
        raise SignatureInvalid("The callback is no event of Zalo.", remedy=REMEDY) from error
    timestamp = document.word(told, "timestamp") if isinstance(told, dict) else None
    if timestamp is None:
        raise SignatureInvalid("The callback has no timestamp.", remedy=REMEDY)
    who = [app_id, *([oa_id] if (oa_id := document.word(told, "oa_id")) else [])]
    # Every combination is compared, so that the time taken does not reveal which one fits.
    fits = [is_same(given[1].lower(), mac(one, body, timestamp, secret)) for one in who for secret in secrets if secret]
    if not any(fits):
        raise SignatureInvalid("The mac of the callback is wrong.", remedy=REMEDY)
    if not timestamp.isascii() or not timestamp.isdigit() or abs(now - int(timestamp) / _MS) > max_age_s:
        raise SignatureInvalid(f"The callback was signed more than {max_age_s:g} s away.", remedy=REMEDY)


def mac(app_id: str, body: bytes, timestamp: str, secret: Secret) -> str:
    """Give the mac as hexadecimal digits; `timestamp` is the body's own."""
    return hashlib.sha256(app_id.encode() + body + timestamp.encode() + secret.reveal().encode()).hexdigest()


def read(body: bytes, *, now: float) -> Sequence[Incoming]:
    """Read one event; `now` replaces a missing time."""
    told = document.load(body)
    if not isinstance(told, dict) or document.word(told, "event_name") is None:
        raise InvalidInput("The callback has no event_name.", remedy="Post an event of Zalo.")
    name, message = str(told["event_name"]), document.part(told, "message")
    at = document.instant(told.get("timestamp"), per_second=_MS, now=now)
    sender, recipient = document.word(document.part(told, "sender"), "id"), document.part(told, "recipient")
    if name.startswith(_SENT):
        key, quoted = document.word(message, "msg_id"), document.word(message, "quote_msg_id")
        kind, event = OutcomeType.REPLIED, "message"
        return [_incoming(key or _key(told, sender), kind, at, quoted, sender, told, event=event)]
    if name == "user_received_message":
        key = document.word(message, "msg_id")
        reached = document.instant(message.get("delivery_time") or told.get("timestamp"), per_second=_MS, now=now)
        address = document.word(recipient, "id")
        return [_incoming(name, OutcomeType.DELIVERED, reached, key, address, told)] if key else []
    if name == "user_seen_message":
        seen = message.get("msg_ids")
        ids = [one for one in seen if isinstance(one, str) and one] if isinstance(seen, list) else []
        return [_incoming(name, OutcomeType.READ, at, one, sender, told) for one in ids]
    return _of_person(name, told, now=now)


def _of_person(name: str, told: Mapping[str, Any], *, now: float) -> Sequence[Incoming]:
    """Read what a person did to the account itself."""
    kinds: Mapping[str, tuple[OutcomeType | None, str]] = {
        "follow": (None, "follow"),
        "unfollow": (OutcomeType.UNSUBSCRIBED, "unfollow"),
        "user_click_chatnow": (None, "click"),
        # The person takes back at Zalo what they agreed to: by law a request to stop, which we also store as an event.
        "user_withdraw": (OutcomeType.UNSUBSCRIBED, "withdraw"),
    }
    if name not in kinds:
        return []
    kind, event = kinds[name]
    person = document.word(document.part(told, "follower"), "id") or document.word(told, "user_id")
    at = document.instant(told.get("timestamp"), per_second=_MS, now=now)
    return [_incoming(_key(told, person), kind, at, None, person, told, event=event)]


def _incoming(
    key: str,
    kind: OutcomeType | None,
    at: Any,
    ref: str | None,
    address: str | None,
    told: Mapping[str, Any],
    *,
    event: str | None = None,
) -> Incoming:
    return Incoming(provider_id=key, type=kind, at=at, delivery_ref=ref, address=address, raw=told, event=event)


def _key(told: Mapping[str, Any], person: str | None) -> str:
    """Give a key for events without an id of their own: name, millisecond and person distinguish them."""
    return f"{told.get('event_name')}:{told.get('timestamp')}:{person or ''}"[: document.ID_LIMIT]
