"""Whether a stage met its thresholds, step by step, and where it broke."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from engine.load.backlog import Sample, drain_s, most
from engine.load.plan import Stage, Step, Thresholds


@dataclass(frozen=True, slots=True)
class Held:
    """One step: what was asked, what was measured, and the limits that broke, in words.

    `drain_s` is None if the backlog was still there when the next step began, or if there is no pause between them.
    """

    step: Step
    requests: int
    p95_ms: float
    error_rate: float
    dropped: int
    backlog_max: int
    drain_s: float | None
    broken: tuple[str, ...]

    def as_document(self) -> dict[str, Any]:
        return {
            "per_minute": self.step.per_minute,
            "seconds": self.step.seconds,
            "requests": self.requests,
            "p95_ms": round(self.p95_ms, 1),
            "error_rate": self.error_rate,
            "dropped": self.dropped,
            "backlog_max": self.backlog_max,
            "backlog_drain_s": None if self.drain_s is None else round(self.drain_s, 1),
            "broken": list(self.broken),
        }


def judge(stage: Stage, metrics: Mapping[str, Any], samples: Sequence[Sample], *, began: float) -> tuple[Held, ...]:
    """Judge each step by k6's summary and the backlog's samples; `began` is when the stage began (Unix seconds)."""
    nexts = [*(step.begins_s for step in stage.steps[1:]), inf]
    return tuple(
        _held(step, metrics, samples, began=began, next_s=next_s, limits=stage.thresholds)
        for step, next_s in zip(stage.steps, nexts, strict=True)
    )


def breaking_point(steps: Sequence[Held]) -> Held | None:
    """Give the first step at which a limit broke."""
    return next((step for step in steps if step.broken), None)


def _held(
    step: Step,
    metrics: Mapping[str, Any],
    samples: Sequence[Sample],
    *,
    began: float,
    next_s: float,
    limits: Thresholds,
) -> Held:
    def value(metric: str, name: str) -> float:
        # A metric in which nothing was counted is absent.
        found: Mapping[str, Any] = metrics.get(f"{metric}{{step:{step.place}}}", {}).get("values", {})
        return float(found.get(name, 0.0))

    p95_ms = value("http_req_duration", "p(95)")
    error_rate = max(value("http_req_failed", "rate"), 1.0 - value("checks", "rate"))
    dropped = int(value("dropped_iterations", "count"))
    during = [sample for sample in samples if began + step.begins_s <= sample.at < began + next_s]
    is_watched = next_s > step.ends_s
    drain = drain_s(samples, after=began + step.ends_s, before=began + next_s) if is_watched else None
    return Held(
        step=step,
        requests=int(value("http_req_duration", "count")),
        p95_ms=p95_ms,
        error_rate=error_rate,
        dropped=dropped,
        backlog_max=most(during),
        drain_s=drain,
        broken=tuple(
            _broken(limits, p95_ms=p95_ms, error_rate=error_rate, dropped=dropped, drain=drain, is_watched=is_watched)
        ),
    )


def _broken(
    limits: Thresholds, *, p95_ms: float, error_rate: float, dropped: int, drain: float | None, is_watched: bool
) -> list[str]:
    broken = []
    if p95_ms > limits.response_p95_ms:
        broken.append(f"p95 of {p95_ms:.0f} ms is above {limits.response_p95_ms:g} ms")
    if error_rate > limits.error_rate:
        broken.append(f"{error_rate:.2%} of requests or checks failed")
    if dropped:
        broken.append(f"{dropped} requests could not be sent in time")
    if is_watched and drain is None:
        broken.append("the backlog was not gone before the next step, or at all")
    elif drain is not None and drain > limits.backlog_drain_s:
        broken.append(f"the backlog was gone after {drain:.0f} s, later than {limits.backlog_drain_s:g} s")
    return broken
