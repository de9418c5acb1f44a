"""Reader sessions kept open for a moment after their work, for the next caller with the same graph, one at a time."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

# Somebody who is exploring clicks again within a minute.
KEPT_S = 60.0
MOST = 16

Session = AsyncConnection[TupleRow]
Opened = tuple[Session, str]
"""A session and the name of the graph that it reads."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    opened: Opened
    end: asyncio.TimerHandle


class Idle:
    """At most one session for each key and `most` in all; the one that has waited longest makes room."""

    def __init__(self, *, most: int = MOST, kept_s: float = KEPT_S) -> None:
        self._most = most
        self._kept_s = kept_s
        self._waiting: dict[Hashable, _Waiting] = {}

    def take(self, key: Hashable) -> Opened | None:
        """Take the session that waits, unless the server has ended it meanwhile."""
        found = self._waiting.pop(key, None)
        if found is None:
            return None
        found.end.cancel()
        session, _ = found.opened
        if _is_alive(session):
            return found.opened
        session.pgconn.finish()
        return None

    def keep(self, key: Hashable, opened: Opened) -> None:
        """Keep a session that has nothing more to do."""
        self._end(key)
        while len(self._waiting) >= self._most:
            self._end(next(iter(self._waiting)))
        timer = asyncio.get_running_loop().call_later(self._kept_s, self._end, key)
        self._waiting[key] = _Waiting(opened, timer)

    def close(self) -> None:
        """End all of them."""
        for key in tuple(self._waiting):
            self._end(key)

    def _end(self, key: Hashable) -> None:
        if found := self._waiting.pop(key, None):
            found.end.cancel()
            found.opened[0].pgconn.finish()


def _is_alive(session: Session) -> bool:
    """Look at what the server has sent: its farewell first, then the end of the connection. Nothing is asked."""
    try:
        for _ in range(2):
            session.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return session.info.transaction_status is TransactionStatus.IDLE
