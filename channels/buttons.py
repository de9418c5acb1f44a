"""Buttons of a message, the same on every channel: a title, and what a press opens or answers.

A template has them in `data.buttons`: [{"title": "Xem", "url": "https://..."}, {"title": "Có", "reply": "yes"}]. How
many there may be and how long is up to the provider (`facts/*.toml`). A reply is refused on a channel whose buttons
cannot answer.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from channels.contract import ReceiptClass, Unsupported
from channels.facts import ProviderFacts
from rules.faults import Fault, Value

NAME = "buttons"
_PLACE = f"data.{NAME}"
_ORDER = ("title", "url", "reply")
KEYS = frozenset(_ORDER)
LONGEST_URL = 2048
# A value that is not filled in yet can only be judged once it is.
_LIQUID = re.compile(r"\{[{%]")


@dataclass(frozen=True, slots=True)
class Button:
    """What a person sees and presses; it has either `url` or `reply`."""

    title: str
    url: str | None = None
    reply: str | None = None

    def document(self) -> dict[str, str]:
        """Give the button in the form a template has it."""
        return {"title": self.title, **({"url": self.url} if self.url else {"reply": self.reply or ""})}


@dataclass(frozen=True, slots=True)
class Limits:
    """A provider's limits on buttons: how many (`answers`: if all of them are replies), and how long.

    `reply` is in bytes, 0 if no button can answer; `text` is in characters of the text above them, 0 if that has no
    limit of its own; `https`: only addresses with that scheme.
    """

    most: int
    title: int
    answers: int = 0
    reply: int = 0
    text: int = 0
    https: bool = False

    @classmethod
    def of(cls, known: ProviderFacts, *, https: bool = False) -> Self:
        """Read the limits from a provider's facts."""
        most, found = known.limit("buttons"), known.limits
        return cls(
            most=most,
            title=known.limit("button_title_characters"),
            answers=found["quick_replies"].value if "quick_replies" in found else most,
            reply=found["button_reply_octets"].value if "button_reply_octets" in found else 0,
            text=found["button_text_characters"].value if "button_text_characters" in found else 0,
            https=https,
        )


def problems(value: Any, limits: Limits, *, is_source: bool = False) -> Iterator[Fault]:
    """Say what is wrong with buttons; in a template's source, anything with Liquid is judged only when filled in."""
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        yield Fault("buttons.no_list", _PLACE)
        return
    most = limits.answers if are_replies(value) else limits.most
    if len(value) > most:
        yield Fault("buttons.too_many", _PLACE, {"count": len(value), "most": most})
    for number, one in enumerate(value, start=1):
        yield from _problems(number, one, limits, _is_open if is_source else _is_closed)


def text_problems(value: Any, text: str, limits: Limits) -> Iterator[Fault]:
    """Say what is wrong with the filled-in text above them."""
    if value and limits.text and not are_replies(value) and len(text) > limits.text:
        yield Fault("buttons.long_text", "body_text", {"count": len(text), "most": limits.text})


def are_replies(value: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all of them answer and none opens an address."""
    return bool(value) and all("reply" in one for one in value)


def read(data: Mapping[str, Any], limits: Limits, *, text: str = "") -> tuple[Button, ...]:
    """Take the buttons of a filled-in message; raises Unsupported for what the provider would not take."""
    value = data.get(NAME) or []
    for problem in problems(value, limits):
        raise Unsupported(
            f"The message cannot be sent: {problem.say().en}",
            remedy="Correct the buttons of the template.",
            fault=problem,
        )
    for problem in text_problems(value, text, limits):
        raise Unsupported(
            f"The message cannot be sent: {problem.say().en}",
            remedy="Shorten the template.",
            klass=ReceiptClass.TOO_LARGE,
            fault=problem,
        )
    return tuple(Button(str(one["title"]).strip(), one.get("url"), one.get("reply")) for one in value)


def written(text: Any) -> list[dict[str, str]]:
    """Read buttons from a JSON text, as an app or a browser does; none if it is not such a text."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return []
    given = [found] if isinstance(found, Mapping) else found
    given = found if isinstance(found, list) else [found]
    return [{name: str(one[name]) for name in _ORDER if name in one} for one in given if _is_button(one)]


def is_web(address: str, *, https: bool = False) -> bool:
    """Whether it is an http or https address with a host, in plain characters."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    schemes = ("https",) if https else ("http", "https")
    return parts.scheme in schemes and bool(host) and not any(letter.isspace() for letter in address)


def _is_button(one: Any) -> bool:
    return isinstance(one, Mapping) and isinstance(one.get("title"), str)


def _problems(number: int, one: Mapping[str, Any], limits: Limits, is_open: Callable[[str], bool]) -> Iterator[Fault]:
    if unknown := one.keys() - KEYS:
        yield Fault("button.unknown_key", _place(number), {"number": number, "name": str(min(unknown, key=str))})
    title = one.get("title")
    if not isinstance(title, str) or not title.strip():
        yield Fault("button.no_title", _place(number, "title"), {"number": number})
    elif not is_open(title) and (count := len(title.strip())) > limits.title:
        values: dict[str, Value] = {"number": number, "count": count, "most": limits.title}
        yield Fault("button.long_title", _place(number, "title"), values)
    if ("url" in one) == ("reply" in one):
        yield Fault("button.needs_one", _place(number, "url"), {"number": number})
    elif "url" in one:
        yield from _url_problems(number, one["url"], limits, is_open)
    else:
        yield from _reply_problems(number, one["reply"], limits, is_open)


def _url_problems(number: int, url: Any, limits: Limits, is_open: Callable[[str], bool]) -> Iterator[Fault]:
    place = _place(number, "url")
    if isinstance(url, str) and is_open(url):
        return
    if not isinstance(url, str) or not url.isprintable() or not is_web(url, https=limits.https):
        yield Fault("button.no_https_address" if limits.https else "button.no_address", place, {"number": number})
    elif len(url) > LONGEST_URL:
        yield Fault("button.long_url", place, {"number": number, "count": len(url), "most": LONGEST_URL})


def _reply_problems(number: int, reply: Any, limits: Limits, is_open: Callable[[str], bool]) -> Iterator[Fault]:
    place = _place(number, "reply")
    if not limits.reply:
        yield Fault("button.no_replies", place, {"number": number})
    elif not isinstance(reply, str) or not reply:
        yield Fault("button.no_reply", place, {"number": number})
    elif not is_open(reply) and (count := len(reply.encode("utf-8", "replace"))) > limits.reply:
        yield Fault("button.long_reply", place, {"number": number, "count": count, "most": limits.reply})


def _place(number: int, key: str = "") -> str:
    """Name a button's place, counted from 1, in a template's document."""
    return f"{_PLACE}[{number - 1}]{'.' if key else ''}{key}"


def _is_open(text: str) -> bool:
    return _LIQUID.search(text) is not None


def _is_closed(_text: str) -> bool:
    return False
