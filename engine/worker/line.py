"""A tenant's urgent batches that wait to be decided, and the turn of whoever decides all that wait at once.

If nothing waits, an event goes alone and at once; the more come meanwhile, the more go together the next time.
"""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import islice


class Line:
    """First come, first served; `turn` is held until what was taken is committed."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._places: dict[int, asyncio.Future[bool]] = {}

    def join(self, batch_id: int) -> asyncio.Future[bool]:
        """Queue up; in the end the place says whether the batch was decided with others, or has to be decided alone."""
        return self._places.setdefault(batch_id, asyncio.get_running_loop().create_future())

    def take(self, most: int) -> Mapping[int, asyncio.Future[bool]]:
        """Take those that have waited the longest; whoever takes them tells them the result."""
        taken = dict(islice(self._places.items(), most))
        for batch_id in taken:
            del self._places[batch_id]
        return taken


def tell(taken: Mapping[int, asyncio.Future[bool]], decided: Iterable[int]) -> None:
    """Tell those that were taken whether they are among those decided."""
    together = set(decided)
    for batch_id, place in taken.items():
        if not place.done():
            place.set_result(batch_id in together)
