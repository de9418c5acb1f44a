"""How much memory each process of the site uses, second by second: growth under an even load is a leak."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import time

from engine.processes import background, track

EVERY_S = 1.0
OURS = ("api", "worker-realtime-0", "worker-bulk-0")
# The sandbox keeps every message for its counts and so always grows; it is shown but not judged.
SHOWN = (*OURS, "redis", "sandbox")
# Fewer samples than this say nothing about growth.
LEAST_SAMPLES = 60

Curve = Sequence[tuple[float, float]]
"""Unix seconds and MB."""


@dataclass(slots=True)
class Memory:
    """Curves by the names of processes, in the order of time."""

    home: Path
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look each second while the block runs."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    def look(self) -> None:
        for name in SHOWN:
            run = background.running(self.home, name)
            held = None if run is None else track.memory_mb(run)
            if held is not None:
                self.curves.setdefault(name, []).append((time(), held))

    async def _watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(EVERY_S)


def growth(curves: Mapping[str, Curve]) -> dict[str, float]:
    """Give for each of our processes its memory in the last quarter of the time divided by that in the second quarter.

    The first quarter is left out, because a process that has just started fills its caches.
    """
    found = {}
    for name in OURS:
        held = [megabytes for _, megabytes in curves.get(name, ())]
        quarter = len(held) // 4
        if len(held) >= LEAST_SAMPLES:
            found[name] = median(held[-quarter:]) / median(held[quarter : 2 * quarter])
    return found
