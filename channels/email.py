"""E-mail over SMTP: one message to one mailbox, with one-click unsubscribe, and signed callbacks of what came of it."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from typing import Any, ClassVar
from urllib.parse import urlsplit

from channels import facts, signature
from channels.callbacks import mail
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
    Unsupported,
    evidence,
    fault_receipt,
    redact,
)
from channels.markup import as_text
from channels.mime import compose, header, mailbox
from channels.options import Options
from channels.smtp import SmtpPool, SmtpSettings
from channels.told import read_outcomes
from rules.errors import Misconfigured
from rules.words import Channel

FACTS = facts.load("email")
DELIVERY_HEADER = "X-LEO-Delivery"
TLS_WAYS = ("starttls", "starttls_if_offered", "implicit", "none")
BEFORE_MESSAGE = frozenset({"connect", "helo", "auth"})
ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
DATA_KEYS = frozenset({"recipient_name", "reply_to"})
# The event id takes 52 of the 64 characters that may stand before the @, and a + one.
_RETURN_PATH = re.compile(r"[A-Za-z0-9._=-]{1,11}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


class EmailAdapter:
    """A tenant's mail relay.

    Settings: host, port (587), tls (starttls; starttls_if_offered, implicit, none), username, password, sender
    ("Name <mailbox>"), bounces (a mailbox that bounces come back to), verify_certificates (true), ca_file,
    timeout_s (30), connections (32), messages_per_connection (500), webhook_secret, webhook_max_age_s (300).
    """

    channel: ClassVar[Channel] = Channel.EMAIL
    deduplicates: ClassVar[bool] = False

    def __init__(self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time) -> None:
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
            )
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
        """Write the mail; the Date is set when it is sent, so the same message always gives the same octets."""
        subject = _subject(message)
        if message.text is None and message.html is None:
            raise Unsupported("The mail has neither text nor HTML.", remedy="Give the template a body.")
        if unknown := message.data.keys() - DATA_KEYS:
            raise Unsupported(
                f"A mail cannot carry {', '.join(sorted(unknown))}.", remedy=f"It knows {', '.join(sorted(DATA_KEYS))}."
            )
        recipient = _mailbox(message.address)
        sender_name, sender = self._sender_of(message)
        message_id = f"{message.event_id}@{sender.rpartition('@')[2]}"
        headers = [
            f"From: {mailbox(sender_name, sender)}\r\n",
            f"To: {mailbox(_one_line(str(message.data.get('recipient_name') or '')), recipient)}\r\n",
            header("Subject", subject),
            f"Message-ID: <{message_id}>\r\n",
            f"{DELIVERY_HEADER}: {message.event_id}\r\n",
            *_reply_to(message),
            *_unsubscribe(message.unsubscribe_url),
        ]
        text = as_text(message.html) if message.text is None and message.html is not None else message.text
        body = compose(headers, text=text, html=message.html)
        return Request(
            event_id=message.event_id,
            target=recipient,
            sender=sender if self._bounces is None else mail.return_path(self._bounces, message.event_id),
            body=body,
            ids={"provider_id": message_id},
        )

    async def send(self, request: Request) -> Response:
        """Deliver to the relay with the time of sending; see the protocol."""
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
        """Read a mail that came back, or the outcomes of the relay or of what watches it; see `channels.told`."""
        kind = signature.lowered(headers).get("content-type", "")
        if kind.partition(";")[0].strip().casefold() == mail.MEDIA_TYPE:
            return mail.read(body, now=self._clock())
        return read_outcomes(body)

    async def aclose(self) -> None:
        await self._pool.aclose()

    def _sender_of(self, message: Message) -> tuple[str, str]:
        given = message.sender or self._sender
        if given is None:
            raise Unsupported(
                "The mail has no sender.",
                remedy="Set sender on the channel or on the campaign.",
            )
        return _named(given)


def _subject(message: Message) -> str:
    subject = message.subject
    if subject is None or not subject.strip():
        raise Unsupported("The mail has no subject.", remedy="Give the template a subject.")
    if "\r" in subject or "\n" in subject:
        raise Unsupported("The subject has more than one line.", remedy="Write the subject on one line.")
    return subject


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _named(given: str) -> tuple[str, str]:
    """Read `Name <mailbox>`; raises Unsupported, for line breaks too: parseaddr would drop what follows them."""
    name, address = parseaddr(given)
    if any(ord(letter) < ord(" ") for letter in given) or not address:
        raise Unsupported(f"{given!r} is no sender.", remedy='Write it as "Name <mailbox>".')
    return _one_line(name), _mailbox(address)


def _mailbox(address: str) -> str:
    """Give the mailbox in ASCII; raises Unsupported for what SMTP without SMTPUTF8 cannot carry."""
    local, _, domain = address.strip().rpartition("@")
    try:
        ascii_address = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        ascii_address = ""
    too_long = len(ascii_address) > FACTS.limit("address_octets") or len(local) > FACTS.limit("local_part_octets")
    if too_long or MAILBOX.fullmatch(ascii_address) is None:
        raise Unsupported(
            f"{address!r} is no e-mail address that can be written to.",
            remedy="Correct the address or mark it invalid.",
            klass=ReceiptClass.INVALID_ADDRESS,
        )
    return ascii_address


def _reply_to(message: Message) -> list[str]:
    given = message.data.get("reply_to")
    if given is None:
        return []
    return [f"Reply-To: {mailbox(*_named(str(given)))}\r\n"]


def _unsubscribe(url: str | None) -> list[str]:
    """Write the two headers of RFC 8058, with which a mail program unsubscribes by one POST."""
    if url is None:
        return []
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(' <>"')
    if not is_plain or urlsplit(url).scheme not in ("https", "http") or len(url) > FACTS.limit("line_octets") // 2:
        raise Unsupported(
            "The unsubscribe address cannot stand in a header.", remedy="Give an https URL of plain characters."
        )
    return [f"List-Unsubscribe: <{url}>\r\n", "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"]
