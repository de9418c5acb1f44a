"""What every mail has, whichever way it is sent: a subject, a sender, a mailbox, bodies, one-click unsubscribe."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from urllib.parse import urlsplit

from channels import facts
from channels.contract import Message, ReceiptClass, Unsupported
from channels.markup import as_text

FACTS = facts.load("email")
MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
DATA_KEYS = frozenset({"recipient_name", "reply_to"})
DELIVERY_HEADER = "X-LEO-Delivery"


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail; each mailbox is (name, address): the name on one line and possibly empty, the address in ASCII."""

    subject: str
    sender: tuple[str, str]
    recipient: tuple[str, str]
    reply_to: tuple[str, str] | None
    text: str | None
    html: str | None
    unsubscribe: Mapping[str, str]
    """The two headers of RFC 8058, with which a mail program unsubscribes by one POST; empty if there is no URL."""


def read(message: Message, *, sender: str | None) -> Letter:
    """Make a mail from a message; `sender` is "Name <mailbox>" if the message names none. Raises Unsupported."""
    subject = _subject(message)
    if message.text is None and message.html is None:
        raise Unsupported("The mail has neither text nor HTML.", remedy="Give the template a body.")
    if unknown := message.data.keys() - DATA_KEYS:
        raise Unsupported(
            f"A mail cannot carry {', '.join(sorted(unknown))}.", remedy=f"It knows {', '.join(sorted(DATA_KEYS))}."
        )
    recipient = mailbox(message.address)
    given = message.sender or sender
    if given is None:
        raise Unsupported("The mail has no sender.", remedy="Set sender on the channel or on the campaign.")
    reply_to = message.data.get("reply_to")
    return Letter(
        subject=subject,
        sender=named(given),
        recipient=(_one_line(str(message.data.get("recipient_name") or "")), recipient),
        reply_to=None if reply_to is None else named(str(reply_to)),
        text=as_text(message.html) if message.text is None and message.html is not None else message.text,
        html=message.html,
        unsubscribe=_unsubscribe(message.unsubscribe_url),
    )


def named(given: str) -> tuple[str, str]:
    """Read `Name <mailbox>`; raises Unsupported, also for line breaks: parseaddr would drop what follows them."""
    name, address = parseaddr(given)
    if any(ord(letter) < ord(" ") for letter in given) or not address:
        raise Unsupported(f"{given!r} is no sender.", remedy='Write it as "Name <mailbox>".')
    return _one_line(name), mailbox(address)


def mailbox(address: str) -> str:
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


def _subject(message: Message) -> str:
    subject = message.subject
    if subject is None or not subject.strip():
        raise Unsupported("The mail has no subject.", remedy="Give the template a subject.")
    if "\r" in subject or "\n" in subject:
        raise Unsupported("The subject has more than one line.", remedy="Write the subject on one line.")
    return subject


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _unsubscribe(url: str | None) -> Mapping[str, str]:
    if url is None:
        return {}
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(' <>"')
    if not is_plain or urlsplit(url).scheme not in ("https", "http") or len(url) > FACTS.limit("line_octets") // 2:
        raise Unsupported(
            "The unsubscribe address cannot stand in a header.", remedy="Give an https URL of plain characters."
        )
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
