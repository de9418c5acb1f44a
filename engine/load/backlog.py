"""The backlog: people who wait to be decided for and messages that wait to be sent, looked at each second."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic, time
from uuid import UUID

from engine.db import Database
from engine.queries import queries

EVERY_S = 1.0
# At the end, when it should be gone within seconds.
LAST_EVERY_S = 0.1
_SQL = queries("load")


@dataclass(frozen=True, slots=True)
class Sample:
    """At a moment (Unix seconds): people to be decided for, and messages queued or in hand."""

    at: float
    undecided: int
    unsent: int

    @property
    def waiting(self) -> int:
        return self.undecided + self.unsent


@dataclass(slots=True)
class Backlog:
    """Samples in the order of time."""

    db: Database
    tenant_id: UUID
    samples: list[Sample] = field(default_factory=list)

    async def look(self) -> Sample:
        async with self.db.transaction(self.tenant_id, read_only=True) as connection:
            row = await (await connection.execute(_SQL["backlog"])).fetchone()
        found = row or {"undecided": 0, "unsent": 0}
        sample = Sample(time(), int(found["undecided"]), int(found["unsent"]))
        self.samples.append(sample)
        return sample

    async def drain(self, *, seconds: float) -> None:
        """Look until nothing waits any more, for so long at most."""
        for _ in range(round(seconds / LAST_EVERY_S)):
            if not (await self.look()).waiting:
                return
            await asyncio.sleep(LAST_EVERY_S)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look each second as long as the block runs."""

        async def watch() -> None:
            due = monotonic()
            while True:
                await self.look()
                due += EVERY_S
                await asyncio.sleep(max(0.0, due - monotonic()))

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def most(samples: Sequence[Sample]) -> int:
    """Give the longest backlog of some samples."""
    return max((sample.waiting for sample in samples), default=0)


def drain_s(samples: Sequence[Sample], *, after: float, before: float) -> float | None:
    """Give the seconds from `after` until nothing waited; None where something still did at `before`."""
    for sample in samples:
        if after <= sample.at <= before and sample.waiting == 0:
            return sample.at - after
    return None
