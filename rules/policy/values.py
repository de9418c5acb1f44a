"""Reads the values in a policy's document, one by one: each reader gives the value, or refuses it naming the field."""

from collections.abc import Callable, Iterable, Mapping
from datetime import time
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from rules.errors import InvalidInput
from rules.faults import Value, in_policy
from rules.words import Channel

# Far above what any field can use, and far below where sums and spans of time would overflow.
LARGEST_NUMBER = 1_000_000
MOST_PARTS = 100
MOST_LETTERS = 500

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def wrong(name: str, kind: str, **more: Value) -> InvalidInput:
    """Refuse a field; `kind` is one of rules/faults/."""
    fault = in_policy(name, kind, **more)
    return InvalidInput(fault.say().en, remedy="See the fields in docs/policy.md.", fault=fault)


def mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong(name, "no_object")
    return value


def only(value: Mapping[str, Any], known: Iterable[str], inside: str = "") -> None:
    """Refuse unknown fields; `inside` is the name of the enclosing field, with a dot."""
    unknown = sorted(str(name) for name in set(value) - set(known))
    if unknown:
        raise wrong(", ".join(f"{inside}{name}" for name in unknown), "unknown")


def many(name: str, value: Any, read: Callable[[str, Any], T]) -> tuple[T, ...]:
    """Read a list, each part under its place, such as caps[0]."""
    if not isinstance(value, list):
        raise wrong(name, "no_list")
    if len(value) > MOST_PARTS:
        raise wrong(name, "too_many", most=MOST_PARTS)
    return tuple(read(f"{name}[{index}]", one) for index, one in enumerate(value))


def some(name: str, value: Any, read: Callable[[str, Any], T]) -> frozenset[T]:
    """Read a list that is not empty."""
    if value == []:
        raise wrong(name, "empty")
    return frozenset(many(name, value, read))


def boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise wrong(name, "no_flag")
    return value


def number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST_NUMBER:
        raise wrong(name, "no_number", most=LARGEST_NUMBER)
    return float(value)


def amount(name: str, value: Any) -> float:
    read = number(name, value)
    if read < 0:
        raise wrong(name, "below_zero")
    return read


def positive(name: str, value: Any) -> float:
    read = number(name, value)
    if read <= 0:
        raise wrong(name, "not_above_zero")
    return read


def whole(name: str, value: Any, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_NUMBER:
        raise wrong(name, "no_whole_number", least=least)
    return value


def share(name: str, value: Any) -> float:
    read = number(name, value)
    if not 0 <= read <= 1:
        raise wrong(name, "no_share")
    return read


def text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MOST_LETTERS:
        raise wrong(name, "no_text", most=MOST_LETTERS)
    # jsonb can hold neither NUL nor an unpaired surrogate.
    if any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in value):
        raise wrong(name, "not_stored")
    return value


def word(name: str, value: Any, words: type[E]) -> E:
    if not isinstance(value, str) or value not in {*words}:
        *first, last = words
        raise wrong(name, "no_word", first=", ".join(first), last=last)
    return words(value)


def channel(name: str, value: Any) -> Channel:
    return word(name, value, Channel)


def channels(name: str, value: Any) -> frozenset[Channel]:
    return some(name, value, channel)


def texts(name: str, value: Any) -> frozenset[str]:
    return some(name, value, text)


def zone(name: str, value: Any) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise wrong(name, "no_zone", given=repr(value)) from error
    return str(value)


def moment(name: str, value: Any) -> time:
    try:
        read = time.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise wrong(name, "no_time", given=repr(value)) from error
    if read.tzinfo is not None:
        raise wrong(name, "has_zone", given=repr(value))
    return read
