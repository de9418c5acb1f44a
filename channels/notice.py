"""What a push shows, whichever provider carries it: a title, a text, a link, a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from channels import buttons
from channels.buttons import Button, Limits
from channels.contract import Message, Unsupported
from channels.markup import as_text

LONGEST_URL = 2048


@dataclass(frozen=True, slots=True)
class Notice:
    """The visible part of a push; there is always a `text`."""

    title: str | None
    text: str
    link: str | None
    image: str | None
    buttons: tuple[Button, ...] = ()


def read(message: Message, *, keys: frozenset[str], pressed: Limits, link: str | None = None) -> Notice:
    """Make a notice from a message.

    `keys` are the keys of `data` that the provider can carry, `link` is the default link, `pressed` bounds its buttons.
    Raises Unsupported for an empty text, a link that is not an https address, and data that cannot be carried.
    """
    if unknown := message.data.keys() - keys:
        raise Unsupported(
            f"A push cannot carry {', '.join(sorted(unknown))}.", remedy=f"It knows {', '.join(sorted(keys))}."
        )
    text = message.text if message.text is not None else as_text(message.html or "")
    title = None if message.subject is None else " ".join(message.subject.split())
    for part in (title or "", text):
        if "\0" in part:
            raise Unsupported("The push holds a NUL character.", remedy="Remove it from the template or its values.")
    if not text.strip():
        raise Unsupported("The push is empty.", remedy="Give the template a text.")
    return Notice(
        title=title or None,
        text=text,
        link=_url(message.data, "link") or link,
        image=_url(message.data, "image"),
        buttons=buttons.read(message.data, pressed),
    )


def octets(text: str) -> bytes:
    """Encode as UTF-8; an unpaired surrogate becomes a question mark."""
    return text.encode("utf-8", "replace")


def _url(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None:
        return None
    is_plain = isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value
    if not is_plain or len(value) > LONGEST_URL or not _is_https(value):
        raise Unsupported(f"The {name} of the push is no https address.", remedy="Give one of plain characters.")
    return str(value)


def _is_https(value: str) -> bool:
    try:
        return urlsplit(value).scheme == "https"
    except ValueError:
        return False
