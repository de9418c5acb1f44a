"""Reading the JSON of a callback: what a stranger posts becomes plain values that can be stored, or is refused."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rules.errors import InvalidInput

DEPTH_LIMIT = 32
"""Levels of nesting; the deepest callback seen so far has 6."""
TEXT_LIMIT = 65_536
ID_LIMIT = 255
DAY_S = 86_400.0

# PostgreSQL's jsonb takes neither NUL nor an unpaired surrogate.
_UNSTORABLE = dict.fromkeys([0, *range(0xD800, 0xE000)], "\N{REPLACEMENT CHARACTER}")


def load(body: bytes) -> Any:
    """Read JSON in UTF-8; raises InvalidInput for anything else, or if it is nested too deep."""
    try:
        document = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The callback is no JSON.", remedy="Post JSON in UTF-8.") from error
    return _storable(document, DEPTH_LIMIT)


def part(document: Any, name: str) -> Mapping[str, Any]:
    """Give the object under a name; an empty one if there is none."""
    found = document.get(name) if isinstance(document, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def parts(document: Any, name: str) -> list[Mapping[str, Any]]:
    """Give the objects in the list under a name; other items are left out."""
    found = document.get(name) if isinstance(document, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def word(document: Mapping[str, Any], name: str) -> str | None:
    """Read an identifier, written as text or a whole number; None if it is neither, empty or too long."""
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= ID_LIMIT else None


def instant(value: Any, *, per_second: int, now: float) -> datetime:
    """Read Unix time, as a number or digits; a time that makes no sense, or is more than a day ahead, becomes now."""
    text = "" if isinstance(value, bool) else str(value)
    seconds = float(text) / per_second if text.isascii() and text.isdigit() and len(text) <= 17 else 0.0  # noqa: PLR2004
    return datetime.fromtimestamp(seconds if 0 < seconds < now + DAY_S else now, UTC)


def _storable(value: Any, depth: int) -> Any:
    if not depth:
        raise InvalidInput(
            f"The callback is nested deeper than {DEPTH_LIMIT} levels.", remedy="Post it as the provider writes it."
        )
    match value:
        case dict():
            return {_text(name): _storable(one, depth - 1) for name, one in value.items()}
        case list():
            return [_storable(one, depth - 1) for one in value]
        case str():
            return _text(value)
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def _text(value: str) -> str:
    value = value[:TEXT_LIMIT]
    return value if value.isascii() and "\0" not in value else value.translate(_UNSTORABLE)


def _no_number(name: str) -> None:
    """JSON has no NaN and no Infinity; PostgreSQL refuses them."""
