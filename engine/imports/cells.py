"""What a cell of a CSV file says, once its column says what type it has. Each reader raises ValueError."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

_YES = frozenset({"yes", "y", "true", "1", "có", "co"})
_NO = frozenset({"no", "n", "false", "0", "không", "khong"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_BETWEEN = re.compile(r"[,;|]")


def number(text: str) -> int | float:
    """Read a number written with a decimal point and without separators."""
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        read = float(text)
    except ValueError:
        read = math.nan
    if not math.isfinite(read):
        raise ValueError("it is no number")
    return read


def yes_or_no(text: str) -> bool:
    word = text.casefold()
    if word not in _YES and word not in _NO:
        raise ValueError("it is neither yes nor no")
    return word in _YES


def day(text: str) -> str:
    """Give a date, or an instant if it has a time, as ISO 8601; in 31/12/2025 the day comes first."""
    try:
        return date.fromisoformat(_iso(text)).isoformat()
    except ValueError:
        return _instant(text).isoformat()


def instant(text: str, zone: ZoneInfo) -> datetime:
    """Read a date or an instant; without a zone it is in `zone`."""
    at = _instant(text)
    return at if at.tzinfo else at.replace(tzinfo=zone)


def items(text: str) -> list[str]:
    """Split a list at its commas, semicolons or bars."""
    return [item for one in _BETWEEN.split(text) if (item := one.strip())]


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(_iso(text))
    except ValueError as error:
        raise ValueError("it is no date; write 2025-12-31 or 31/12/2025") from error


def _iso(text: str) -> str:
    found = _DAY_FIRST.match(text)
    if found is None:
        return text
    return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}{text[found.end() :]}"


# By the suffix of a heading: "Số đơn:number".
KINDS: Mapping[str, Callable[[str], Any]] = {
    "text": str,
    "number": number,
    "bool": yes_or_no,
    "date": day,
    "list": items,
}
