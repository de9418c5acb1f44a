"""The funnel: where each candidate dropped out, and how many were left after each gate."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.verdicts import Reason, Verdict
from rules.words import Action, Gate

_ORDER = {gate: place for place, gate in enumerate(Gate)}


@dataclass(frozen=True, slots=True)
class Stage:
    """One gate of the funnel: of `entered` candidates it was the first to stop `stopped`."""

    gate: Gate
    entered: int
    stopped: int

    @property
    def left(self) -> int:
        return self.entered - self.stopped

    def to_document(self) -> dict[str, Any]:
        return {"gate": self.gate, "entered": self.entered, "stopped": self.stopped, "left": self.left}


def first_reason(verdict: Verdict) -> Reason | None:
    """Give the refusal that comes first in the order of the funnel; None for an eligible candidate."""
    return min(verdict.reasons, key=lambda reason: _ORDER[reason.gate], default=None)


def sends(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Give the candidates that the gates are asked about: doing nothing passes none."""
    return [verdict for verdict in verdicts if verdict.candidate.action is Action.SEND]


def stops(verdicts: Iterable[Verdict]) -> Counter[Gate]:
    """Count for each gate the candidates that it was the first to stop."""
    return Counter(reason.gate for verdict in sends(verdicts) if (reason := first_reason(verdict)) is not None)


def funnel(verdicts: Iterable[Verdict]) -> tuple[Stage, ...]:
    """Count what is left of the candidates that send after each gate, every gate in the order of the funnel."""
    candidates = sends(verdicts)
    return stages(len(candidates), stops(candidates))


def stages(entered: int, stopped: Mapping[Gate, int]) -> tuple[Stage, ...]:
    """Give the funnel of so many candidates, of which each gate was the first to stop so many."""
    return tuple(_stages(entered, stopped))


def _stages(entered: int, stopped: Mapping[Gate, int]) -> Iterator[Stage]:
    for gate in Gate:
        yield Stage(gate, entered, stopped.get(gate, 0))
        entered -= stopped.get(gate, 0)
