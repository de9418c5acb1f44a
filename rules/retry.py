"""When to try again: when the provider asks for it, otherwise with exponential backoff and jitter."""

from datetime import datetime, timedelta

MOST_ATTEMPTS = 6
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=1)
LONGEST_ASKED = timedelta(days=7)


def next_attempt(
    attempt: int,
    now: datetime,
    *,
    jitter: float,
    retry_after: float | None = None,
    expires_at: datetime | None = None,
    most_attempts: int = MOST_ATTEMPTS,
) -> datetime | None:
    """Give the time of the next attempt after `attempt` (from 1) failed; None if it was the last.

    `jitter` is in [0, 1): it spreads our own delay over 50 % to 150 %, and adds up to a tenth to the provider's
    `retry_after` (seconds), which is never shortened. If that is longer than LONGEST_ASKED, there is no next attempt.
    """
    if attempt >= most_attempts:
        return None
    if retry_after is not None:
        if not retry_after <= LONGEST_ASKED.total_seconds():  # Also true for NaN, which is no length of time either.
            return None
        delay = timedelta(seconds=max(retry_after, 0.0)) * (1 + jitter / 10)
    else:
        # 2 ** 7 half minutes exceed LONGEST_DELAY already; the bound keeps a large `attempt` from overflowing.
        delay = min(FIRST_DELAY * 2 ** min(attempt - 1, 10), LONGEST_DELAY) * (0.5 + jitter)
    at = now + delay
    return None if expires_at is not None and at >= expires_at else at
