"""One collection: the generated documents, overlaid with those that were written, changed or removed."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from channels.sandbox.arango.generated import Document, Fields, Generated, projected, read, written
from channels.sandbox.arango.keys import COHORTS

Marks = frozenset[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that differs from the generated one. With `at` None, its time is one that no page by time reaches."""

    text: str
    rev: str
    at: str | None
    marks: Marks


class Collection:
    """Documents by key, in the orders that the sync pages through; texts are JSON as `written` writes it."""

    def __init__(self, generated: Generated, *, time_field: str, marks: Callable[[Document], Marks]) -> None:
        self.generated = generated
        self._time_field = time_field
        self._marks_of = marks
        self._cohort_marks: list[Marks] = []
        self.kept: dict[str, Kept] = {}
        self.hidden: set[int] = set()
        self._times: list[tuple[str, str]] = []
        self._keys: list[str] = []
        self._numbered: dict[str, list[int | str]] = {}

    def __len__(self) -> int:
        return self.generated.count - len(self.hidden) + len(self.kept)

    def __contains__(self, key: str) -> bool:
        return key in self.kept or self._number(key) is not None

    # --- reading ---

    def changed(self, ts: str, key: str, n: int, fields: Fields | None, *, among: Marks | None = None) -> list[str]:
        """Give at most n documents that come after this (time, key), in that order; with one of the marks."""
        kept = (
            (at, key, -1)
            for at, key in islice(self._times, bisect_right(self._times, (ts, key)), None)
            if among is None or self.kept[key].marks & among
        )
        found = islice(merge(self._generated_after(ts, key, among), kept), n)
        return [
            self._kept_text(key, fields) if number < 0 else self.generated.text(number, key, at, fields)
            for at, key, number in found
        ]

    def by_keys(self, keys: Iterable[str], fields: Fields | None) -> list[str]:
        """Give those of the documents that exist, each once."""
        return [text for key in dict.fromkeys(keys) if (text := self._text(key, fields)) is not None]

    def revisions(self, key: str, n: int) -> list[tuple[str, str]]:
        """Give at most n (key, revision) after this key, in the order of keys."""
        rev = self.generated.rev
        return [
            (key, self.kept[key].rev if number < 0 else rev(number))
            for key, number in islice(self._keys_after(key, None), n)
        ]

    def marked(self, mark: str, key: str, n: int) -> list[str]:
        """Give at most n keys after this one, of documents with this mark, in the order of keys."""
        return [key for key, _ in islice(self._keys_after(key, mark), n)]

    def numbered(
        self, name: str, start: int, n: int, fields: Fields, *, is_wanted: Callable[[Document], bool]
    ) -> list[str]:
        """Give at most n wanted documents from a position on, in an order that stays until one is written.

        Which are wanted is computed once per name, so that far pages cost what the first does.
        """
        found = self._numbered.get(name)
        if found is None:
            found = self._numbered[name] = self._number_all(is_wanted)
        return [
            self._kept_text(one, fields) if isinstance(one, str) else self._generated_text(one, fields)
            for one in found[start : start + n]
        ]

    def get(self, key: str) -> dict[str, Any] | None:
        text = self._text(key, None)
        return None if text is None else read(text)

    def cohort_marks(self) -> list[Marks]:
        if not self._cohort_marks:
            cohorts = range(min(COHORTS, self.generated.count))
            self._cohort_marks = [self._marks_of(self.generated.cohort(one)) for one in cohorts]
        return self._cohort_marks

    # --- writing ---

    def put(self, document: Mapping[str, Any]) -> None:
        """Write a document that has `_key` and `_rev`, replacing the one with its key, if any."""
        key = document["_key"]
        self.remove(key)
        at = document.get(self._time_field)
        # AQL sorts null, booleans and numbers before every text, lists and objects after; pages begin at "".
        time = at if isinstance(at, str) else None if isinstance(at, list | dict) else ""
        self.kept[key] = Kept(written(document), document["_rev"], time, self._marks_of(document))
        insort(self._keys, key)
        if time is not None:
            insort(self._times, (time, key))

    def remove(self, key: str) -> bool:
        """Remove a document; False if there was none."""
        self._numbered.clear()
        number = self._number(key)
        if number is not None:
            self.hidden.add(number)
        before = self.kept.pop(key, None)
        if before is None:
            return number is not None
        del self._keys[bisect_left(self._keys, key)]
        if before.at is not None:
            del self._times[bisect_left(self._times, (before.at, key))]
        return True

    # --- inside ---

    def _number(self, key: str) -> int | None:
        """Give the number of a document that is still as generated."""
        number = self.generated.keys.number(key)
        return None if number in self.hidden else number

    def _text(self, key: str, fields: Fields | None) -> str | None:
        if key in self.kept:
            return self._kept_text(key, fields)
        number = self._number(key)
        return None if number is None else self._generated_text(number, fields)

    def _generated_text(self, number: int, fields: Fields | None) -> str:
        made = self.generated
        return made.text(number, made.keys.key(number), made.stamp(number), fields)

    def _number_all(self, is_wanted: Callable[[Document], bool]) -> list[int | str]:
        made = self.generated
        cohorts = {cohort for cohort in range(min(COHORTS, made.count)) if is_wanted(made.cohort(cohort))}
        numbers = (one for one in range(made.count) if one % COHORTS in cohorts and one not in self.hidden)
        return [*numbers, *(key for key in self._keys if is_wanted(read(self.kept[key].text)))]

    def _kept_text(self, key: str, fields: Fields | None) -> str:
        text = self.kept[key].text
        return text if fields is None else written(projected(read(text), fields))

    def _generated_after(self, ts: str, key: str, among: Marks | None) -> Iterator[tuple[str, str, int]]:
        source, hidden = self.generated, self.hidden
        if among is not None and not any(marks & among for marks in self.cohort_marks()):
            return
        marks = self.cohort_marks()
        for number in range(source.after(ts, key), source.count):
            if number in hidden or (among is not None and not marks[number % COHORTS] & among):
                continue
            yield source.stamp(number), source.keys.key(number), number

    def _keys_after(self, key: str, mark: str | None) -> Iterator[tuple[str, int]]:
        keys, hidden, marks = self.generated.keys, self.hidden, self.cohort_marks()
        numbers = keys.after(key, is_wanted=None if mark is None else lambda cohort: mark in marks[cohort])
        kept = (
            (key, -1)
            for key in islice(self._keys, bisect_right(self._keys, key), None)
            if mark is None or mark in self.kept[key].marks
        )
        return merge(((keys.key(number), number) for number in numbers if number not in hidden), kept)
