"""Dates and times on the reader's clock and in the reader's words."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from engine.templates.filters.reader import Reader
from engine.templates.filters.unfit import Unfit

LONGEST_FORMAT = 100
LONGEST_TEXT = 64
EARLIEST, LATEST = 1, 9998
"""Years: a zone could move a moment nearer to the limits of datetime beyond them."""
DIRECTIVE = re.compile(r"%(-?)([a-zA-Z%])")
DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
EPOCH = re.compile(r"-?\d{9,11}(\.\d+)?")

WEEKDAYS = {
    True: ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ Nhật"),
    False: ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
SHORT_WEEKDAYS = {True: ("T2", "T3", "T4", "T5", "T6", "T7", "CN"), False: tuple(name[:3] for name in WEEKDAYS[False])}
MONTHS = {
    True: tuple(f"tháng {number}" for number in range(1, 13)),
    False: (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}
SHORT_MONTHS = {True: tuple(f"Th{number}" for number in range(1, 13)), False: tuple(name[:3] for name in MONTHS[False])}
NAMED: Mapping[str, Mapping[bool, str]] = {
    "short": {True: "%d/%m/%Y", False: "%-d %b %Y"},
    "long": {True: "ngày %-d %B năm %Y", False: "%-d %B %Y"},
    "weekday": {True: "%A, %d/%m/%Y", False: "%A, %-d %B %Y"},
    "time": {True: "%H:%M", False: "%H:%M"},
    "moment": {True: "%H:%M %d/%m/%Y", False: "%-d %b %Y, %H:%M"},
}
# Numbers are (width, value); words depend on the language.
NUMBERS: Mapping[str, tuple[int, Callable[[datetime], int]]] = {
    "d": (2, lambda at: at.day),
    "m": (2, lambda at: at.month),
    "Y": (4, lambda at: at.year),
    "y": (2, lambda at: at.year % 100),
    "H": (2, lambda at: at.hour),
    "I": (2, lambda at: at.hour % 12 or 12),
    "M": (2, lambda at: at.minute),
    "S": (2, lambda at: at.second),
    "j": (3, lambda at: at.timetuple().tm_yday),
}


def written(value: Any, reader: Reader, form: Any = "short") -> str:
    """Write a date or moment as `form` says: short, long, weekday, time, moment, or letters such as `%d/%m`.

    Raises Unfit if it is not a moment, and for an unknown form.
    """
    at = _moment(value, reader)
    pattern = str(form)
    if len(pattern) > LONGEST_FORMAT:
        raise Unfit("long_form", most=LONGEST_FORMAT)
    if pattern in NAMED:
        pattern = NAMED[pattern][reader.is_vietnamese]
    elif "%" not in pattern:
        raise Unfit("no_form", known=", ".join(NAMED))
    return DIRECTIVE.sub(lambda found: _part(found, at, is_vietnamese=reader.is_vietnamese), pattern)


def days_until(value: Any, reader: Reader) -> int:
    """Count the days from today to that day on the reader's calendar; negative if it is past."""
    return (_moment(value, reader).date() - reader.moment().date()).days


def _part(found: re.Match[str], at: datetime, *, is_vietnamese: bool) -> str:
    is_short, letter = bool(found[1]), found[2]
    if letter in NUMBERS:
        width, value = NUMBERS[letter]
        return str(value(at)) if is_short else str(value(at)).zfill(width)
    words = {
        "A": WEEKDAYS[is_vietnamese][at.weekday()],
        "a": SHORT_WEEKDAYS[is_vietnamese][at.weekday()],
        "B": MONTHS[is_vietnamese][at.month - 1],
        "b": SHORT_MONTHS[is_vietnamese][at.month - 1],
        "p": ("SA" if at.hour < 12 else "CH") if is_vietnamese else ("AM" if at.hour < 12 else "PM"),  # noqa: PLR2004
        "%": "%",
    }
    if letter not in words:
        raise Unfit("no_part", letter=letter)
    return words[letter]


def _moment(value: Any, reader: Reader) -> datetime:
    """Read ISO 8601, 31/01/2027, Unix seconds or "now"; a date alone is that day in the reader's zone."""
    if isinstance(value, datetime):
        return _within(value, reader)
    if isinstance(value, date):
        return _within(datetime.combine(value, time()), reader)
    text = str(value).strip() if value is not None and not isinstance(value, bool) else ""
    if text in {"now", "today"}:
        return reader.moment()
    if len(text) > LONGEST_TEXT:
        raise Unfit("long_date")
    if EPOCH.fullmatch(text):
        return _within(datetime.fromtimestamp(float(text), UTC), reader)
    day_first = DAY_FIRST.fullmatch(text)
    try:
        if day_first:
            return _within(datetime(int(day_first[3]), int(day_first[2]), int(day_first[1])), reader)  # noqa: DTZ001
        return _within(datetime.fromisoformat(text), reader)
    except ValueError:
        raise Unfit("no_date") from None


def _within(moment: datetime, reader: Reader) -> datetime:
    if not EARLIEST < moment.year < LATEST:
        raise Unfit("no_year")
    return reader.local(moment)
