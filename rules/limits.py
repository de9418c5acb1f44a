"""How fast all workers together may call a channel: a token bucket stored as a single instant.

`spent_until` is when everything taken so far will have been refilled at the pace's rate; if it is in the past, the
bucket is full. Taking a whole batch moves it once. Bulk leaves part of the bucket to the realtime lane.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from rules.errors import InvalidInput
from rules.words import Lane

MOST_PER_SECOND = 100_000.0
_KNOWN = ("per_second", "burst", "recipient_s")
_REMEDY = 'Write limits as {"per_second": 25, "burst": 5, "recipient_s": 1}; each may be left out, null means no limit.'
_TICK_S = 1e-6  # The resolution of a datetime.


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`rate` messages a second in the long run, `burst` at once, `recipient_s` seconds between two to the same person.

    None stands for no limit.
    """

    rate: float | None = None
    burst: int = 1
    recipient_s: float | None = None

    @classmethod
    def within(cls, per_second: float | None, *, burst: int | None = None, recipient_s: float | None = None) -> Self:
        """Give a pace with at most `per_second` messages in any second; if a `burst` is given, that many more."""
        if per_second is None or burst is not None:
            return cls(rate=per_second, burst=burst or 1, recipient_s=recipient_s)
        # A worker looks for bulk work every 0.1 s; a smaller bucket would overflow in between and lose capacity.
        at_once = max(1, int(per_second / 5))
        return cls(rate=per_second - at_once + 1, burst=at_once, recipient_s=recipient_s)

    @property
    def is_limited(self) -> bool:
        return self.rate is not None or self.recipient_s is not None


UNLIMITED = Pace()


def read_pace(document: Any, default: Pace) -> Pace:
    """Read a channel's setting `limits`; names that are left out keep the provider's pace. Raises InvalidInput."""
    if document is None:
        return default
    if not isinstance(document, Mapping) or not set(document) <= set(_KNOWN):
        raise InvalidInput("The limits of the channel cannot be read.", remedy=_REMEDY)
    recipient_s = _number(document, "recipient_s", default.recipient_s)
    if "per_second" not in document and "burst" not in document:
        return Pace(rate=default.rate, burst=default.burst, recipient_s=recipient_s)
    per_second = _number(document, "per_second", default.rate)
    return Pace.within(per_second, burst=_burst_of(document.get("burst")), recipient_s=recipient_s)


def allowed(pace: Pace, spent_until: datetime | None, now: datetime, *, lane: Lane) -> int | None:
    """Give how many messages the lane may take now; None for any number."""
    if pace.rate is None:
        return None
    ahead_s = 0.0 if spent_until is None else max((spent_until - now).total_seconds(), 0.0)
    free = _burst(pace, lane) - ahead_s * pace.rate
    return max(int(free + _TICK_S * pace.rate), 0)


def spend(pace: Pace, spent_until: datetime | None, now: datetime, count: int) -> datetime | None:
    """Give `spent_until` after `count` messages were taken."""
    if pace.rate is None:
        return spent_until
    start = now if spent_until is None else max(spent_until, now)
    return start + timedelta(microseconds=-int(-count * 1_000_000 / pace.rate // 1))


def free_at(pace: Pace, spent_until: datetime | None, now: datetime, *, lane: Lane) -> datetime:
    """Give when the lane may next take a message."""
    if pace.rate is None or spent_until is None:
        return now
    at = spent_until - timedelta(seconds=(_burst(pace, lane) - 1) / pace.rate)
    return max(at, now)


def _burst(pace: Pace, lane: Lane) -> int:
    """Keep a fifth, at least one, from bulk, so that realtime never waits for it. A burst of one cannot be divided."""
    if lane is Lane.REALTIME or pace.burst == 1:
        return pace.burst
    return pace.burst - max(1, pace.burst // 5)


def _burst_of(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_PER_SECOND:
        raise InvalidInput(f"A burst is a whole number above 0, not {value!r}.", remedy=_REMEDY)
    return value


def _number(document: Mapping[str, Any], name: str, default: float | None) -> float | None:
    value = document.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_PER_SECOND:
        raise InvalidInput(f"{name} is a number above 0, not {value!r}.", remedy=_REMEDY)
    return float(value)
