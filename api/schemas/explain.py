"""Decisions explained and replayed, and why somebody got nothing."""

from typing import Any

from pydantic import AwareDatetime, Field

from api.schemas.base import Document, Output, example
from api.schemas.decisions import ReasonOut
from engine.explain import Explained, Replayed, WhyNot
from rules.conditions import Language
from rules.words import Action, Arbiter, Channel

STAGE = {"gate": "quiet_hours", "entered": 2, "stopped": 1, "left": 1}
_CANDIDATE = {
    "action": "send",
    "channel": "telegram",
    "template_id": 252,
    "template": "uu-dai-thang",
    "template_version": 1,
    "eligible": False,
    "chosen": False,
    "dropped_at": "unreachable",
    "reasons": [
        {
            "gate": "unreachable",
            "text": "No telegram address is known.",
            "evidence": {},
            "until": None,
            "rule": "A valid address on the channel is needed.",
            "conditions": [],
        }
    ],
    "wait_until": None,
    "score": None,
    "score_parts": {},
    "probability": None,
}
VERDICT = {
    "candidate": [0, "send", "email", 251, "uu-dai-thang", 1],
    "eligible": True,
    "score": 1.0,
    "features": {"channel": 1.0},
}


class StageOut(Output):
    """One gate of the funnel: how many candidates reached it, and how many it was the first to stop."""

    model_config = example(STAGE)
    gate: str
    entered: int
    stopped: int
    left: int


class ToldReason(ReasonOut):
    rule: str = Field(description="The rule that refused, in the policy's own words.")
    conditions: list[Document] = Field(description="What a layer's rule asked, whether it held, and what was found.")


class ToldOut(Output):
    """One candidate's fate."""

    model_config = example(_CANDIDATE)
    action: Action
    channel: Channel | None
    template_id: int | None
    template: str | None
    template_version: int | None
    eligible: bool
    chosen: bool
    dropped_at: str | None = Field(description="The first gate that refused; null for an eligible one.")
    reasons: list[ToldReason]
    wait_until: AwareDatetime | None
    score: float | None
    score_parts: dict[str, float]
    probability: float | None = Field(description="The arbiter's, where it gave any.")


class PassedOverOut(Output):
    arbiter: Arbiter
    why: str


class ExplainedOut(Output):
    """A decision explained: the full funnel of candidates, who chose, and whether the record can be proven."""

    model_config = example(
        {
            "decision_id": 601,
            "campaign_id": 301,
            "campaign": "uu-dai-thang",
            "profile": "kh-000042",
            "trigger_key": "snapshot",
            "decided_at": "2026-05-01T02:00:05Z",
            "language": "en",
            "summary": "kh-000042 gets uu-dai-thang v1 by email from campaign Ưu đãi tháng: the score chose it "
            "among 2 that were allowed.",
            "action": "send",
            "reason": "chosen",
            "wait_until": None,
            "funnel": [STAGE],
            "eligible": 2,
            "candidates": [_CANDIDATE],
            "arbiter": "score",
            "passed_over": [],
            "remembered": False,
            "arbiter_detail": {},
            "policy": "default",
            "policy_version": 1,
            "inputs_hash": "9b0b2f4e4b7f0d0a5f1d6d0c7f3f4c1d2e8a9b0c1d2e3f405162738495a6b7c8",
            "inputs_verified": True,
            "replays": True,
            "changed": [],
            "deliveries": [{"delivery_id": 701, "channel": "email", "status": "sent", "code": "250 2.0.0"}],
        }
    )
    decision_id: int
    campaign_id: int
    campaign: str
    profile: str
    trigger_key: str
    decided_at: AwareDatetime
    language: Language
    summary: str
    action: Action
    reason: str
    wait_until: AwareDatetime | None
    funnel: list[StageOut]
    eligible: int
    candidates: list[ToldOut]
    arbiter: Arbiter
    passed_over: list[PassedOverOut] = Field(description="Arbiters that were to choose before, and why they did not.")
    remembered: bool = Field(description="The arbiter's answer to the very same question was used again.")
    arbiter_detail: Document
    policy: str | None
    policy_version: int
    inputs_hash: str
    inputs_verified: bool
    replays: bool
    changed: list[str]
    deliveries: list[Document]

    @classmethod
    def of(cls, found: Explained) -> "ExplainedOut":
        return cls.model_validate(found.to_document())


class DifferenceOut(Output):
    place: str
    stored: Any
    found: Any


class ReplayOut(Output):
    """A decision decided again from what is stored; `changed` names what differs."""

    model_config = example({"decision_id": 601, "policy_version": 1, "same": True, "changed": [], "differences": []})
    decision_id: int
    policy_version: int
    same: bool
    changed: list[str]
    differences: list[DifferenceOut]

    @classmethod
    def of(cls, found: Replayed) -> "ReplayOut":
        return cls.model_validate(found.to_document())


class SegmentAnswer(Output):
    key: str
    version: int
    holds: bool
    member_since: AwareDatetime | None
    explained: Document


class NowOut(Output):
    """What would be decided at the instant asked about."""

    action: Action
    reason: str
    wait_until: AwareDatetime | None
    policy_version: int
    funnel: list[StageOut]
    candidates: list[Document]


class WhyNotOut(Output):
    model_config = example(
        {
            "profile": "kh-000042",
            "campaign_id": 301,
            "campaign": "uu-dai-thang",
            "at": "2026-05-01T02:00:05Z",
            "answer": "not_in_segment",
            "sentence": "kh-000042 is not in the segment khach-vip: orders is at least 3 (1).",
            "decision_id": None,
            "run_id": 501,
            "snapshot_id": 401,
            "in_snapshot": False,
            "due_at": None,
            "segment": {
                "key": "khach-vip",
                "version": 1,
                "holds": False,
                "member_since": None,
                "explained": {"text": "orders is at least 3", "holds": False, "found": "1"},
            },
            "now": {
                "action": "send",
                "reason": "chosen",
                "wait_until": None,
                "policy_version": 1,
                "funnel": [STAGE],
                "candidates": [VERDICT],
            },
        }
    )
    profile: str
    campaign_id: int
    campaign: str
    at: AwareDatetime
    answer: str
    sentence: str
    decision_id: int | None
    run_id: int | None
    snapshot_id: int | None
    in_snapshot: bool | None
    due_at: AwareDatetime | None
    segment: SegmentAnswer | None
    now: NowOut

    @classmethod
    def of(cls, found: WhyNot) -> "WhyNotOut":
        return cls.model_validate(found.to_document())
