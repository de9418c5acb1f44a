"""E-mail over SMTP: one message to one mailbox, with one-click unsubscribe, and signed callbacks with its outcomes."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar

from channels import facts, letter, signature
from channels.callbacks import mail as returned
from channels.contract import (
    Incoming,
    MayHaveLeft,
    Message,
    NeverLeft,
    Receipt,
    ReceiptClass,
    ReceiptStatus,
    Request,
    Response,
    evidence,
    fault_receipt,
    redact,
)
from channels.egress import ANYWHERE, Egress
from channels.letter import DELIVERY_HEADER
from channels.mime import compose, header, mailbox
from channels.options import Options
from channels.smtp import SmtpPool, SmtpSettings
from channels.told import read_outcomes
from rules.errors import Misconfigured
from rules.words import Channel

FACTS = facts.load("email")
TLS_WAYS = ("starttls", "starttls_if_offered", "implicit", "none")
BEFORE_MESSAGE = frozenset({"connect", "helo", "auth"})
ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
# The event id takes 52 of the 64 characters allowed before the @, and a + takes one more.
_RETURN_PATH = re.compile(r"[A-Za-z0-9._=-]{1,11}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


class EmailAdapter:
    """A tenant's mail relay.

    Settings: host, port (587), tls (starttls; starttls_if_offered, implicit, none), username, password, sender ("Name
    <mailbox>"), bounces (a mailbox that bounces are returned to), verify_certificates (true), ca_file, timeout_s (30),
    connections (32), messages_per_connection (500), webhook_secret, webhook_max_age_s (300).
    """

    channel: ClassVar[Channel] = Channel.EMAIL
    deduplicates: ClassVar[bool] = False

    def __init__(
        self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = ANYWHERE
    ) -> None:
        """Raise Misconfigured for a wrong, missing or unknown setting."""
        options = Options(self.channel, settings)
        password = options.optional_secret("password")
        self._pool = SmtpPool(
            SmtpSettings(
                host=options.text("host"),
                port=options.integer("port", 587, least=1, most=65_535),
                tls=options.choice("tls", "starttls", among=TLS_WAYS),
                username=options.optional_text("username"),
                password=password,
                verify_certificates=options.flag("verify_certificates", default=True),
                ca_file=options.optional_text("ca_file"),
                timeout_s=options.number("timeout_s", 30.0, least=0.05, most=600.0),
                connections=options.integer("connections", 32, least=1, most=500),
                messages_per_connection=options.integer("messages_per_connection", 500, least=1, most=100_000),
            ),
            egress=egress,
        )
        self._sender = options.optional_text("sender")
        self._bounces = options.optional_text("bounces")
        if self._bounces is not None and _RETURN_PATH.fullmatch(self._bounces) is None:
            raise Misconfigured(
                "The setting bounces of the channel email is wrong.",
                remedy="Give a mailbox of at most 11 characters before the @, without a +: bounces@mail.shop.example",
            )
        self._webhook_secret = options.optional_secret("webhook_secret")
        self._webhook_max_age_s = options.number("webhook_max_age_s", 300.0, least=1.0, most=86_400.0)
        options.finish()
        self._secrets = [secret for secret in (password, self._webhook_secret) if secret]
        self._clock = clock

    def build(self, message: Message) -> Request:
        """Write the mail. The Date is set when it is sent, so that the same message always gives the same bytes."""
        mail = letter.read(message, sender=self._sender)
        sender = mail.sender[1]
        message_id = f"{message.event_id}@{sender.rpartition('@')[2]}"
        headers = [
            f"From: {mailbox(*mail.sender)}\r\n",
            f"To: {mailbox(*mail.recipient)}\r\n",
            header("Subject", mail.subject),
            f"Message-ID: <{message_id}>\r\n",
            f"{DELIVERY_HEADER}: {message.event_id}\r\n",
            *([f"Reply-To: {mailbox(*mail.reply_to)}\r\n"] if mail.reply_to else []),
            *(f"{name}: {value}\r\n" for name, value in mail.unsubscribe.items()),
        ]
        body = compose(headers, text=mail.text, html=mail.html)
        return Request(
            event_id=message.event_id,
            target=mail.recipient[1],
            sender=sender if self._bounces is None else returned.return_path(self._bounces, message.event_id),
            body=body,
            ids={"provider_id": message_id},
        )

    async def send(self, request: Request) -> Response:
        """Deliver to the relay, with the time of sending; see the protocol."""
        sent_at = format_datetime(datetime.fromtimestamp(self._clock(), UTC))
        content = f"Date: {sent_at}\r\n".encode("ascii") + request.body
        try:
            reply = await self._pool.deliver(sender=request.sender or "", recipient=request.target, content=content)
        except (NeverLeft, MayHaveLeft) as error:
            return Response.unanswered(error, ids=request.ids)
        return Response(status=reply.code, body=reply.text, ids={**request.ids, "stage": reply.stage})

    def parse(self, response: Response) -> Receipt:
        """Read the reply by its enhanced status first, then by its code and the command it answers."""
        if (unanswered := fault_receipt(response)) is not None:
            return unanswered
        text = response.body if isinstance(response.body, str) else str(dict(response.body))
        found = ENHANCED.match(text)
        enhanced = found.group(1) if found else ""
        stage = response.ids.get("stage", "content")
        answer = FACTS.classify(code=response.status, text=text, enhanced=enhanced, stage=stage)
        status = answer.status if answer else ReceiptStatus.UNCERTAIN
        if stage in BEFORE_MESSAGE:
            status = ReceiptStatus.RETRY
        elif status is ReceiptStatus.ACCEPTED and stage != "content":
            status = ReceiptStatus.UNCERTAIN
        return Receipt(
            status=status,
            klass=answer.klass if answer else ReceiptClass.UNKNOWN,
            code=f"{response.status} {enhanced}".strip(),
            detail=redact(text, self._secrets)[:500],
            provider_id=response.ids.get("provider_id"),
            raw={**evidence(response, self._secrets), "stage": stage},
        )

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        signature.verify(self._webhook_secret, headers, body, now=self._clock(), max_age_s=self._webhook_max_age_s)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming]:
        """Read a mail that came back, or the outcomes that the relay or its monitor tells; see `channels.told`."""
        kind = signature.lowered(headers).get("content-type", "")
        if kind.partition(";")[0].strip().casefold() == returned.MEDIA_TYPE:
            return returned.read(body, now=self._clock())
        return read_outcomes(body)

    async def aclose(self) -> None:
        await self._pool.aclose()
