"""When each person was last heard of, which decides whether a provider lets anybody write to them."""

import time

HOUR_S = 3600.0


class Windows:
    """Everybody has just been heard of, until a control request says otherwise about somebody."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, str], float | None] = {}

    def hear(self, channel: str, address: str, *, hours_ago: float | None) -> None:
        """Set when a person was heard of; None for never."""
        self._heard[channel, address] = None if hours_ago is None else time.time() - hours_ago * HOUR_S

    def is_open(self, channel: str, address: str, *, hours: int) -> bool:
        """Say whether the person was heard of within so many hours."""
        at = self._heard.get((channel, address), time.time())
        return at is not None and time.time() - at < hours * HOUR_S

    def last(self, channel: str, address: str) -> float | None:
        """Give when the person was heard of, in Unix seconds; None for never."""
        return self._heard.get((channel, address), time.time())

    def clear(self) -> None:
        self._heard.clear()


class Minutes:
    """Counts the requests of each minute, as Zalo does: the count starts again with every minute of the clock."""

    def __init__(self) -> None:
        self._minute = 0
        self._counts: dict[str, int] = {}

    def count(self, name: str) -> int:
        """Count one more and give how many there were in this minute."""
        minute = int(time.time() // 60)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        self._counts[name] = self._counts.get(name, 0) + 1
        return self._counts[name]

    def clear(self) -> None:
        self._counts.clear()
