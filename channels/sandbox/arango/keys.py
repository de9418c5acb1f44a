"""Keys of generated documents: 22 characters of base62, from which the number can be read back.

The first two characters give the cohort (the number modulo COHORTS), the next four how many of it came before, the rest
looks random. So the order of keys is known without a list of them, and it is not the order of the numbers. Those six
are digits and capitals, which byte order and the collation of a real server sort the same way.
"""

import random
import string
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

COHORTS = 1024
LENGTH = 22

_BASE36 = string.digits + string.ascii_uppercase
_BASE62 = string.digits + string.ascii_letters
_PAIRS = [first + second for first in _BASE36 for second in _BASE36]
_TAILS = 4096
_TAIL = (1 << 12) - 1
_WORD = (1 << 64) - 1
# Knuth's multiplier (2**64 divided by the golden ratio): consecutive numbers get very different bits.
_SCATTER = 0x9E3779B97F4A7C15


class Keys:
    """The keys of the first `count` numbers; with the same seed a number has the same key, whatever the count."""

    def __init__(self, seed: str, count: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - sample data, and the same each time
        self.count = count
        self._cohorts = chance.sample(range(COHORTS), COHORTS)
        self._places = [0] * COHORTS
        for place, cohort in enumerate(self._cohorts):
            self._places[cohort] = place
        self._tails = ["".join(chance.choices(_BASE62, k=4)) for _ in range(_TAILS)]
        self._salt = chance.getrandbits(48)

    def key(self, number: int) -> str:
        before, cohort = divmod(number, COHORTS)
        high, low = divmod(before, len(_PAIRS))
        tails, bits = self._tails, ((number + self._salt) * _SCATTER & _WORD) >> 16
        return (
            f"{_PAIRS[self._places[cohort]]}{_PAIRS[high]}{_PAIRS[low]}{tails[bits & _TAIL]}"
            f"{tails[bits >> 12 & _TAIL]}{tails[bits >> 24 & _TAIL]}{tails[bits >> 36]}"
        )

    def number(self, key: str) -> int | None:
        """Give the number of this key; None for a key that was not made here."""
        place = bisect_left(_PAIRS, key[:2])
        if place >= COHORTS or len(key) != LENGTH:
            return None
        high, low = bisect_left(_PAIRS, key[2:4]), bisect_left(_PAIRS, key[4:6])
        number = (high * len(_PAIRS) + low) * COHORTS + self._cohorts[place]
        return number if number < self.count and high < len(_PAIRS) and self.key(number) == key else None

    def after(self, key: str, *, is_wanted: Callable[[int], bool] | None = None) -> Iterator[int]:
        """Give the numbers whose keys come after this text, in the order of keys; only of wanted cohorts."""
        first = bisect_left(_PAIRS, key[:2], hi=COHORTS)
        for place in range(first, COHORTS):
            cohort = self._cohorts[place]
            if cohort >= self.count or (is_wanted is not None and not is_wanted(cohort)):
                continue
            numbers = range(cohort, self.count, COHORTS)
            start = bisect_right(numbers, key, key=self.key) if place == first else 0
            yield from numbers[start:]
