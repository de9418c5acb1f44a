"""Decisions with their reasons, traces, and the answers to callbacks and links."""

from typing import Any

from pydantic import AwareDatetime, Field

from api.schemas.base import Document, Output, example
from engine.decisions import Decision
from rules.facts import Candidate
from rules.words import Action, Arbiter, Channel, DeliveryStatus

_DECISION = {
    "decision_id": 601,
    "run_id": 501,
    "campaign_id": 301,
    "profile_id": 1042,
    "profile": "kh-000042",
    "trigger_key": "snapshot",
    "snapshot_id": 401,
    "event_id": None,
    "task_id": None,
    "template_id": 251,
    "action": "send",
    "channel": "email",
    "reason": "chosen",
    "policy_version": 1,
    "arbiter": "score",
    "wait_until": None,
    "decided_at": "2026-05-01T02:00:05Z",
    "archived_at": None,
}
_STEP = {
    "step": "delivery",
    "at": "2026-05-01T02:00:05+00:00",
    "record_id": 701,
    "what": "email, sent",
    "why": None,
    "absent": False,
    "detail": {},
}


class DecisionOut(Output):
    model_config = example(_DECISION)
    decision_id: int
    run_id: int
    campaign_id: int
    profile_id: int
    profile: str
    trigger_key: str
    snapshot_id: int | None
    event_id: int | None
    task_id: int | None
    template_id: int | None
    action: Action
    channel: Channel | None
    reason: str = Field(description="chosen, or the gate that held it back.")
    policy_version: int
    arbiter: Arbiter
    wait_until: AwareDatetime | None
    decided_at: AwareDatetime
    archived_at: AwareDatetime | None = Field(description="Since when it is in the archive; null: it is live.")


class DecisionPage(Output):
    model_config = example({"items": [_DECISION], "next": 601})
    items: list[DecisionOut]
    next: int | None


class ReasonOut(Output):
    """Why a gate refused: a sentence, and the values that decided it."""

    gate: str
    text: str
    evidence: Document = Field(default_factory=dict)
    until: AwareDatetime | None = None


class CandidateOut(Output):
    action: Action
    channel: Channel | None
    template_id: int | None
    template: str | None
    template_version: int | None
    eligible: bool
    reasons: list[ReasonOut]
    wait_until: AwareDatetime | None
    score: float | None


class DeliveryOut(Output):
    delivery_id: int
    channel: Channel
    status: DeliveryStatus
    attempts: int
    code: str | None
    queued_at: AwareDatetime
    sent_at: AwareDatetime | None


class WholeDecision(DecisionOut):
    """A decision with every candidate, each reason against it, and what was delivered."""

    model_config = example(
        {
            **_DECISION,
            "inputs_hash": "9b0b2f4e4b7f0d0a5f1d6d0c7f3f4c1d2e8a9b0c1d2e3f405162738495a6b7c8",
            "latency_us": 180,
            "candidates": [
                {
                    "action": "send",
                    "channel": "email",
                    "template_id": 251,
                    "template": "uu-dai-thang",
                    "template_version": 1,
                    "eligible": True,
                    "reasons": [],
                    "wait_until": None,
                    "score": 1.0,
                }
            ],
            "deliveries": [
                {
                    "delivery_id": 701,
                    "channel": "email",
                    "status": "sent",
                    "attempts": 1,
                    "code": "250",
                    "queued_at": "2026-05-01T02:00:05Z",
                    "sent_at": "2026-05-01T02:00:06Z",
                }
            ],
        }
    )
    inputs_hash: str
    latency_us: int
    candidates: list[CandidateOut]
    deliveries: list[DeliveryOut]

    @classmethod
    def of(cls, decision: Decision) -> "WholeDecision":
        plain = {name: getattr(decision, name) for name in DecisionOut.model_fields}
        return cls(
            **plain,
            inputs_hash=decision.inputs_hash.hex(),
            latency_us=decision.latency_us,
            candidates=[_candidate(verdict) for verdict in decision.candidates],
            deliveries=[DeliveryOut.model_validate(delivery) for delivery in decision.deliveries],
        )


class StepOut(Output):
    model_config = example(_STEP)
    step: str
    at: AwareDatetime | None
    record_id: int | None
    what: str | None
    why: str | None
    absent: bool
    detail: Document | None


class JourneyOut(Output):
    """`archived`: decision and delivery are in the archive since `archived_at`, and no longer in the graph."""

    decision_id: int
    archived: bool = False
    archived_at: AwareDatetime | None = None
    steps: list[StepOut]


class TraceOut(Output):
    """The journeys of a record, newest first: event, task, decision, delivery, outcomes; a missing step says why."""

    model_config = example(
        {
            "kind": "profile",
            "record_id": 1042,
            "profile_id": 1042,
            "title": "kh-000042",
            "journeys": [{"decision_id": 601, "steps": [_STEP]}],
        }
    )
    kind: str
    record_id: int
    profile_id: int | None
    title: str
    journeys: list[JourneyOut]


def _candidate(verdict: Any) -> CandidateOut:
    candidate = Candidate.from_document(verdict["candidate"])
    return CandidateOut(
        action=candidate.action,
        channel=candidate.channel,
        template_id=candidate.template_id,
        template=candidate.template_name,
        template_version=candidate.template_version,
        eligible=verdict["eligible"],
        reasons=[ReasonOut.model_validate(reason) for reason in verdict.get("reasons", ())],
        wait_until=verdict.get("wait_until"),
        score=verdict.get("score"),
    )
