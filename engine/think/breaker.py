"""Keeps a failing model from being asked for a while. Time is an argument: seconds of a monotonic clock."""

from dataclasses import dataclass

# This many failures in a row open the breaker for this long; then one question tries the model out.
MOST_FAILURES = 5
OPEN_S = 30.0
# A quota that is used up for the day is not tried again for an hour.
SPENT_S = 3_600.0


@dataclass(slots=True)
class Breaker:
    """Closed, open until a time, then half open for one question; or at rest for as long as the server asked."""

    failures: int = 0
    until: float = 0.0
    is_trying: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the model failed too often, so that one question has to try it out before others may ask."""
        return self.failures >= MOST_FAILURES

    def admit(self, now: float) -> bool:
        """Whether the model may be asked now; of several callers at an open breaker, one may."""
        if now < self.until or (self.is_open and self.is_trying):
            return False
        self.is_trying = self.is_open
        return True

    def succeed(self) -> None:
        self.failures, self.until = 0, 0.0

    def fail(self, now: float, *, rest_s: float | None = None, is_spent: bool = False) -> None:
        """Count a failure. `rest_s` is what the server asked for: nobody asks it again before."""
        self.failures = MOST_FAILURES if is_spent else self.failures + 1
        own_s = SPENT_S if is_spent else OPEN_S if self.is_open else 0.0
        self.until = max(self.until, now + max(rest_s or 0.0, own_s))

    def leave(self) -> None:
        """End a try, whatever its result: a cancelled try must not keep others from trying."""
        self.is_trying = False
