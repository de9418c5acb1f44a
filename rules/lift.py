"""Two groups compared: which share of each did something, and how far apart the shares are, with intervals.

Shares have Wilson's score interval and their difference has Newcombe's (1998, method 10), which combines the two. Both
are valid for small groups and for shares near 0 and 1, where the normal approximation is not.
"""

from dataclasses import dataclass

# The 97.5 % quantile of the normal distribution, for 95 % intervals.
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """`hits` of `people` did it. Raises ValueError if that is impossible."""

    people: int
    hits: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.people:
            raise ValueError(f"{self.hits} of {self.people} cannot be")

    @property
    def share(self) -> float:
        """From 0 to 1; 0 if the group is empty."""
        return self.hits / self.people if self.people else 0.0

    @property
    def interval(self) -> Interval:
        """Wilson's 95 % interval of the share; from 0 to 1 if the group is empty."""
        if not self.people:
            return Interval(0.0, 1.0)
        n, p = self.people, self.share
        middle = p + Z * Z / (2 * n)
        reach = float(Z * (p * (1 - p) / n + Z * Z / (4 * n * n)) ** 0.5)
        scale = 1 + Z * Z / n
        # Rounding may put a bound slightly on the wrong side of the share.
        return Interval(min(p, max(0.0, (middle - reach) / scale)), max(p, min(1.0, (middle + reach) / scale)))


@dataclass(frozen=True, slots=True)
class Lift:
    """How much more the treated did than the control group, as a difference of shares (-1 to 1), with its interval."""

    treated: Group
    control: Group

    @property
    def difference(self) -> float:
        return self.treated.share - self.control.share

    @property
    def interval(self) -> Interval:
        """Newcombe's interval of the difference; from -1 to 1 if a group is empty."""
        if not self.treated.people or not self.control.people:
            return Interval(-1.0, 1.0)
        ours, theirs = self.treated, self.control
        below = _length(ours.share - ours.interval.low, theirs.interval.high - theirs.share)
        above = _length(ours.interval.high - ours.share, theirs.share - theirs.interval.low)
        return Interval(max(-1.0, self.difference - below), min(1.0, self.difference + above))

    @property
    def relative(self) -> float | None:
        """The difference relative to the control group's share; None if that is 0."""
        return self.difference / self.control.share if self.control.share else None

    @property
    def is_clear(self) -> bool:
        """Whether chance alone would rarely (1 in 20) produce such a difference: its interval excludes 0."""
        return self.interval.low > 0 or self.interval.high < 0


def _length(one: float, other: float) -> float:
    return float((one * one + other * other) ** 0.5)
