"""Values as a reader of the language expects them: quoted texts, numbers and dates in that language's format."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from rules.conditions.phrases import PHRASES, Language

_LONGEST = 200
_MOST = 8
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_SWAPPED = str.maketrans(",.", ".,")


def phrase(language: Language, key: str, **places: str) -> str:
    return PHRASES[language][key].format(**places)


def quoted(text: str) -> str:
    """Put text in quotes on one line, cut if it is long."""
    return json.dumps(_cut(text), ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def name(words: str | tuple[str, ...]) -> str:
    """Write an attribute's name, in quotes if it would not be recognised as a name."""
    plain = words if isinstance(words, str) else ".".join(words)
    return plain if re.fullmatch(r"\w+(?:[.-]\w+)*", plain) and len(plain) <= _LONGEST else quoted(plain)


def number(value: float | Decimal, language: Language) -> str:
    written = f"{value:,}".removesuffix(".0")
    return written.translate(_SWAPPED) if language is Language.VI else written


def value(one: Any, language: Language) -> str:
    """Write a JSON value."""
    if isinstance(one, bool):
        return phrase(language, "true" if one else "false")
    if isinstance(one, int | float | Decimal):
        return number(one, language)
    if isinstance(one, str):
        return quoted(one)
    return phrase(language, "null") if one is None else _cut(json.dumps(one, ensure_ascii=False, default=str))


def listed(written: Iterable[str], language: Language, last: str = "or") -> str:
    """Join with commas and a final "and" or "or", and say how many more there are."""
    words = list(written)
    if len(words) > _MOST:
        words = [*words[:_MOST], phrase(language, "more", count=number(len(words) - _MOST, language))]
    joined = phrase(language, last)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])}{joined}{words[-1]}"


def days(count: float, language: Language) -> str:
    """Write a length of time: "1 day", "30 days"."""
    if count == 1:
        return phrase(language, "one day")
    return phrase(language, "n days", count=number(count, language))


def last_days(count: float, language: Language) -> str:
    """Write what follows "in the last": "day", "30 days"."""
    return phrase(language, "1 day") if count == 1 else days(count, language)


def date(at: datetime, language: Language) -> str:
    """Write an instant in its own zone; midnight UTC stands for a whole day and is written as a day."""
    if language is Language.VI:
        day = f"ngày {at.day:02}/{at.month:02}/{at.year}"
    else:
        day = f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
    if at.timetz() == time(tzinfo=UTC):
        return day
    clock = f"{at.time().isoformat('auto' if at.second or at.microsecond else 'minutes')} ({at.tzname()})"
    return f"{clock} {day}" if language is Language.VI else f"{day}, {clock}"
