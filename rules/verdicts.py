"""The result of deciding: a verdict with reasons for each candidate, and the decision made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from rules.arbitration import Choice
from rules.facts import Candidate
from rules.words import Action, Arbiter, Gate

CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Reason:
    """One gate's refusal: a sentence with the values that decided it, and the same values as evidence.

    `until` says when the reason passes by itself; None: never.
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
    """`eligible`: no reason is against it. `features` add up to `score`."""

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
    """What to do for one person. `reason` is "chosen", or the gate that held them back.

    `choice` says how one of several was chosen; None if nothing could be sent, so that nobody was asked.
    """

    action: Action
    reason: str
    verdicts: tuple[Verdict, ...]
    arbiter: Arbiter
    chosen: Candidate | None = None
    wait_until: datetime | None = None
    choice: Choice | None = None

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "action": self.action,
            "reason": self.reason,
            "verdicts": [verdict.to_document() for verdict in self.verdicts],
            "arbiter": self.arbiter,
            "chosen": None if self.chosen is None else self.chosen.to_document(),
            "wait_until": None if self.wait_until is None else self.wait_until.isoformat(),
        }
        if self.choice is not None:
            document["choice"] = self.choice.to_document()
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        chosen: Sequence[Any] | None = document["chosen"]
        until: str | None = document["wait_until"]
        choice: Mapping[str, Any] | None = document.get("choice")
        return cls(
            action=Action(document["action"]),
            reason=document["reason"],
            verdicts=tuple(Verdict.from_document(verdict) for verdict in document["verdicts"]),
            arbiter=Arbiter(document["arbiter"]),
            chosen=None if chosen is None else Candidate.from_document(chosen),
            wait_until=None if until is None else datetime.fromisoformat(until),
            choice=None if choice is None else Choice.from_document(choice),
        )


def write_standings(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Give all verdicts of a decision as one JSON document that writes only once what many of them share.

    {"reasons": [reason], "standings": [{"eligible", "reasons"?: [place], "wait_until"?, "score"?, "features"?}],
     "places": [place of a candidate's standing]}

    Two verdicts share what is the same object, as `weigh` makes it. The candidates are the same for many people and are
    stored once, next to this document: "candidates": [candidate].
    """
    reasons: dict[int, tuple[int, dict[str, Any]]] = {}
    standings: dict[tuple[Any, ...], tuple[int, dict[str, Any]]] = {}
    places: list[int] = []
    for verdict in verdicts:
        alike = id(verdict.reasons), id(verdict.features), verdict.eligible, verdict.wait_until, verdict.score
        standing = standings.get(alike)
        if standing is None:
            for reason in verdict.reasons:
                if id(reason) not in reasons:
                    reasons[id(reason)] = len(reasons), reason.to_document()
            told = [reasons[id(reason)][0] for reason in verdict.reasons]
            standing = standings[alike] = len(standings), _standing(verdict, told)
        places.append(standing[0])
    return {
        "reasons": [document for _, document in reasons.values()],
        "standings": [document for _, document in standings.values()],
        "places": places,
    }


def read(document: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> tuple[Verdict, ...]:
    """Read the present form or an older one: each candidate after its place, or each verdict by itself.

    Raises KeyError, TypeError or ValueError.
    """
    if not isinstance(document, Mapping):
        return tuple(Verdict.from_document(one) for one in document)
    reasons = [Reason.from_document(one) for one in document["reasons"]]
    standings = [_standing_of(one, reasons) for one in document["standings"]]
    return tuple(Verdict(Candidate.from_document(offered), **standings[place]) for place, offered in _placed(document))


def _placed(document: Mapping[str, Any]) -> list[tuple[int, Sequence[Any]]]:
    if "verdicts" in document:
        return [(place, candidate) for place, *candidate in document["verdicts"]]
    return list(zip(document["places"], document["candidates"], strict=True))


def _standing(verdict: Verdict, places: list[int]) -> dict[str, Any]:
    document: dict[str, Any] = {"eligible": verdict.eligible}
    if places:
        document["reasons"] = places
    if verdict.wait_until is not None:
        document["wait_until"] = verdict.wait_until.isoformat()
    if verdict.score is not None:
        document["score"] = verdict.score
        document["features"] = dict(verdict.features)
    return document


def _standing_of(document: Mapping[str, Any], reasons: Sequence[Reason]) -> dict[str, Any]:
    until = document.get("wait_until")
    return {
        "eligible": document["eligible"],
        "reasons": tuple(reasons[place] for place in document.get("reasons", ())),
        "wait_until": None if until is None else datetime.fromisoformat(until),
        "score": document.get("score"),
        "features": document.get("features", {}),
    }
