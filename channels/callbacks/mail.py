"""Mails that come back: bounces (RFC 3464), complaints (RFC 5965) and replies, read with the standard library.

Anybody can write a mail, so an address in one proves nothing. Only what the receiver of our mail alone can know is
believed: its Message-ID or our header in the returned part, the return path it was sent under, or the reply's
In-Reply-To. Each contains the delivery's event id, a hash that nobody can guess.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from channels import facts
from channels.callbacks.document import DAY_S, ID_LIMIT
from channels.contract import Incoming, ReceiptClass
from rules.errors import InvalidInput
from rules.words import OutcomeType

MEDIA_TYPE = "message/rfc822"
DELIVERY_HEADER = "x-leo-delivery"
PART_LIMIT = 1_000
"""Parts of a mail that are looked at; a report has three."""
HEADER_LIMIT, TEXT_LIMIT = 4_000, 2_000
_REPORTED = re.compile(r"<?([0-9a-fA-F]{64})(?:@[^>\s]*)?>?")
_RETURNED = re.compile(r"\+([A-Za-z2-7]{52})@")
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_ENVELOPE = ("delivered-to", "x-original-to", "x-envelope-to", "envelope-to", "to")
_PERMANENT = 500


def return_path(bounces: str, event_id: str) -> str:
    """Give the envelope sender of one delivery, to which undeliverable mail is returned."""
    local, _, domain = bounces.rpartition("@")
    return f"{local}+{base64.b32encode(bytes.fromhex(event_id)).decode().rstrip('=').lower()}@{domain}"


def read(body: bytes, *, now: float) -> Sequence[Incoming]:
    """Read one mail; one that is neither a report nor a reply, or is an automatic reply, gives nothing.

    Raises InvalidInput.
    """
    try:
        mail = BytesParser().parsebytes(body)
        parts = _parts(mail)
        at = _date(mail, now=now)
        if mail.get_content_type() == "multipart/report":
            return list(_report(mail, parts, at))
        return list(_reply(mail, at))
    except (MessageError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InvalidInput("The mail cannot be read.", remedy="Post a mail as it came: message/rfc822.") from error


def _report(mail: Message, parts: Sequence[Message], at: datetime) -> Iterator[Incoming]:
    ref = _returned(parts) or _under(mail)
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            for number, fields in enumerate(_fields(part)):
                if (told := _status(fields, ref, at, number=number)) is not None:
                    yield told
        elif part.get_content_type() == "message/feedback-report" and _is_abuse(part):
            yield _incoming("complaint", OutcomeType.COMPLAINED, at, ref, {"source": "feedback report"})


def _is_abuse(part: Message) -> bool:
    return any(_text(fields, "feedback-type").casefold() == "abuse" for fields in _fields(part)[:1])


def _status(fields: Message, ref: str | None, at: datetime, *, number: int) -> Incoming | None:
    """Read the fields of one recipient; neither a delay nor the fields of the whole message are an outcome."""
    action = _text(fields, "action").casefold()
    found = _STATUS.match(_text(fields, "status"))
    raw = {
        "source": "delivery status",
        "action": action,
        "status": found[1] if found else "",
        "diagnostic": _text(fields, "diagnostic-code"),
        "recipient": _text(fields, "final-recipient").partition(";")[2].strip(),
    }
    key = f"dsn:{action}:{number}"
    if action in ("delivered", "relayed"):
        return _incoming(key, OutcomeType.DELIVERED, at, ref, raw)
    if action != "failed":
        return None
    return _incoming(key, OutcomeType.BOUNCED, at, ref, raw, soft=not _is_bad_address(raw["status"], raw["diagnostic"]))


def _is_bad_address(status: str, diagnostic: str) -> bool:
    """Judge as if the relay had refused the recipient at once, because the same codes mean the same."""
    code = re.search(r"\b([45]\d\d)\b", diagnostic)
    answer = facts.load("email").classify(
        code=int(code[1]) if code else _PERMANENT, text=diagnostic, enhanced=status, stage="rcpt" if code else "content"
    )
    return answer is not None and answer.klass is ReceiptClass.INVALID_ADDRESS


def _reply(mail: Message, at: datetime) -> Iterator[Incoming]:
    """Read a reply; RFC 3834: automatic replies say that they are."""
    is_automatic = _text(mail, "auto-submitted").casefold() not in ("", "no") or _text(
        mail, "precedence"
    ).casefold() in ("bulk", "junk", "list", "auto_reply")
    answered = f"{_text(mail, 'in-reply-to')} {_text(mail, 'references')}"
    refs = [found[1].lower() for word in answered.split() if (found := _REPORTED.fullmatch(word))]
    if is_automatic or not refs:
        return
    key = hashlib.sha256((_text(mail, "message-id") or str(at)).encode("utf-8", "replace")).hexdigest()
    yield _incoming(key, OutcomeType.REPLIED, at, refs[0], {"source": "reply", "subject": _text(mail, "subject")})


def _returned(parts: Sequence[Message]) -> str | None:
    """Find our event id in the returned part of our mail: the whole mail, or its headers as text."""
    for part in parts:
        kind = part.get_content_type()
        headers: Message | None = None
        if kind == "text/rfc822-headers":
            payload = part.get_payload(decode=True)
            headers = BytesParser().parsebytes(payload if isinstance(payload, bytes) else b"", headersonly=True)
        elif kind == MEDIA_TYPE and isinstance(part.get_payload(), list):
            headers = next((one for one in part.get_payload() if isinstance(one, Message)), None)
        for name in (DELIVERY_HEADER, "message-id"):
            found = _REPORTED.fullmatch(_text(headers, name)) if headers is not None else None
            if found is not None:
                return found[1].lower()
    return None


def _under(mail: Message) -> str | None:
    """Find our event id in the return path that the report was sent to."""
    for name in _ENVELOPE:
        for value in mail.get_all(name) or []:
            if (found := _RETURNED.search(str(value))) is not None:
                try:
                    return base64.b32decode(found[1].upper() + "====").hex()
                except binascii.Error:
                    continue
    return None


def _parts(mail: Message) -> list[Message]:
    """Give the parts of the mail itself, not those of mails inside it."""
    found: list[Message] = []
    waiting = [mail]
    while waiting and len(found) < PART_LIMIT:
        one = waiting.pop(0)
        found.append(one)
        payload = one.get_payload()
        if one.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting += [part for part in payload if isinstance(part, Message)]
    return found


def _fields(part: Message) -> list[Message]:
    """Give a report's groups of fields; the parser turns those of a delivery status into messages."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [one for one in payload if isinstance(one, Message)][:PART_LIMIT]
    text = part.get_payload(decode=True)
    return [BytesParser().parsebytes(text, headersonly=True)] if isinstance(text, bytes) else []


def _text(message: Message, name: str) -> str:
    """Give a header on one line, without characters that PostgreSQL cannot store."""
    value = " ".join(_decoded(str(message.get(name) or "")[:HEADER_LIMIT]).split())[:TEXT_LIMIT]
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def _decoded(value: str) -> str:
    """Decode the encoded words of RFC 2047: some programs encode even a long Message-ID."""
    try:
        return str(make_header(decode_header(value))) if "=?" in value else value
    except (LookupError, MessageError, ValueError):
        return value


def _date(mail: Message, *, now: float) -> datetime:
    try:
        at = parsedate_to_datetime(_text(mail, "date"))
        seconds = at.replace(tzinfo=at.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        seconds = now
    return datetime.fromtimestamp(seconds if 0 < seconds < now + DAY_S else now, UTC)


def _incoming(
    key: str, kind: OutcomeType, at: datetime, ref: str | None, raw: dict[str, str], *, soft: bool = False
) -> Incoming:
    return Incoming(provider_id=key[:ID_LIMIT], type=kind, at=at, delivery_ref=ref, address=None, raw=raw, soft=soft)
