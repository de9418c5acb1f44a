"""Why somebody did not get something from a campaign: from what was decided, or from what would be decided now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from engine import segments
from engine.db import Transaction
from engine.explain.answers import Answer, Case, Wanted, answer, sentence
from engine.explain.funnel import funnel
from engine.explain.plan import Plan, plan_of, reading
from engine.explain.rehearse import Rehearsed, rehearse
from engine.explain.stored import Stored, stored
from engine.profiles import profile_id_of
from engine.queries import queries
from engine.segments import Explanation
from rules.conditions import Language
from rules.errors import NotFound
from rules.words import Channel

_SQL = queries("explain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a person stands with a campaign. `due_at`: when a batch that they are in is decided."""

    decision_id: int | None
    run_id: int | None
    snapshot_id: int | None
    frozen_at: datetime | None
    is_frozen: bool | None
    member_since: datetime | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """`answer` is what counts most; `sentence` says it. `decided` is the newest decision, where there is one.

    `rehearsed` is what would be decided at `plan.at`; `segment` says which condition of the segment holds.
    """

    ext_id: str
    plan: Plan
    answer: Answer
    sentence: str
    standing: Standing
    decided: Stored | None
    rehearsed: Rehearsed
    segment: Explanation | None

    def to_document(self) -> dict[str, Any]:
        would = self.rehearsed.decision
        return {
            "profile": self.ext_id,
            "campaign_id": self.plan.campaign_id,
            "campaign": self.plan.key,
            "at": self.plan.at.isoformat(),
            "answer": self.answer,
            "sentence": self.sentence,
            "decision_id": None if self.decided is None else self.decided.decision_id,
            "run_id": self.standing.run_id,
            "snapshot_id": self.standing.snapshot_id,
            "in_snapshot": self.standing.is_frozen if self.standing.snapshot_id is not None else None,
            "due_at": _iso(self.standing.due_at),
            "segment": None if self.segment is None else _segment(self.segment),
            "now": {
                "action": would.action,
                "reason": would.reason,
                "wait_until": _iso(would.wait_until),
                "policy_version": self.plan.frame.policy.version,
                "funnel": [stage.to_document() for stage in funnel(would.verdicts)],
                "candidates": [verdict.to_document() for verdict in would.verdicts],
            },
        }


async def why_not(
    conn: Transaction,
    *,
    tenant_id: UUID,
    ext_id: str,
    campaign_id: int | None = None,
    campaign: str | None = None,
    channel: Channel | None = None,
    template: str | None = None,
    at: datetime | None = None,
    language: Language = Language.EN,
) -> WhyNot:
    """Say why a person did not get anything of a campaign (by id or key), or not by `channel` or `template` (a key).

    With `at`, as of an instant. Nothing is written or locked. Raises NotFound where person or campaign is not there.
    """
    async with reading(conn):
        profile_id = await profile_id_of(conn, tenant_id=tenant_id, ext_id=ext_id)
        plan = await plan_of(conn, tenant_id=tenant_id, campaign_id=campaign_id, key=campaign, at=at)
        standing = await _standing(conn, tenant_id, plan, profile_id)
        if standing.snapshot_id is not None:
            plan = await plan_of(
                conn, tenant_id=tenant_id, campaign_id=plan.campaign_id, at=at, snapshot_id=standing.snapshot_id
            )
        rehearsed = await anext(rehearse(conn, plan, [profile_id]))
        decided = None
        if standing.decision_id is not None:
            decided = await stored(conn, tenant_id=tenant_id, decision_id=standing.decision_id)
        segment = await _segment_of(conn, tenant_id, plan, rehearsed.facts.ext_id, language)
    case = Case(
        plan=plan,
        decided=decided,
        would=rehearsed.decision,
        segment=segment,
        frozen_at=standing.frozen_at,
        is_frozen=bool(standing.is_frozen),
        due_at=standing.due_at,
        wanted=Wanted(channel, template),
    )
    found = answer(case)
    person = rehearsed.facts
    return WhyNot(
        ext_id=person.ext_id,
        plan=plan,
        answer=found,
        sentence=sentence(found, case, language, person=person.ext_id, zone=person.zone),
        standing=standing,
        decided=case.settled,
        rehearsed=rehearsed,
        segment=segment,
    )


async def _standing(conn: Transaction, tenant_id: UUID, plan: Plan, profile_id: int) -> Standing:
    values = {
        "tenant_id": tenant_id,
        "campaign_id": plan.campaign_id,
        "profile_id": profile_id,
        "segment_id": plan.segment_id,
        "at": plan.at,
    }
    row = await (await conn.execute(_SQL["standing"], values)).fetchone()
    if row is None:
        raise NotFound(f"Campaign {plan.key!r} is gone.", remedy="Ask again.")
    return Standing(**row)


async def _segment_of(
    conn: Transaction, tenant_id: UUID, plan: Plan, ext_id: str, language: Language
) -> Explanation | None:
    if plan.segment_id is None:
        return None
    return await segments.explain(
        conn, tenant_id=tenant_id, segment_id=plan.segment_id, ext_id=ext_id, now=plan.at, language=language
    )


def _segment(found: Explanation) -> dict[str, Any]:
    return {
        "key": found.key,
        "version": found.version,
        "holds": found.holds,
        "member_since": _iso(found.member_since),
        "explained": found.explained.to_document(),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
