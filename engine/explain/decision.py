"""Explaining a decision: every candidate, where each dropped out and why, who chose, and what else could have been."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.explain.funnel import Stage, first_reason, funnel
from engine.explain.gates import conditions, rule_text
from engine.explain.replay import Replayed, replayed
from engine.explain.sentences import Said, arbiter_name, channel_name, moment, say, stopped_by
from engine.explain.stored import Stored, stored
from rules.conditions import Explained as Condition
from rules.conditions import Language
from rules.decide import eligible
from rules.facts import Candidate
from rules.verdicts import CHOSEN, Reason, Verdict
from rules.words import Action, Gate


@dataclass(frozen=True, slots=True)
class Against:
    """One reason with the rule it comes from, in the policy's own words, and what a layer's rule asked and found."""

    reason: Reason
    rule: str
    conditions: Sequence[Condition]

    def to_document(self) -> dict[str, Any]:
        told = {"rule": self.rule, "conditions": [one.to_document() for one in self.conditions]}
        return {"evidence": {}, "until": None, **self.reason.to_document(), **told}


@dataclass(frozen=True, slots=True)
class Told:
    """One candidate's fate. `dropped_at` is the first gate that refused, None for an eligible one.

    `probability` is the arbiter's, where it gave any.
    """

    verdict: Verdict
    dropped_at: Gate | None
    against: tuple[Against, ...]
    probability: float | None
    is_chosen: bool

    def to_document(self) -> dict[str, Any]:
        candidate = self.verdict.candidate
        return {
            "action": candidate.action,
            "channel": candidate.channel,
            "template_id": candidate.template_id,
            "template": candidate.template_name,
            "template_version": candidate.template_version,
            "eligible": self.verdict.eligible,
            "chosen": self.is_chosen,
            "dropped_at": self.dropped_at,
            "reasons": [one.to_document() for one in self.against],
            "wait_until": None if self.verdict.wait_until is None else self.verdict.wait_until.isoformat(),
            "score": self.verdict.score,
            "score_parts": dict(self.verdict.features),
            "probability": self.probability,
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision explained; `summary` is one sentence in `language`. `replay` proves it, or says what changed."""

    record: Stored
    language: Language
    summary: str
    candidates: tuple[Told, ...]
    funnel: tuple[Stage, ...]
    replay: Replayed

    def to_document(self) -> dict[str, Any]:
        record, decision = self.record, self.record.decision
        choice = decision.choice
        return {
            "decision_id": record.decision_id,
            "campaign_id": record.campaign.campaign_id,
            "campaign": record.campaign_key,
            "profile": record.ext_id,
            "trigger_key": record.trigger_key,
            "decided_at": record.decided_at.isoformat(),
            "language": self.language,
            "summary": self.summary,
            "action": decision.action,
            "reason": decision.reason,
            "wait_until": None if decision.wait_until is None else decision.wait_until.isoformat(),
            "funnel": [stage.to_document() for stage in self.funnel],
            "eligible": sum(one.verdict.eligible for one in self.candidates),
            "candidates": [one.to_document() for one in self.candidates],
            "arbiter": decision.arbiter,
            "passed_over": [{"arbiter": one.arbiter, "why": one.why} for one in (choice.passed_over if choice else ())],
            "remembered": choice is not None and choice.is_remembered,
            "arbiter_detail": dict(choice.detail) if choice is not None else {},
            "policy": record.policy_key,
            "policy_version": record.policy_version,
            "inputs_hash": record.inputs_hash.hex(),
            "inputs_verified": record.is_proven,
            "replays": self.replay.is_same,
            "changed": list(self.replay.changed),
            "deliveries": [dict(one) for one in record.deliveries],
        }


async def explain_decision(
    conn: Transaction, *, tenant_id: UUID, decision_id: int, language: Language = Language.EN
) -> Explained:
    """Tell all there is to a decision; raises NotFound."""
    return explained(await stored(conn, tenant_id=tenant_id, decision_id=decision_id), language)


def explained(record: Stored, language: Language) -> Explained:
    """Tell all there is to a stored decision."""
    decision = record.decision
    probabilities = _probabilities(record)
    told = tuple(
        Told(
            verdict=verdict,
            dropped_at=None if (first := first_reason(verdict)) is None else first.gate,
            against=tuple(_against(record, reason, language) for reason in verdict.reasons),
            probability=probabilities.get(verdict.candidate.index),
            is_chosen=decision.action is not Action.WAIT and verdict.candidate == decision.chosen,
        )
        for verdict in decision.verdicts
    )
    return Explained(record, language, summary(record, language), told, funnel(decision.verdicts), replayed(record))


def _against(record: Stored, reason: Reason, language: Language) -> Against:
    return Against(
        reason,
        rule_text(record.policy, reason, language),
        conditions(record.policy, record.facts, reason, record.decided_at, language),
    )


def _probabilities(record: Stored) -> Mapping[int, float]:
    """Give the probability of each candidate by its index; empty where the arbiter gave none."""
    choice = record.decision.choice
    could = eligible(record.decision.verdicts)
    if choice is None or len(choice.probabilities) != len(could):
        return {}
    return {one.candidate.index: value for one, value in zip(could, choice.probabilities, strict=True)}


def summary(record: Stored, language: Language) -> str:
    """Say a decision in one sentence; times are in the person's zone."""
    decision = record.decision
    words = {
        "person": record.ext_id,
        "campaign": record.campaign.name or record.campaign_key,
        "arbiter": arbiter_name(decision.arbiter, language),
    }
    if decision.reason == CHOSEN:
        could = len(eligible(decision.verdicts))
        what = Said.SEND if decision.action is Action.SEND else Said.NOTHING_CHOSEN
        return say(what, language, **words, **_chosen(decision.chosen), count=could)
    gate = stopped_by(Gate(decision.reason), language)
    if decision.wait_until is not None:
        until = moment(decision.wait_until, record.facts.zone, language)
        return say(Said.WAIT, language, **words, gate=gate, until=until)
    return say(Said.NOTHING, language, **words, gate=gate)


def _chosen(candidate: Candidate | None) -> Mapping[str, str]:
    if candidate is None or candidate.channel is None:
        return {"template": "", "channel": ""}
    return {
        "template": f"{candidate.template_name} v{candidate.template_version}",
        "channel": channel_name(candidate.channel),
    }
