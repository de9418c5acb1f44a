"""One batch of the ledger as it is stored, and its tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules import merkle

WIDTH = 32


@dataclass(frozen=True, slots=True)
class Batch:
    """A sealed batch: the records after `after_id` up to `last_id`, their `leaves` in the order of `record_ids`."""

    number: int
    after_id: int
    last_id: int
    record_ids: Sequence[int]
    leaves: Sequence[bytes]
    root: bytes
    head: bytes
    sealed_at: datetime

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Batch":
        """Read a row of `batches`."""
        return cls(
            number=row["batch_no"],
            after_id=row["after_id"],
            last_id=row["last_id"],
            record_ids=row["record_ids"],
            leaves=[row["leaves"][place : place + WIDTH] for place in range(0, len(row["leaves"]), WIDTH)],
            root=row["root"],
            head=row["head"],
            sealed_at=row["sealed_at"],
        )

    def follows(self, previous: bytes) -> bool:
        """Whether root and head follow from the leaves, after the batch whose head is `previous`."""
        return self.root == merkle.root(self.leaves) and self.head == merkle.head(
            previous,
            self.root,
            number=self.number,
            after_id=self.after_id,
            last_id=self.last_id,
            count=len(self.record_ids),
        )
