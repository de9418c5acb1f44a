"""Until when a message may still be sent: what comes later than it is good for is not sent at all."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from rules.words import Lane

# What answers an event is of its day. A bulk message may wait out a provider's daily quota and a week-end of outage.
USUAL: Mapping[Lane, timedelta] = MappingProxyType({Lane.REALTIME: timedelta(hours=24), Lane.BULK: timedelta(days=7)})
LONGEST_MINUTES = 365 * 24 * 60


def expiry(queued_at: datetime, lane: Lane, *, good_for: timedelta | None, ends_at: datetime | None) -> datetime:
    """Give when a message ends that was queued then: `good_for` later, never after its campaign's end."""
    late = queued_at + (USUAL[lane] if good_for is None else good_for)
    return late if ends_at is None else min(late, ends_at)
