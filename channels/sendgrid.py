"""E-mail through SendGrid's Mail Send, v3: one call per delivery, whose id comes back with every event."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from channels import facts, letter, signature
from channels.answers import accepted, call, refused
from channels.callbacks import sendgrid as callbacks
from channels.contract import (
    Incoming,
    Message,
    Receipt,
    Request,
    Response,
    fault_receipt,
)
from channels.documents import DAY_S, text_of
from channels.egress import ANYWHERE, Egress
from channels.http import HttpClient
from channels.options import Options
from channels.told import read_outcomes
from rules.words import Channel

FACTS = facts.load("sendgrid")


class SendGridAdapter:
    """A tenant's SendGrid account.

    Settings: api_key, sender ("Name <mailbox>"), base_url (https://api.sendgrid.com; https://api.eu.sendgrid.com),
    timeout_s (30), connections (32), webhook_public_key (the key of SendGrid's signed event webhook), webhook_secret
    and webhook_max_age_s (300) for outcomes that your own systems tell.
    """

    channel: ClassVar[Channel] = Channel.EMAIL
    deduplicates: ClassVar[bool] = False

    def __init__(
        self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = ANYWHERE
    ) -> None:
        """Raise Misconfigured for a wrong, missing or unknown setting."""
        options = Options(self.channel, settings)
        self._api_key = options.secret("api_key")
        self._sender = options.optional_text("sender")
        self._base_url = options.text("base_url", "https://api.sendgrid.com").rstrip("/")
        timeout_s = options.number("timeout_s", 30.0, least=0.05, most=600.0)
        connections = options.integer("connections", 32, least=1, most=500)
        public_key = options.optional_text("webhook_public_key")
        self._public_key = None if public_key is None else callbacks.public_key(public_key)
        self._webhook_secret = options.optional_secret("webhook_secret")
        self._webhook_max_age_s = options.number("webhook_max_age_s", 300.0, least=1.0, most=86_400.0)
        options.finish()
        self._http = HttpClient(
            egress=egress, connections=connections, connect_timeout_s=min(5.0, timeout_s / 2), total_timeout_s=timeout_s
        )
        self._secrets = [secret for secret in (self._api_key, self._webhook_secret) if secret]
        self._clock = clock

    def build(self, message: Message) -> Request:
        """Write the call; the key is not part of it."""
        mail = letter.read(message, sender=self._sender)
        document: dict[str, Any] = {
            "personalizations": [
                {"to": [_mailbox(mail.recipient)], "custom_args": {callbacks.EVENT_ID_ARGUMENT: message.event_id}}
            ],
            "from": _mailbox(mail.sender),
            "subject": mail.subject,
            "content": [
                {"type": kind, "value": body}
                for kind, body in (("text/plain", mail.text), ("text/html", mail.html))
                if body
            ],
            "headers": {letter.DELIVERY_HEADER: message.event_id, **mail.unsubscribe},
        }
        if mail.reply_to is not None:
            document["reply_to"] = _mailbox(mail.reply_to)
        return Request(
            event_id=message.event_id,
            target="/v3/mail/send",
            body=json.dumps(document, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace"),
            headers={"Content-Type": "application/json"},
            ids={"provider_id": message.event_id},
        )

    async def send(self, request: Request) -> Response:
        """Call Mail Send once; see the protocol. The end of a rate limit's window is used as Retry-After."""
        headers = {**request.headers, "Authorization": f"Bearer {self._api_key.reveal()}"}
        url = f"{self._base_url}{request.target}"
        answer = await call(self._http, url, request, body=request.body, headers=headers)
        reset = answer.ids.get("x-ratelimit-reset", "")
        if (
            answer.status != HTTPStatus.TOO_MANY_REQUESTS
            or "retry-after" in answer.ids
            or not (reset.isascii() and reset.isdigit())
        ):
            return answer
        wait_s = max(1, min(int(reset) - int(self._clock()), int(DAY_S)))
        return Response(status=answer.status, body=answer.body, ids={**answer.ids, "retry-after": str(wait_s)})

    def parse(self, response: Response) -> Receipt:
        """Read the answer by its status and first error; `provider_id` is X-Message-Id, otherwise the delivery's id."""
        if (unanswered := fault_receipt(response)) is not None:
            return unanswered
        if response.status == HTTPStatus.ACCEPTED:
            number = response.ids.get("x-message-id") or response.ids.get("provider_id")
            return accepted(response, provider_id=number, raw={"message_id": number})
        detail = _first_error(response.body)
        return refused(
            response,
            FACTS.classify(code=response.status, text=detail),
            code=str(response.status),
            detail=detail,
            secrets=self._secrets,
            wait_s=FACTS.limit("retry_after_s"),
        )

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check SendGrid's own signature if there is one, otherwise that of the tenant's systems."""
        if self._is_theirs(headers):
            callbacks.verify(headers, body, key=self._public_key, now=self._clock())
        else:
            signature.verify(self._webhook_secret, headers, body, now=self._clock(), max_age_s=self._webhook_max_age_s)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming]:
        """Read SendGrid's events, or outcomes in the form of `channels.told`."""
        return callbacks.read(body, now=self._clock()) if self._is_theirs(headers) else read_outcomes(body)

    async def aclose(self) -> None:
        await self._http.aclose()

    def _is_theirs(self, headers: Mapping[str, str]) -> bool:
        return callbacks.SIGNATURE_HEADER in signature.lowered(headers)


def _mailbox(given: tuple[str, str]) -> dict[str, str]:
    name, address = given
    return {"email": address, "name": name} if name else {"email": address}


def _first_error(body: Mapping[str, Any] | str) -> str:
    errors = body.get("errors") if isinstance(body, Mapping) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, Mapping):
        return str(body)
    return f"{text_of(first, 'field')} {text_of(first, 'message')}".strip()
