"""What differs between two JSON documents, place by place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.identity import canonical

ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place, such as candidates[0].reasons[1].text, with what stands there in each; ABSENT where nothing does."""

    place: str
    stored: Any
    found: Any

    def to_document(self) -> dict[str, Any]:
        return {"place": self.place, "stored": self.stored, "found": self.found}


def differences(stored: Any, found: Any, *, place: str = "") -> Iterator[Difference]:
    """Give each place where two JSON documents are not written the same; numbers by their digits, 1 is not 1.0."""
    if canonical(stored) == canonical(found):
        return
    if isinstance(stored, Mapping) and isinstance(found, Mapping):
        for name in sorted({*stored, *found}):
            yield from _within(stored, found, name, f"{place}.{name}" if place else str(name))
    elif isinstance(stored, list) and isinstance(found, list):
        one, other = dict(enumerate(stored)), dict(enumerate(found))
        for index in range(max(len(stored), len(found))):
            yield from _within(one, other, index, f"{place}[{index}]")
    else:
        yield Difference(place, stored, found)


def _within(stored: Mapping[Any, Any], found: Mapping[Any, Any], name: Any, place: str) -> Iterator[Difference]:
    if name in stored and name in found:
        yield from differences(stored[name], found[name], place=place)
    else:
        yield Difference(place, stored.get(name, ABSENT), found.get(name, ABSENT))
