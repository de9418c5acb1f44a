"""Generated documents: what number n of a collection contains, and its text, made when it is asked for.

A thousand people differ in everything, then the kinds repeat: those of one cohort share a text that is written once and
has slots such as `%(key)s` for what is individual. That makes a page of 1,000 in a few milliseconds.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from channels.sandbox.arango.keys import COHORTS, Keys

Document = Mapping[str, Any]
Fields = tuple[str, ...]

DAY_MS = 86_400_000
# Each set of fields that somebody asks for has texts of its own, a few MB each.
_MOST_PROJECTIONS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r'"%\((\w+)\)d"')


class Generated:
    """The documents 0..count-1 of one collection, at even intervals of time up to `until_ms`."""

    def __init__(
        self,
        name: str,
        *,
        seed: int,
        count: int,
        until_ms: int,
        days: int,
        make: Callable[[int], Document],
        own: Callable[[int], Mapping[str, Any]],
    ) -> None:
        self.count = count
        self.keys = Keys(f"{name}:{seed}", count)
        self._make = lru_cache(maxsize=COHORTS)(make)
        self._own = own
        self._step_ms = max(1, days * DAY_MS // max(1, count))
        self._first_ms = until_ms - count * self._step_ms
        self._texts: dict[Fields | None, list[str | None]] = {}

    def stamp(self, number: int) -> str:
        """Give the time of the document; a later number has a later one."""
        return stamp(self._first_ms + number * self._step_ms)

    def rev(self, number: int) -> str:
        return f"_k{number:07x}--"

    def cohort(self, number: int) -> Document:
        """Give what all documents of this number's cohort share, with the slots unfilled."""
        return self._make(number % COHORTS)

    def after(self, ts: str, key: str) -> int:
        """Give the first number that comes after this (time, key); `count` if there is none."""
        numbers = range(self.count)
        return bisect_right(numbers, (ts, key), key=lambda number: (self.stamp(number), self.keys.key(number)))

    def text(self, number: int, key: str, ts: str, fields: Fields | None) -> str:
        """Give a document as JSON (see `written`); with some of its fields, or all."""
        texts = self._texts.get(fields) or self._projection(fields)
        cohort = number % COHORTS
        text = texts[cohort]
        if text is None:
            text = texts[cohort] = _with_slots(projected(self._make(cohort), fields))
        return text % {"key": key, "rev": f"_k{number:07x}--", "at": ts, **self._own(number)}

    def document(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = read(self.text(number, self.keys.key(number), self.stamp(number), None))
        return found

    def _projection(self, fields: Fields | None) -> list[str | None]:
        if len(self._texts) >= _MOST_PROJECTIONS:
            self._texts.clear()
        return self._texts.setdefault(fields, [None] * COHORTS)


def stamp(ms: int) -> str:
    """Write milliseconds since 1970 as LEO CDP writes a time: `2026-03-25T05:59:23.694Z`."""
    day, rest = divmod(ms, DAY_MS)
    seconds, ms = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    return f"{_day(day)}{minutes // 60:02}:{minutes % 60:02}:{second:02}.{ms:03}Z"


def written(value: Any) -> str:
    """Write JSON with its UTF-8 bytes as the characters of the same codes.

    Such a text takes one byte per character, and a page of them becomes the bytes of an answer without any decoding.
    """
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode().decode("latin-1")
    except UnicodeEncodeError:  # an unpaired surrogate, which JSON can only escape
        return json.dumps(value, separators=(",", ":"))


def read(text: str) -> Any:
    """Read what `written` wrote."""
    return json.loads(text.encode("latin-1"))


def projected(document: Document, fields: Sequence[str] | None) -> Document:
    """Keep these fields, as AQL's KEEP does."""
    return document if fields is None else {name: document[name] for name in fields if name in document}


def _with_slots(document: Document) -> str:
    return _NUMBER.sub(r"%(\1)d", written(document))


@lru_cache(maxsize=4096)
def _day(day: int) -> str:
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}T"
