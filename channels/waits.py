"""When a provider that names no time lets a message through again: Zalo goes by Vietnam's clock."""

from datetime import UTC, datetime, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7))
"""Vietnam has had no summer time since 1979, so the offset is the zone."""
MORNING_HOUR = 6
WAITS = ("minute", "morning", "day")


def seconds_until(wait: str, now: float) -> float:
    """Give the seconds from `now` (Unix) to the next minute, the next 6:00 or the next day in Vietnam; at most a day.

    It is the next such instant after `now`, so the answer is above zero.
    """
    here = datetime.fromtimestamp(now, UTC).astimezone(VIETNAM)
    if wait == "minute":
        return 60.0 - now % 60.0
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + timedelta(hours=MORNING_HOUR) if wait == "morning" else midnight
    if start <= here:
        start += timedelta(days=1)
    return (start - here).total_seconds()
