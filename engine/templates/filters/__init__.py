"""The filters that Liquid lacks for people in Vietnam; each takes the value, the reader and what the template adds."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.templates.filters import amounts, moments, names
from engine.templates.filters.reader import HOME, KEY, Reader, reader_of
from engine.templates.filters.unfit import Unfit

__all__ = ["FILTERS", "HOME", "KEY", "Reader", "Unfit", "reader_of"]

FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": amounts.number,
    "dong": amounts.dong,
    "dong_short": amounts.dong_short,
    "percent": amounts.percent,
    # Replaces Liquid's own, which knows neither the reader's zone nor the words, and reads the clock itself.
    "date": moments.written,
    "days_until": moments.days_until,
    "full_name": names.full_name,
    "given_name": names.given_name,
    "family_name": names.family_name,
    "salutation": names.salutation,
    "unaccented": names.unaccented,
    "phone": names.phone,
    "masked": names.masked,
}
