"""Choosing for the people of a batch by models' earlier answers, each given in exactly the same context."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from engine.db import Transaction
from engine.frame import Frame
from engine.think.answers import Remembered, known
from engine.think.ask import Thought, question_for, wants_thought
from engine.think.prompt import context_hash
from rules.arbitration import Choice, PassedOver
from rules.decide import best_score, eligible, weigh
from rules.facts import Facts
from rules.verdicts import Verdict
from rules.words import Action, Arbiter

# Gets a person and all verdicts, gives the choice among the eligible ones.
Choose: TypeAlias = Callable[[Facts, Sequence[Verdict]], Choice]

_NOT_CONFIGURED = "It is not configured where this was decided."
_CHANGED = "What it would have seen changed after it was asked, or nobody asked it."
_ALIKE = "Two choices read alike to it."
_OUTSIDE = "It answered outside the list."


def by_score(facts: Facts, verdicts: Sequence[Verdict]) -> Choice:
    """Choose the highest score; no other arbiter was to choose before."""
    del facts
    could = eligible(verdicts)
    return Choice(place=best_score(could)) if _may_send(could) else Choice(place=0)


async def recall(
    conn: Transaction, frame: Frame, everybody: Sequence[Facts], now: datetime, thought: Thought
) -> Choose:
    """Give how to choose: by the remembered answers if the policy's order begins with a model.

    Contexts are looked up as they are now; if one changes while the batch is being decided (a twin was reached, the
    budget is used up), no answer exists for it and the next arbiter chooses.
    """
    if not wants_thought(frame):
        return by_score
    hashes = {
        context_hash(asked, model=model)
        for facts in everybody
        for asked in [question_for(facts, frame, _could(frame, facts, now))]
        if asked is not None
        for model in thought.models.values()
    }
    there = await known(conn, hashes=hashes)

    def choose(facts: Facts, verdicts: Sequence[Verdict]) -> Choice:
        could = eligible(verdicts)
        return _choice(frame, facts, could, there, thought) if _may_send(could) else Choice(place=0)

    return choose


def model_hash(choice: Choice) -> bytes | None:
    """Give the sha256 of the name and version of the model that chose; None if none did."""
    model = choice.detail.get("model")
    return None if model is None else hashlib.sha256(str(model).encode()).digest()


def _choice(
    frame: Frame, facts: Facts, could: Sequence[Verdict], there: Mapping[bytes, Remembered], thought: Thought
) -> Choice:
    asked = question_for(facts, frame, could)
    failed = {one.arbiter: one.why for one in thought.passed_over.get(facts.profile_id, ())}
    passed: list[PassedOver] = []
    for arbiter in frame.policy.arbitration.order:
        if arbiter is Arbiter.SCORE:
            break
        if asked is None:
            passed.append(PassedOver(arbiter, _ALIKE))
            continue
        model = thought.models.get(arbiter)
        if model is None:
            passed.append(PassedOver(arbiter, _NOT_CONFIGURED))
            continue
        hashed = context_hash(asked, model=model)
        found = there.get(hashed)
        if found is None:
            passed.append(PassedOver(arbiter, failed.get(arbiter, _CHANGED)))
        elif not _fits(found, len(could)):
            passed.append(PassedOver(arbiter, _OUTSIDE))
        else:
            return Choice(
                place=found.answer.place,
                arbiter=found.arbiter,
                probabilities=found.answer.probabilities,
                passed_over=tuple(passed),
                is_remembered=hashed not in thought.fresh,
                detail=_detail(found, hashed),
            )
    return Choice(place=best_score(could), passed_over=tuple(passed))


def _fits(found: Remembered, count: int) -> bool:
    answer = found.answer
    return 0 <= answer.place < count and len(answer.probabilities) in {0, count}


def _detail(found: Remembered, hashed: bytes) -> dict[str, Any]:
    answer = found.answer
    return {
        "model": answer.model,
        "context_hash": hashed.hex(),
        "prompt_hash": answer.prompt_hash.hex(),
        "latency_ms": answer.latency_ms,
        "prompt_tokens": answer.prompt_tokens,
        "answer_tokens": answer.answer_tokens,
        "cost": answer.cost,
    }


def _could(frame: Frame, facts: Facts, now: datetime) -> tuple[Verdict, ...]:
    return eligible(weigh(facts, frame.candidates, frame.campaign, frame.policy, now))


def _may_send(could: Sequence[Verdict]) -> bool:
    return any(one.candidate.action is Action.SEND for one in could)
