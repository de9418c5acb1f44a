"""The inbox on a tenant's web site: a message is posted to our own API, which keeps it until the visitor sees it."""

import json
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote

from channels import buttons, facts, signature
from channels.answers import accepted, call, refused
from channels.buttons import Limits
from channels.contract import (
    Message,
    Receipt,
    ReceiptClass,
    Request,
    Response,
    Unsupported,
    fault_receipt,
)
from channels.documents import plain_text, text_of
from channels.egress import ANYWHERE, Egress
from channels.http import HttpClient
from channels.markup import as_text
from channels.options import Options
from channels.told import ToldByOwnServer
from rules.errors import Misconfigured
from rules.words import Channel

FACTS = facts.load("chat")
BUTTONS = Limits.of(FACTS)
DATA_KEYS = frozenset({"link", "buttons"})
KEY = re.compile(r"[A-Za-z0-9_.+/=-]{32,256}")
TAKEN = (HTTPStatus.OK, HTTPStatus.CREATED)
"""Stored now, or stored before: an event id is stored once."""
LONGEST_LINK = 2048


class ChatAdapter(ToldByOwnServer):
    """The inbox of one web site.

    Settings: visitor_key (32 characters or more), timeout_s (15), connections (32), webhook_secret, webhook_max_age_s
    (300). The sender fills in base_url and inbox, which say where the inbox is.
    """

    channel: ClassVar[Channel] = Channel.CHAT
    deduplicates: ClassVar[bool] = True

    def __init__(
        self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = ANYWHERE
    ) -> None:
        """Raise Misconfigured for a wrong, missing or unknown setting."""
        options = Options(self.channel, settings)
        self._key = options.secret("visitor_key")
        if KEY.fullmatch(self._key.reveal()) is None:
            raise Misconfigured(
                "The setting visitor_key of the channel chat is wrong.",
                remedy="Give 32 to 256 characters of A-Z a-z 0-9 _ . + / = -, as `openssl rand -hex 32` writes them.",
            )
        self._base_url = (options.optional_text("base_url") or "").rstrip("/")
        self._inbox = options.optional_text("inbox") or ""
        timeout_s = options.number("timeout_s", 15.0, least=0.05, most=600.0)
        connections = options.integer("connections", 32, least=1, most=500)
        super().__init__(options, clock)
        options.finish()
        self._http = HttpClient(
            egress=egress, connections=connections, connect_timeout_s=min(5.0, timeout_s / 2), total_timeout_s=timeout_s
        )
        self._secrets = [secret for secret in (self._key, self._webhook_secret) if secret]

    def build(self, message: Message) -> Request:
        """Write the document; HTML is shown as its text."""
        if unknown := message.data.keys() - DATA_KEYS:
            raise Unsupported(
                f"A chat message cannot carry {', '.join(sorted(unknown))}.",
                remedy=f"It knows {', '.join(sorted(DATA_KEYS))}.",
            )
        given = message.text if message.text is not None else as_text(message.html or "")
        subject = None if message.subject is None else " ".join(message.subject.split())
        text = plain_text(given, channel=self.channel)
        if subject:
            plain_text(subject, channel=self.channel)
        for name, words in (("subject", subject or ""), ("text", text)):
            most = FACTS.limit(f"{name}_characters")
            if len(words) > most:
                raise Unsupported(
                    f"The {name} of the chat message has {len(words)} characters of {most}.",
                    remedy="Shorten the template.",
                    klass=ReceiptClass.TOO_LARGE,
                )
        document: dict[str, Any] = {
            "event_id": message.event_id,
            "address": _address(message.address),
            "subject": subject or None,
            "text": text,
            "link": _link(message.data.get("link")),
        }
        if pressed := buttons.read(message.data, BUTTONS):
            document[buttons.NAME] = [one.document() for one in pressed]
        return Request(
            event_id=message.event_id,
            target=f"/inbox/{quote(self._inbox, safe='')}/messages",
            body=json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"),
            headers={"Content-Type": "application/json"},
        )

    async def send(self, request: Request) -> Response:
        """Post the message once, signed; see the protocol."""
        signed = signature.sign(self._key, timestamp=int(self._clock()), body=request.body)
        url = f"{self._base_url}{request.target}"
        return await call(self._http, url, request, body=request.body, headers={**request.headers, **signed})

    def parse(self, response: Response) -> Receipt:
        """Read the answer; `provider_id` is the message's id in the inbox."""
        if (unanswered := fault_receipt(response)) is not None:
            return unanswered
        body = response.body if isinstance(response.body, Mapping) else {}
        message_id = text_of(body, "message_id")
        if message_id and response.status in TAKEN:
            return accepted(response, provider_id=message_id, raw={"message_id": message_id})
        return refused(
            response,
            FACTS.classify(code=response.status),
            code=str(response.status),
            detail=text_of(body, "detail") or str(response.body),
            secrets=self._secrets,
            wait_s=FACTS.limit("retry_after_s"),
        )


def _address(address: str) -> str:
    is_plain = address.isprintable() and address.strip() == address
    if not is_plain or not 0 < len(address) <= FACTS.limit("address_characters"):
        raise Unsupported(
            "The address is no visitor of an inbox.",
            remedy="Give the id under which the web site knows the person, printable and without blanks around it.",
            klass=ReceiptClass.INVALID_ADDRESS,
        )
    return address


def _link(link: Any) -> str | None:
    if link is None:
        return None
    is_plain = isinstance(link, str) and link.isascii() and link.isprintable() and " " not in link
    if not is_plain or len(link) > LONGEST_LINK or not link.startswith(("https://", "http://")):
        raise Unsupported("The link of the chat message is no address of the web.", remedy="Give an https address.")
    return str(link)
