"""Two groups compared: which share of each did something, and how far apart the shares are, with intervals.

Shares by Wilson's score interval, their difference by Newcombe's (1998, method 10), which is made of the two: both hold
for small groups and for shares near 0 and 1, where the textbook's normal interval does not.
"""

from dataclasses import dataclass

# The 97.5 % point of the normal distribution: intervals at 95 %.
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """`hits` of `people` did it. Raises ValueError where that cannot be."""

    people: int
    hits: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.people:
            raise ValueError(f"{self.hits} of {self.people} cannot be")

    @property
    def share(self) -> float:
        """0 to 1; 0 where there is nobody."""
        return self.hits / self.people if self.people else 0.0

    @property
    def interval(self) -> Interval:
        """Wilson's interval of the share at 95 %; everything where there is nobody."""
        if not self.people:
            return Interval(0.0, 1.0)
        n, p = self.people, self.share
        middle = p + Z * Z / (2 * n)
        reach = float(Z * (p * (1 - p) / n + Z * Z / (4 * n * n)) ** 0.5)
        scale = 1 + Z * Z / n
        # Rounding may put a border a little to the wrong side of the share itself.
        return Interval(min(p, max(0.0, (middle - reach) / scale)), max(p, min(1.0, (middle + reach) / scale)))


@dataclass(frozen=True, slots=True)
class Lift:
    """What the treated did beyond the control group, in points of the share (-1 to 1), with its interval at 95 %."""

    treated: Group
    control: Group

    @property
    def difference(self) -> float:
        return self.treated.share - self.control.share

    @property
    def interval(self) -> Interval:
        """Newcombe's interval of the difference; everything where a group is empty."""
        if not self.treated.people or not self.control.people:
            return Interval(-1.0, 1.0)
        ours, theirs = self.treated, self.control
        below = _length(ours.share - ours.interval.low, theirs.interval.high - theirs.share)
        above = _length(ours.interval.high - ours.share, theirs.share - theirs.interval.low)
        return Interval(max(-1.0, self.difference - below), min(1.0, self.difference + above))

    @property
    def relative(self) -> float | None:
        """The difference as a part of the control group's share; None where that did nothing."""
        return self.difference / self.control.share if self.control.share else None

    @property
    def is_clear(self) -> bool:
        """Whether chance alone would seldom (1 in 20) show such a difference: its interval leaves 0 out."""
        return self.interval.low > 0 or self.interval.high < 0


def _length(one: float, other: float) -> float:
    return float((one * one + other * other) ** 0.5)
