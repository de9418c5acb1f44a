"""Dates as rules understand them: one form of ISO 8601, instants relative to now, and anniversaries.

PATTERN alone decides which text is a date, so that Python, PostgreSQL and JSON Schema agree; it knows the days of each
month and leap years. It must be anchored by its user and keeps to what the three dialects of regular expressions share.
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
    """Read an instant; without a zone it is UTC, and a day alone means its midnight. None if it is not a date."""
    if _match(text) is None:
        return None
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def day(text: str) -> date | None:
    """Give the day that a date's text begins with, whatever its zone. None if it is not a date."""
    return None if _match(text) is None else date.fromisoformat(text[:_DATE_LENGTH])


def days_before(now: datetime, days: float) -> datetime:
    """Give the instant so many days of 86,400 seconds before now, to the microsecond."""
    return now - timedelta(days=days)


def resolve(bound: datetime | Ago, now: datetime) -> datetime:
    """Give the instant that a bound stands for at `now`."""
    return days_before(now, bound.days) if isinstance(bound, Ago) else bound


def comes_within(born: date, today: date, days: int) -> bool:
    """Whether the anniversary is today or within the next `days` days; without a 29 February it is kept on the 28th."""
    this_year = _anniversary(born, today.year)
    following = this_year if this_year >= today else _anniversary(born, today.year + 1)
    return (following - today).days <= days


def anniversaries(today: date, days: int) -> list[str]:
    """The same as a list of `MM-DD`: birthdays whose anniversary is today or within the next `days` days."""
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
