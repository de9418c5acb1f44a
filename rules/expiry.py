"""How long a message may still be sent: once it is too old to be useful, it is not sent at all."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from rules.words import Lane

# An answer to an event is only useful on its day. A bulk message may outlast a provider's daily quota and a weekend
# outage.
USUAL: Mapping[Lane, timedelta] = MappingProxyType({Lane.REALTIME: timedelta(hours=24), Lane.BULK: timedelta(days=7)})
LONGEST_MINUTES = 365 * 24 * 60


def expiry(queued_at: datetime, lane: Lane, *, good_for: timedelta | None, ends_at: datetime | None) -> datetime:
    """Give when a message queued at `queued_at` expires: after `good_for`, but never after its campaign's end."""
    late = queued_at + (USUAL[lane] if good_for is None else good_for)
    return late if ends_at is None else min(late, ends_at)
