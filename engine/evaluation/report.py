"""What an evaluation comes to: shares of right answers by language, tool and style, their times, and the mistakes."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from engine.evaluation.grade import Grade
from engine.evaluation.measure import Measured

# For an interval that holds the true share 19 times of 20.
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Tally:
    """How many requests got which grade. Shares are of all that were asked: who does not answer is not right."""

    grades: Mapping[Grade, int]

    @classmethod
    def of(cls, measured: Iterable[Measured]) -> Self:
        return cls(Counter(one.graded.grade for one in measured))

    @property
    def asked(self) -> int:
        return sum(self.grades.values())

    @property
    def exact(self) -> float:
        """The share of requests that were turned into exactly the calls that are meant."""
        return self._share(Grade.EXACT)

    @property
    def tool(self) -> float:
        """The share whose tools are right, whatever the arguments."""
        return self._share(Grade.EXACT, Grade.WRONG_ARGUMENT)

    @property
    def interval(self) -> tuple[float, float]:
        """Between what `exact` of endlessly many such requests probably lies (Wilson's, 95 %)."""
        n = self.asked
        if not n:
            return 0.0, 1.0
        share, z2 = self.exact, _Z * _Z / n
        middle = (share + z2 / 2) / (1 + z2)
        half = _Z / (1 + z2) * math.sqrt(share * (1 - share) / n + z2 / (4 * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def to_document(self) -> dict[str, Any]:
        counts = {str(grade): self.grades.get(grade, 0) for grade in Grade}
        return {"asked": self.asked, "exact_call": _round(self.exact), "tool": _round(self.tool), **counts}

    def _share(self, *grades: Grade) -> float:
        return sum(self.grades.get(one, 0) for one in grades) / self.asked if self.asked else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`arguments`: "tool.argument" -> (right, compared); `confused`: (meant, answered) -> how often, the wrong ones.

    `said` is why there was no answer, and how often: a wrong key looks like a model that refuses everything.
    """

    models: tuple[str, ...]
    whole: Tally
    by: Mapping[str, Mapping[str, Tally]]
    arguments: Mapping[str, tuple[int, int]]
    confused: Mapping[tuple[str, str], int]
    said: Mapping[str, int]
    latencies_ms: Sequence[float]
    cost: float

    @classmethod
    def of(cls, measured: Sequence[Measured]) -> Self:
        ways = {
            "language": [str(one.intent.language) for one in measured],
            "tool": [one.intent.tool for one in measured],
            "style": [str(one.intent.style) for one in measured],
        }
        return cls(
            models=tuple(sorted({one.model for one in measured if one.model is not None})),
            whole=Tally.of(measured),
            by={way: _tallies(measured, names) for way, names in ways.items()},
            arguments=_arguments(measured),
            confused=Counter(pair for one in measured for pair in one.graded.pairs if pair[0] != pair[1]),
            said=Counter(one.said for one in measured if one.said is not None),
            latencies_ms=sorted(one.latency_ms for one in measured if one.latency_ms is not None),
            cost=sum(one.cost for one in measured),
        )

    @property
    def argument(self) -> float:
        """The share of right arguments, of the calls whose tool is right."""
        right = sum(some for some, _ in self.arguments.values())
        compared = sum(of for _, of in self.arguments.values())
        return right / compared if compared else 0.0

    def latency_ms(self, share: float) -> float | None:
        """Give the time within which this share of the answers came; None where none came."""
        if not self.latencies_ms:
            return None
        return self.latencies_ms[max(0, math.ceil(share * len(self.latencies_ms)) - 1)]

    def to_document(self) -> dict[str, Any]:
        low, high = self.whole.interval
        return {
            "models": list(self.models),
            **self.whole.to_document(),
            "exact_call_between": [_round(low), _round(high)],
            "argument": _round(self.argument),
            "p50_ms": _rounded_ms(self.latency_ms(0.5)),
            "p95_ms": _rounded_ms(self.latency_ms(0.95)),
            "cost_usd": round(self.cost, 6),
            "by": {way: {name: one.to_document() for name, one in some.items()} for way, some in self.by.items()},
            "arguments": {
                name: {"right": right, "compared": compared} for name, (right, compared) in self.arguments.items()
            },
            "said": dict(self.said),
            "confused": [
                {"meant": meant, "answered": answered, "times": times}
                for (meant, answered), times in sorted(self.confused.items(), key=lambda item: (-item[1], item[0]))
            ],
        }


def _tallies(measured: Sequence[Measured], names: Sequence[str]) -> dict[str, Tally]:
    paired = list(zip(names, measured, strict=True))
    return {name: Tally.of(one for named, one in paired if named == name) for name in sorted(set(names))}


def _arguments(measured: Iterable[Measured]) -> dict[str, tuple[int, int]]:
    right: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    for one in measured:
        for (tool, argument), (some, of) in one.graded.arguments.items():
            right[f"{tool}.{argument}"] += some
            compared[f"{tool}.{argument}"] += of
    return {name: (right[name], compared[name]) for name in sorted(compared)}


def _round(share: float) -> float:
    return round(share, 4)


def _rounded_ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
