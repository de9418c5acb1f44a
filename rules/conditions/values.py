"""Reads the values in a rule's JSON: each reader gives the value, or refuses it with its place and a reason.

Texts are composed (NFC), like every stored text. Anything too large is refused, so that a rule stays a question that
one SQL statement can carry.
"""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from rules.conditions.dates import instant
from rules.conditions.nodes import Ago, Pairs, Scalar
from rules.errors import InvalidInput
from rules.faults import Value, in_rule

MOST_LETTERS = 2_048
MOST_VALUES = 1_000
MOST_PAIRS = 100
MOST_STEPS = 20
MOST_TIMES = 1_000_000
# A hundred years, so that no instant leaves the range of both Python and PostgreSQL.
MOST_DAYS = 36_525
MOST_ANNIVERSARY_DAYS = 366
# Below the largest double, so that every JSON parser gives the same number.
LARGEST = 1e308

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def wrong(place: str, kind: str, **more: Value) -> InvalidInput:
    """Refuse the value at a place of the rule; `kind` is one of rules/faults/."""
    fault = in_rule(place, kind, **more)
    return InvalidInput(fault.say().en, remedy="See docs/segments.md.", fault=fault)


def text(value: Any, place: str, *, most: int = MOST_LETTERS, composed: bool = True) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise wrong(place, "no_text")
    return _stored(value, place, most=most, composed=composed)


def _stored(value: str, place: str, *, most: int = MOST_LETTERS, composed: bool = True) -> str:
    if len(value) > most:
        raise wrong(place, "too_long", most=most)
    # jsonb can hold neither NUL nor an unpaired surrogate.
    if any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in value):
        raise wrong(place, "not_stored")
    return unicodedata.normalize("NFC", value) if composed else value


def number(value: Any, place: str) -> int | float:
    """Read a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(place, "no_number")
    if not -LARGEST <= value <= LARGEST:
        raise wrong(place, "too_large")
    return value


def whole(value: Any, place: str, most: int, least: int = 0) -> int:
    """Read a whole number from `least` to `most`; in JSON 2 and 2.0 are the same number."""
    read = number(value, place)
    if not least <= read <= most or read != int(read):
        raise wrong(place, "no_whole_number", least=least, most=most)
    return int(read)


def amount(value: Any, place: str, most: float, least: float = 0) -> int | float:
    """Read a number from `least` to `most`."""
    read = number(value, place)
    if not least <= read <= most:
        raise wrong(place, "no_amount", least=least, most=most)
    return read


def flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(place, "no_flag")
    return value


def scalar(value: Any, place: str) -> Scalar:
    """Read text (even an empty one), a number, true, false or null."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _stored(value, place)
    if isinstance(value, int | float):
        return number(value, place)
    raise wrong(place, "no_scalar")


def many(value: Any, place: str, read: Callable[[Any, str], T], most: int = MOST_VALUES) -> tuple[T, ...]:
    """Read a list of one to `most` values."""
    if not isinstance(value, list) or not value:
        raise wrong(place, "no_list")
    if len(value) > most:
        raise wrong(place, "too_many", most=most)
    return tuple(read(one, f"{place}[{index}]") for index, one in enumerate(value))


def one_or_many(value: Any, place: str, read: Callable[[Any, str], T], most: int = MOST_VALUES) -> tuple[T, ...]:
    """Read one value or a list of distinct values."""
    if isinstance(value, list):
        return tuple(dict.fromkeys(many(value, place, read, most)))
    return (read(value, place),)


def word(value: Any, place: str, words: type[E]) -> E:
    """Read a word of our vocabulary."""
    if not isinstance(value, str) or value not in {*words}:
        raise wrong(place, "no_word", known=", ".join(words))
    return words(value)


def keys(node: Mapping[str, Any], place: str, *known: str) -> None:
    """Refuse keys that are not known."""
    for key in node:
        if key not in known:
            named = ascii(key[:40]) if isinstance(key, str) else "which is no text"
            raise wrong(place, "unknown_key", named=named, known=", ".join(known))


def pairs(value: Any, place: str) -> Pairs:
    """Read an object of scalars, sorted by name."""
    if not isinstance(value, Mapping) or len(value) > MOST_PAIRS:
        raise wrong(place, "no_pairs", most=MOST_PAIRS)
    read = {text(name, f"a name in {place}"): scalar(one, f"a value in {place}") for name, one in value.items()}
    if len(read) < len(value):
        raise wrong(place, "twice")
    return tuple(sorted(read.items(), key=lambda pair: pair[0]))


def bound(value: Any, place: str) -> datetime | Ago:
    """Read an instant, or {"days_ago": n}, which is in the future if n is negative."""
    if isinstance(value, Mapping):
        if set(value) != {"days_ago"}:
            raise wrong(place, "no_bound")
        return Ago(amount(value["days_ago"], f"{place}.days_ago", MOST_DAYS, -MOST_DAYS))
    read = instant(value) if isinstance(value, str) else None
    if read is None:
        raise wrong(place, "no_date")
    return read


def days(value: Any, place: str) -> int | float:
    return amount(value, place, MOST_DAYS)
