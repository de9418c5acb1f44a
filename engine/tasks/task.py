"""An agent task and its steps as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from engine.think.contract import Call
from rules.conditions import Language
from rules.faults import Fault
from rules.words import TaskStatus

FINAL = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED})


class Kind(StrEnum):
    """How a task was asked for: in words, which a model reads, or as calls."""

    TEXT = "text"
    CALLS = "calls"


class Step(StrEnum):
    """What a step of the trace reports."""

    MOVED = "moved"
    """The status changed: from, to, and why, unless that is obvious."""
    RESUMED = "resumed"
    """The worker that had it is gone; another continues."""
    ANSWERED = "answered"
    """A model answered: its name, the prompt's hash, the raw answer, the calls read from it, time and cost."""
    UNANSWERED = "unanswered"
    """A model did not answer, or could not be asked."""
    CHECKED = "checked"
    """The calls were checked: what is wrong with each, how many people they would reach, and how many may be."""
    CALLED = "called"
    """A call was made: its place, arguments, result and time."""
    CALL_FAILED = "call_failed"
    """A call was not made; nothing of it is left."""
    SETTLED = "settled"
    """A human approved, rejected or cancelled."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned call, at its place in the task; `people`: how many it reaches, None if unknown."""

    place: int
    call: Call
    people: int | None

    def to_document(self) -> dict[str, Any]:
        return {
            "place": self.place,
            "name": self.call.name,
            "arguments": dict(self.call.arguments),
            "people": self.people,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        return cls(document["place"], Call(document["name"], document["arguments"]), document["people"])


def kept(code: str, faults: Sequence[Fault], *, remedy: str, message: str | None = None) -> dict[str, Any]:
    """Give an error in the form in which it is stored: its faults by kind, for any language, and as text."""
    said = " ".join(fault.say().en for fault in faults) if message is None else message
    return {"code": code, "message": said, "remedy": remedy, "faults": [fault.document() for fault in faults]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """`request` contains text or calls, and the asker's scopes; `plan` is what is now meant to be done.

    `result` is {"calls": [{"place", "name", "arguments", "result", "people"}], "errors": [...], "error": {...}}: what
    was done, what went wrong in between, and why it failed; an error is {"code", "message", "remedy", "faults"}, the
    last being the same by kind (absent in what an earlier version wrote). `attempts` counts failed tries. `approval`
    says how many people it would reach, the limit, and who approved it. `traceparent` is the span that asked for it,
    known to whoever works on it.
    """

    task_id: int
    kind: Kind
    status: TaskStatus
    request: Mapping[str, Any]
    locale: Language
    key: str | None
    asked_by: str | None
    attempts: int
    due_at: datetime
    plan: tuple[Planned, ...]
    approval: Mapping[str, Any] | None
    result: Mapping[str, Any]
    summary: str | None
    created_at: datetime
    finished_at: datetime | None
    lease_owner: str | None = None
    traceparent: str | None = None

    @property
    def scopes(self) -> Sequence[str]:
        """What its asker was allowed to do when asking."""
        scopes: Sequence[str] = self.request["scopes"]
        return scopes

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Why it failed, by kind; empty if it did not, or if a kind is not known here."""
        error = self.result.get("error") or {}
        read = [Fault.read(one) for one in error.get("faults", ())]
        known = tuple(one for one in read if one is not None)
        return known if len(known) == len(read) else ()

    @property
    def made(self) -> Sequence[Mapping[str, Any]]:
        """The calls that were made, in order."""
        made: Sequence[Mapping[str, Any]] = self.result.get("calls", [])
        return made

    @property
    def pending(self) -> tuple[Planned, ...]:
        """The calls of the plan that have not been made yet."""
        done = {one["place"] for one in self.made}
        return tuple(one for one in self.plan if one.place not in done)

    @property
    def asked(self) -> tuple[Call, ...]:
        """The calls of a structured request, without those that were made."""
        calls = [Call(one["name"], one["arguments"]) for one in self.request.get("calls", [])]
        return tuple(calls[len(self.made) :])

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        read = {
            "kind": Kind(row["kind"]),
            "status": TaskStatus(row["status"]),
            "locale": Language(row["locale"]),
            "plan": tuple(Planned.of(one) for one in row["plan"]),
            "result": row["result"] or {},
        }
        return cls(**{**row, **read})


@dataclass(frozen=True, slots=True)
class Told:
    """One step of a task's trace, by its place from 1."""

    place: int
    kind: Step
    document: Mapping[str, Any]
    at: datetime
