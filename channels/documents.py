"""Reading providers' JSON without ever raising: what is missing or of another type counts as empty."""

import json
from collections.abc import Mapping
from typing import Any

from channels.contract import Unsupported
from channels.http import HttpResponse

DAY_S = 86_400.0
CONTROL_CHARACTERS = frozenset(map(chr, range(32))) - frozenset("\n\t\r")


def document(answer: HttpResponse) -> Mapping[str, Any] | str:
    """Give an answer's JSON object, or its text if it is not one."""
    text = answer.body.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, dict) else text


def part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = whole.get(name)
    return found if isinstance(found, Mapping) else {}


def text_of(whole: Mapping[str, Any], name: str) -> str:
    """Give a text, or a whole number as text; empty for anything else."""
    found = whole.get(name)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def whole_number(value: Any) -> int | None:
    """Read a whole number that a provider writes as a number or as text of at most 18 digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 10**18 else None
    if isinstance(value, str) and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit():
        return int(value) if len(value) <= 18 else None  # noqa: PLR2004 - what 64 bits hold for certain
    return None


def plain_text(text: str | None, *, channel: str) -> str:
    """Give a text that is not blank and has no control characters; raises Unsupported."""
    if text is None or not text.strip():
        raise Unsupported(
            f"The {channel} message has no text, and the channel shows no HTML.",
            remedy="Give the template a text.",
        )
    if not CONTROL_CHARACTERS.isdisjoint(text):
        raise Unsupported(
            f"The {channel} message holds control characters.", remedy="Remove them from the template or the profile."
        )
    return text
