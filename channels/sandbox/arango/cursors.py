"""Answers that did not fit one page, kept until they are fetched or too old."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

# ArangoDB's default, if the query does not say.
TTL_S = 30.0
_FIRST_ID = 120_000


@dataclass(slots=True)
class Cursor:
    """The rest of one answer. Only `database` may read it; a `dead` one is gone when it is asked for."""

    cursor_id: str
    database: str
    query: str
    rest: Sequence[str]
    batch: int
    ttl_s: float
    dead: bool = False
    until: float = field(default=0.0)


class Cursors:
    """The open cursors of all databases; times are those of a monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, Cursor] = {}
        self._next_id = _FIRST_ID

    def open(
        self, rest: Sequence[str], *, database: str, query: str, batch: int, ttl_s: float, dead: bool = False
    ) -> Cursor:
        """Keep the rest of an answer; cursors that are too old are removed."""
        now = self._clock()
        self._open = {key: one for key, one in self._open.items() if one.until > now}
        self._next_id += 1
        cursor = Cursor(str(self._next_id), database, query, rest, batch, ttl_s, dead=dead, until=now + ttl_s)
        self._open[cursor.cursor_id] = cursor
        return cursor

    def find(self, cursor_id: str, database: str) -> Cursor | None:
        """Find an open cursor and extend its life; None if it is gone."""
        cursor, now = self._open.get(cursor_id), self._clock()
        if cursor is None or cursor.database != database or cursor.dead or cursor.until <= now:
            return None
        cursor.until = now + cursor.ttl_s
        return cursor

    def take(self, cursor: Cursor) -> Sequence[str]:
        """Give the next page; the cursor closes with the last one."""
        page, cursor.rest = cursor.rest[: cursor.batch], cursor.rest[cursor.batch :]
        if not cursor.rest:
            self.close(cursor.cursor_id)
        return page

    def close(self, cursor_id: str) -> None:
        self._open.pop(cursor_id, None)

    def clear(self) -> None:
        self._open.clear()
