"""Dates as rules know them: one shape of ISO 8601, instants seen from now, and anniversaries.

PATTERN decides alone which text is a date, so that Python, PostgreSQL and JSON Schema agree: days of the month and leap
years are in it. It needs anchors and holds only what the three kinds of regular expression share.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import partial

from rules.conditions.nodes import Ago

_MONTHS = (
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])"
)
_LEAP_YEAR = "(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY = f"(?!0000)(?:[0-9][0-9][0-9][0-9]-(?:{_MONTHS})|{_LEAP_YEAR}-02-29)"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?"
_OFFSET = "Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9]"
PATTERN = f"{_DAY}(?:[T ]{_TIME}(?:{_OFFSET})?)?"

_DATE_LENGTH = len("2026-05-01")
_match = partial(re.fullmatch, PATTERN)


def instant(text: str) -> datetime | None:
    """Read an instant; one without a zone is UTC, a day alone its midnight. None where it is none."""
    if _match(text) is None:
        return None
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def day(text: str) -> date | None:
    """Give the day that a date's text begins with, whatever its zone. None where it is none."""
    return None if _match(text) is None else date.fromisoformat(text[:_DATE_LENGTH])


def days_before(now: datetime, days: float) -> datetime:
    """Give the instant so many days of 86,400 seconds before now, to the microsecond."""
    return now - timedelta(days=days)


def resolve(bound: datetime | Ago, now: datetime) -> datetime:
    """Give the instant that a bound means now."""
    return days_before(now, bound.days) if isinstance(bound, Ago) else bound


def comes_within(born: date, today: date, days: int) -> bool:
    """Whether the anniversary is today or in the next `days` days; 29 February is on the 28th if need be."""
    this_year = _anniversary(born, today.year)
    following = this_year if this_year >= today else _anniversary(born, today.year + 1)
    return (following - today).days <= days


def anniversaries(today: date, days: int) -> list[str]:
    """Give the same as `MM-DD`: which days of birth have their anniversary today or in the next `days` days."""
    coming = [today + timedelta(days=ahead) for ahead in range(days + 1)]
    written = {one.strftime("%m-%d") for one in coming}
    if any((one.month, one.day) == (2, 28) and not _is_leap(one.year) for one in coming):
        written.add("02-29")
    return sorted(written)


def _anniversary(born: date, year: int) -> date:
    if (born.month, born.day) == (2, 29) and not _is_leap(year):
        return date(year, 2, 28)
    return date(year, born.month, born.day)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
