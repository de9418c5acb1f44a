"""What a sync did, in numbers."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class SyncCounts:
    """`read` counts documents of people; the reasons are sentences, `mended` those for what a document lost."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    merged: int = 0
    deleted: int = 0
    joined: int = 0
    left: int = 0
    segments: int = 0
    events: int = 0
    events_known: int = 0
    events_of_nobody: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    addresses_invalid: Counter[str] = field(default_factory=Counter)
    pages: int = 0
    pages_dropped: int = 0
    seconds: float = 0.0

    @property
    def per_s(self) -> float:
        """Documents of people a second."""
        return self.read / self.seconds if self.seconds else 0.0

    @property
    def is_nothing(self) -> bool:
        """Whether the source had nobody and nothing that was not taken before."""
        return not any((self.read, self.merged, self.deleted, self.joined, self.left, self.events, self.events_known))

    def as_document(self) -> dict[str, Any]:
        """Give the numbers as JSON; the reasons are objects of counts."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in plain.items()}
        return plain | {"seconds": round(self.seconds, 3), "per_s": round(self.per_s, 1)}
