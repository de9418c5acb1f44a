"""Until when a message may be sent: as long as it is good for, never beyond its campaign."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.expiry import expiry
from rules.words import Lane

NOW = datetime(2026, 3, 10, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("lane", "good_for", "ends_at", "after"),
    [
        (Lane.REALTIME, None, None, 24 * HOUR),
        (Lane.BULK, None, None, 7 * 24 * HOUR),
        (Lane.BULK, 2 * HOUR, None, 2 * HOUR),
        (Lane.REALTIME, 48 * HOUR, None, 48 * HOUR),
        (Lane.BULK, None, NOW + HOUR, HOUR),
        (Lane.BULK, 2 * HOUR, NOW + HOUR, HOUR),
        (Lane.BULK, 2 * HOUR, NOW + 3 * HOUR, 2 * HOUR),
    ],
)
def test_what_comes_first_ends_it(
    lane: Lane, good_for: timedelta | None, ends_at: datetime | None, after: timedelta
) -> None:
    assert expiry(NOW, lane, good_for=good_for, ends_at=ends_at) == NOW + after
