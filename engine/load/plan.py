"""What a stage of the load test asks and its thresholds, read from the files that the k6 scripts read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rules.errors import InvalidInput, Misconfigured

SCRIPTS = Path(__file__).parents[2] / "k6"
"""The scripts are part of the checkout, but not of what is installed."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Milliseconds of the 95th percentile of all requests, the share that may fail, seconds until nothing is waiting.

    `memory_growth`: how many times as much memory one of our processes may use late in the stage as early in it.
    """

    response_p95_ms: float
    error_rate: float
    backlog_drain_s: float
    memory_growth: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A rate of profiles a minute for a number of seconds; `begins_s` counts from the start of the stage."""

    place: int
    per_minute: int
    begins_s: int
    seconds: int
    waves: tuple[int, ...]
    """The numbers of its campaigns, each launched for an equal share of the people."""
    wave_people: int

    @property
    def ends_s(self) -> int:
        return self.begins_s + self.seconds


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps one after the other. `seeks_limit`: it continues until a threshold breaks, and reports where."""

    name: str
    steps: tuple[Step, ...]
    thresholds: Thresholds
    seeks_limit: bool = False

    @property
    def seconds(self) -> int:
        return self.steps[-1].ends_s

    @property
    def people(self) -> int:
        return sum(len(step.waves) * step.wave_people for step in self.steps)

    @property
    def waves(self) -> tuple[int, ...]:
        """How many people each campaign is for, in the order of their launch."""
        return tuple(step.wave_people for step in self.steps for _ in step.waves)

    @classmethod
    def read(cls, name: str, *, seconds: int | None = None, scripts: Path = SCRIPTS) -> Self:
        """Read a stage; `seconds` changes the length of a stage with one step.

        Raises InvalidInput if there is no such stage, or it has several steps; Misconfigured if there are no scripts
        here.
        """
        plan, limits = _document(scripts / "stages.json"), _document(scripts / "thresholds.json")
        if name not in plan["stages"]:
            raise InvalidInput(f"There is no stage {name!r}.", remedy=f"Choose one of {', '.join(plan['stages'])}.")
        stage = plan["stages"][name]
        if seconds is not None:
            stage = _lasting(name, stage, seconds, wave_s=plan["wave_s"])
        steps = tuple(_steps(stage, wave_s=plan["wave_s"]))
        thresholds = Thresholds(**limits.get(name, limits["default"]))
        return cls(name, steps, thresholds, seeks_limit=stage.get("until_it_breaks", False))


def _lasting(name: str, stage: Mapping[str, Any], seconds: int, *, wave_s: int) -> dict[str, Any]:
    if len(stage["steps"]) > 1 or seconds < wave_s:
        raise InvalidInput(
            f"The stage {name} cannot last {seconds} s.",
            remedy=f"Give {wave_s} s or more, for a stage of one step: load, smoke or soak.",
        )
    return {**stage, "steps": [{**stage["steps"][0], "seconds": seconds}]}


def _steps(stage: Mapping[str, Any], *, wave_s: int) -> list[Step]:
    steps: list[Step] = []
    begins_s = wave = 0
    for place, step in enumerate(stage["steps"]):
        count = step["seconds"] // wave_s
        waves = tuple(range(wave, wave + count))
        people = round(step["per_minute"] * wave_s / 60)
        steps.append(Step(place, step["per_minute"], begins_s, step["seconds"], waves, people))
        begins_s += step["seconds"] + stage["pause_s"]
        wave += count
    return steps


def _document(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Misconfigured(f"There is no {path.name} here.", remedy="Run it in a checkout, where k6/ is.") from error
    return document
