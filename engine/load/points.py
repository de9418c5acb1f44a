"""What k6 measured, request by request, from the lines it writes (`--out json`), combined second by second."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine.bench import percentile

DURATION, FAILED = "http_req_duration", "http_req_failed"


@dataclass(slots=True)
class Second:
    """The requests that were answered within one second; times in ms."""

    times_ms: list[float] = field(default_factory=list)
    failed: int = 0

    def at_percent(self, percent: int) -> float:
        return percentile(sorted(self.times_ms), percent)

    @property
    def error_rate(self) -> float:
        return self.failed / len(self.times_ms) if self.times_ms else 0.0


@dataclass(frozen=True, slots=True)
class Points:
    """`began` is when the first request left (Unix seconds); `seconds` follow it without a gap."""

    began: float
    seconds: Sequence[Second]

    @classmethod
    def read(cls, path: Path) -> "Points":
        """Read the whole file: a line is about 400 bytes, a request about ten lines."""
        with path.open(encoding="utf-8") as lines:
            return cls.of(_points(lines))

    @classmethod
    def of(cls, points: Iterable[tuple[str, float, float]]) -> "Points":
        """Combine the metric, the time of the answer (Unix seconds) and the value of each point."""
        taken = list(points)
        if not taken:
            return cls(0.0, [])
        began = min(at - (value / 1000 if metric == DURATION else 0.0) for metric, at, value in taken)
        seconds = [Second() for _ in range(int(max(at for _, at, _ in taken) - began) + 1)]
        for metric, at, value in taken:
            second = seconds[int(at - began)]
            if metric == DURATION:
                second.times_ms.append(value)
            elif value:
                second.failed += 1
        return cls(began, seconds)


def _points(lines: Iterable[str]) -> Iterable[tuple[str, float, float]]:
    for line in lines:
        # Most lines are about other metrics, and it is parsing JSON that takes the time.
        if f'"{DURATION}"' not in line and f'"{FAILED}"' not in line:
            continue
        document = json.loads(line)
        if document["type"] == "Point" and document["metric"] in (DURATION, FAILED):
            data = document["data"]
            yield document["metric"], datetime.fromisoformat(data["time"]).timestamp(), float(data["value"])
