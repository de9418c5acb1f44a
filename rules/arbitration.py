"""Which arbiter chose among the eligible candidates, and how. An arbiter can only name a position in their list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from rules.words import Arbiter


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An arbiter that came earlier in the order but did not choose, with the reason in a few words."""

    arbiter: Arbiter
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`place` counts from 0 in the list of eligible candidates; `probabilities`, if known, has one entry for each.

    `detail` is what the arbiter reports about itself: model, hash of the prompt, tokens, milliseconds, cost.
    """

    place: int
    arbiter: Arbiter = Arbiter.SCORE
    probabilities: tuple[float, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    is_remembered: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """Give a JSON document; empty fields are left out."""
        document: dict[str, Any] = {"arbiter": self.arbiter, "place": self.place}
        if self.probabilities:
            document["probabilities"] = list(self.probabilities)
        if self.passed_over:
            document["passed_over"] = [[one.arbiter, one.why] for one in self.passed_over]
        if self.is_remembered:
            document["remembered"] = True
        if self.detail:
            document["detail"] = dict(self.detail)
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote; raises KeyError or ValueError on anything else."""
        return cls(
            place=document["place"],
            arbiter=Arbiter(document["arbiter"]),
            probabilities=tuple(document.get("probabilities", ())),
            passed_over=tuple(PassedOver(Arbiter(name), why) for name, why in document.get("passed_over", ())),
            is_remembered=document.get("remembered", False),
            detail=document.get("detail", {}),
        )
