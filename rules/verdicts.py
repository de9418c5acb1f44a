"""What came of deciding: per candidate a verdict with its reasons, and the decision made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from rules.facts import Candidate
from rules.words import Action, Arbiter, Gate

CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Reason:
    """One gate's refusal: a sentence with the values that decided it, and these as evidence.

    `until` tells when it ends by itself; None: it does not.
    """

    gate: Gate
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"gate": self.gate, "text": self.text}
        if self.evidence:
            document["evidence"] = dict(self.evidence)
        if self.until is not None:
            document["until"] = self.until.isoformat()
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        until = document.get("until")
        return cls(
            gate=Gate(document["gate"]),
            text=document["text"],
            evidence=document.get("evidence", {}),
            until=None if until is None else datetime.fromisoformat(until),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """`eligible`: no reason against it. `features` add up to `score`."""

    candidate: Candidate
    eligible: bool
    reasons: tuple[Reason, ...] = ()
    wait_until: datetime | None = None
    score: float | None = None
    features: Mapping[str, float] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"candidate": self.candidate.to_document(), "eligible": self.eligible}
        if self.reasons:
            document["reasons"] = [reason.to_document() for reason in self.reasons]
        if self.wait_until is not None:
            document["wait_until"] = self.wait_until.isoformat()
        if self.score is not None:
            document["score"] = self.score
            document["features"] = dict(self.features)
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        until = document.get("wait_until")
        return cls(
            candidate=Candidate.from_document(document["candidate"]),
            eligible=document["eligible"],
            reasons=tuple(Reason.from_document(reason) for reason in document.get("reasons", ())),
            wait_until=None if until is None else datetime.fromisoformat(until),
            score=document.get("score"),
            features=document.get("features", {}),
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do for one person. `reason` is "chosen" or the gate that held them back."""

    action: Action
    reason: str
    verdicts: tuple[Verdict, ...]
    arbiter: Arbiter
    chosen: Candidate | None = None
    wait_until: datetime | None = None

    def to_document(self) -> dict[str, Any]:
        return {
            "action": self.action,
            "reason": self.reason,
            "verdicts": [verdict.to_document() for verdict in self.verdicts],
            "arbiter": self.arbiter,
            "chosen": None if self.chosen is None else self.chosen.to_document(),
            "wait_until": None if self.wait_until is None else self.wait_until.isoformat(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        chosen: Sequence[Any] | None = document["chosen"]
        until: str | None = document["wait_until"]
        return cls(
            action=Action(document["action"]),
            reason=document["reason"],
            verdicts=tuple(Verdict.from_document(verdict) for verdict in document["verdicts"]),
            arbiter=Arbiter(document["arbiter"]),
            chosen=None if chosen is None else Candidate.from_document(chosen),
            wait_until=None if until is None else datetime.fromisoformat(until),
        )
