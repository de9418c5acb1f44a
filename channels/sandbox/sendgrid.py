"""SendGrid's Mail Send of the sandbox, with its checks and error documents."""

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from channels.letter import MAILBOX
from channels.sandbox.callback import Sent
from channels.sandbox.control import read_json
from channels.sandbox.failing import fail
from channels.sandbox.faults import Faults, PlannedFault
from channels.sandbox.record import Record
from rules.errors import InvalidInput

HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"
NO_SUBJECT = (
    "The subject is required. You can get around this requirement if you use a template with a subject defined or if "
    "every personalization has a subject defined."
)
NOT_VERIFIED = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved. "
    "Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ "
    "to see the Sender Identity requirements"
)
WORDS: Mapping[int, tuple[str, str | None]] = {
    401: ("The provided authorization grant is invalid, expired, or revoked", None),
    403: (NOT_VERIFIED, "from"),
    413: ("The request body is too large.", None),
    429: ("too many requests", None),
}


class Refused(Exception):
    """A mail that SendGrid refuses: its sentence and the field."""

    def __init__(self, message: str, field: str | None) -> None:
        super().__init__(message)
        self.field = field


class SendGridApi:
    """An account whose senders are verified; any key belongs to it."""

    def __init__(self, record: Record, faults: Faults, *, on_message: Callable[[Sent], None]) -> None:
        self._record = record
        self._faults = faults
        self._on_message = on_message

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/v3/mail/send", self.send)]

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /v3/mail/send`: 202 without a body, or the errors."""
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not key.strip():
            return _error(401)
        try:
            mail = _checked(await read_json(request))
        except InvalidInput:
            return _error(400, "Bad Request")
        except Refused as refused:
            return _error(400, str(refused), refused.field)
        recipient = mail["personalizations"][0]["to"][0]["email"]
        fault = self._faults.take("email", address=recipient)
        if fault is not None and not fault.keep:
            return await fail(request, fault, _planned)
        message_id = secrets.token_urlsafe(16)
        self._keep(mail, key, message_id)
        if fault is not None:
            return await fail(request, fault, _planned)
        return web.Response(status=202, headers={"X-Message-Id": message_id})

    def _keep(self, mail: Mapping[str, Any], key: str, message_id: str) -> None:
        for personalization in mail["personalizations"]:
            event_id = {**mail.get("custom_args", {}), **personalization.get("custom_args", {})}.get("leo_event_id")
            for one in personalization["to"]:
                self._record.add(
                    event_id=event_id,
                    channel="email",
                    address=one["email"],
                    subject=personalization.get("subject") or mail.get("subject"),
                    text=str(mail["content"][0]["value"]),
                    html=partial(_html, mail),
                )
                if event_id is not None:
                    sent = Sent(event_id, "email", one["email"], key, provider="sendgrid", message_id=message_id)
                    self._on_message(sent)


def _html(mail: Mapping[str, Any]) -> str | None:
    return next((str(one["value"]) for one in mail["content"] if one.get("type") == "text/html"), None)


def _checked(document: Any) -> Mapping[str, Any]:
    """Give a mail that SendGrid would accept; raises Refused."""
    mail = document if isinstance(document, Mapping) else {}
    listed = mail.get("personalizations")
    if not isinstance(listed, list) or not listed:
        raise Refused("The personalizations field is required and must have at least one personalization.", None)
    for number, one in enumerate(listed):
        _check_recipients(one, f"personalizations.{number}.to")
    if not _is_mailbox(mail.get("from")):
        raise Refused("The from email does not contain a valid address.", "from.email")
    if not mail.get("subject") and not all(one.get("subject") for one in listed):
        raise Refused(NO_SUBJECT, "subject")
    kinds = [one.get("type") if isinstance(one, Mapping) else None for one in mail.get("content") or ()]
    if not kinds or not all(one.get("value") for one in mail["content"] if isinstance(one, Mapping)):
        raise Refused("The content value must be a string at least one character in length.", "content.0.value")
    if "text/plain" in kinds[1:]:
        raise Refused("If present, text/plain and text/html may only be provided once, plain first.", "content")
    return mail


def _check_recipients(one: Any, field: str) -> None:
    recipients = one.get("to") if isinstance(one, Mapping) else None
    if not isinstance(recipients, list) or not recipients:
        raise Refused("The to array is required for all personalization objects, and must have one.", field)
    for number, recipient in enumerate(recipients):
        if not _is_mailbox(recipient):
            raise Refused("Does not contain a valid address.", f"{field}.{number}.email")


def _is_mailbox(given: Any) -> bool:
    address = given.get("email") if isinstance(given, Mapping) else None
    return isinstance(address, str) and MAILBOX.fullmatch(address) is not None


def _planned(fault: PlannedFault) -> web.Response:
    return _error(fault.status, fault.text)


def _error(status: int, message: str = "", field: str | None = None) -> web.Response:
    words, place = WORDS.get(status, ("Internal server error", None))
    error = {"message": message or words, "field": field or place, "help": HELP if field else None}
    return web.json_response({"errors": [error]}, status=status)
