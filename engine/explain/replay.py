"""Replay: a stored decision decided again from what is stored of it, without asking anybody anything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.explain.differences import Difference, differences
from engine.explain.stored import Stored, stored
from rules.arbitration import Choice
from rules.decide import best_score, conclude, eligible, weigh
from rules.identity import canonical
from rules.policy import Policy
from rules.verdicts import CHOSEN, Decision, Verdict

POLICY_GONE = "policy_gone"
INPUTS_ALTERED = "inputs_altered"
DECIDED_OTHERWISE = "decided_otherwise"


@dataclass(frozen=True, slots=True)
class Replayed:
    """`is_same`: verdicts and outcome are the stored ones, bit for bit, and the inputs are those that were hashed.

    Otherwise `changed` names what is not: POLICY_GONE, INPUTS_ALTERED, DECIDED_OTHERWISE; the last with each place.
    """

    decision_id: int
    policy_version: int
    changed: tuple[str, ...]
    differences: tuple[Difference, ...] = ()

    @property
    def is_same(self) -> bool:
        return not self.changed

    def to_document(self) -> dict[str, Any]:
        return {
            "decision_id": self.decision_id,
            "policy_version": self.policy_version,
            "same": self.is_same,
            "changed": list(self.changed),
            "differences": [one.to_document() for one in self.differences],
        }


async def replay(conn: Transaction, *, tenant_id: UUID, decision_id: int) -> Replayed:
    """Decide a stored decision again: from its inputs, policy version, instant and choice. Raises NotFound."""
    return replayed(await stored(conn, tenant_id=tenant_id, decision_id=decision_id))


def replayed(record: Stored) -> Replayed:
    """Decide it again and compare; a model's choice is taken as it is stored, never asked for again."""
    changed: list[str] = [] if record.is_proven else [INPUTS_ALTERED]
    if record.policy is None:
        return Replayed(record.decision_id, record.policy_version, (*changed, POLICY_GONE))
    again = decided_again(record, record.policy)
    found = _same(record.decision, again)
    if found:
        changed.append(DECIDED_OTHERWISE)
    return Replayed(record.decision_id, record.policy_version, tuple(changed), found)


def decided_again(record: Stored, policy: Policy) -> Decision:
    """Decide from stored inputs under `policy`."""
    offered = [verdict.candidate for verdict in record.decision.verdicts]
    verdicts = weigh(record.facts, offered, record.campaign, policy, record.decided_at, record.edition)
    return conclude(verdicts, choice_again(record.decision, verdicts))


def choice_again(decision: Decision, verdicts: Sequence[Verdict]) -> Choice:
    """Give the stored choice: the place of what was chosen among those who are eligible now.

    Where that is not among them, or nothing could be chosen then, the score chooses.
    """
    could = eligible(verdicts)
    place = next((place for place, one in enumerate(could) if one.candidate == decision.chosen), None)
    if place is None or decision.reason != CHOSEN:
        return Choice(place=best_score(could))
    if decision.choice is None:
        return Choice(place=place, arbiter=decision.arbiter)
    # Of another list the probabilities say nothing.
    known = decision.choice.probabilities
    return replace(decision.choice, place=place, probabilities=known if len(known) == len(could) else ())


def _same(was: Decision, becomes: Decision) -> tuple[Difference, ...]:
    # Decisions of the first versions did not store how they were chosen.
    again = becomes if was.choice is not None else replace(becomes, choice=None)
    return tuple(differences(_outcome(was), _outcome(again)))


def _outcome(decision: Decision) -> Any:
    """Give the decision as JSON writes it."""
    return json.loads(canonical(decision.to_document()))
