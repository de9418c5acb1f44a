"""A replica to read from, while it can be reached and is not too far behind; the primary otherwise.

The delay is measured by positions in the write-ahead log: each second the primary is asked how far it has written and
the replica how far it has replayed; the replica is as late as the oldest position that it has not replayed. So neither
differing clocks nor a replica that lost its primary can pass for one that is up to date.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from engine.db import Database
from engine.queries import queries
from engine.settings import Settings
from rules.errors import LeoError, Misconfigured

LOOK_S = 1.0
_SQL = queries("replica")
log = logging.getLogger(__name__)


class Lag:
    """How late a replica is; None until it was seen to replay something written while we were looking."""

    def __init__(self) -> None:
        self._written: deque[tuple[float, int]] = deque()
        self._has_followed = False

    def seen(self, *, at: float, written: int, replayed: int) -> float | None:
        """Take both positions, seen `at`; give the seconds that the replica is behind."""
        if not self._written or written > self._written[-1][1]:
            self._written.append((at, written))
        while self._written and self._written[0][1] <= replayed:
            self._written.popleft()
            self._has_followed = True
        if not self._written:
            return 0.0
        return at - self._written[0][0] if self._has_followed else None


@asynccontextmanager
async def watched(primary: Database, settings: Settings) -> AsyncIterator[None]:
    """Keep `primary.replica` set to the replica of these settings whenever it can be read from."""
    if settings.replica_url is None:
        yield
        return
    watching = asyncio.create_task(_watch(primary, settings, settings.replica_url.get_secret_value()))
    try:
        yield
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def _watch(primary: Database, settings: Settings, url: str) -> None:
    why = ""
    while True:
        try:
            async with Database.open(url, settings) as replica:
                await _follow(primary, replica, most_s=settings.replica_lag_s)
        except LeoError as error:
            if str(error) != why:
                log.warning("the replica is not read from", extra={"error": str(error)})
            why = str(error)
        finally:
            primary.replica = None
        await asyncio.sleep(LOOK_S)


async def _follow(primary: Database, replica: Database, *, most_s: float) -> None:
    """Look each second; raises LeoError if either server cannot be asked."""
    lag = Lag()
    while True:
        written, replayed = await _place(primary, "written"), await _place(replica, "replayed")
        if replayed is None:
            raise Misconfigured("LEO_REPLICA_URL names no replica.", remedy="Name a standby, or unset it.")
        late = lag.seen(at=monotonic(), written=written or 0, replayed=replayed)
        is_usable = late is not None and late <= most_s
        if is_usable is not (primary.replica is not None):
            log.info("replica", extra={"read_from": is_usable, "late_s": late})
        primary.replica = replica if is_usable else None
        await asyncio.sleep(LOOK_S)


async def _place(db: Database, name: str) -> int | None:
    async with db.before_tenant() as conn:
        row = await (await conn.execute(_SQL[name])).fetchone()
    return None if row is None else row["place"]
