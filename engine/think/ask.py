"""The think step of a batch: models are asked before the batch is decided, and never while a transaction is open.

Their answers are remembered by the context they saw. The batch, decided afterwards under its locks, takes each choice
from there if the context is still the same: a crash in between loses nothing and asks nothing twice.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from engine.around import gather_all
from engine.db import Database
from engine.frame import Frame, Standing, lock_frame
from engine.think.answers import Remembered, known, remember
from engine.think.contract import Question
from engine.think.gateway import Asked, Gateway
from engine.think.prompt import context_hash, question
from rules.arbitration import PassedOver
from rules.decide import eligible, weigh
from rules.facts import Facts
from rules.verdicts import Verdict
from rules.words import Action, Arbiter, Lane

# At most this many answers are lost with a worker, and this often it is checked whether the run may go on.
SLICE = 8
# A batch thinks this long at a time; then it is another batch's turn, and answers so far are kept.
TURN = timedelta(seconds=60)
_HOURS = "The run's time for models is used up."
_COST = "The run's money for models is used up."


@dataclass(frozen=True, slots=True)
class Thought:
    """The result of thinking: which model answers for an arbiter, which arbiters could not be asked, and what is new.

    `passed_over` is by profile; `fresh` are the hashes of the contexts that were asked about now; without `is_whole`
    there are more people to ask about.
    """

    models: Mapping[Arbiter, str] = field(default_factory=dict)
    passed_over: Mapping[int, tuple[PassedOver, ...]] = field(default_factory=dict)
    fresh: frozenset[bytes] = frozenset()
    is_whole: bool = True


UNASKED = Thought()
"""No model was asked: the score chooses, and the decision says that the others were passed over."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A question still to be asked, about everybody who looks the same to the model; its hash, by who may answer."""

    profile_ids: tuple[int, ...]
    asked: Question
    hashes: Mapping[Arbiter, bytes]

    def passed(self, why: Sequence[PassedOver]) -> dict[int, tuple[PassedOver, ...]]:
        return dict.fromkeys(self.profile_ids, tuple(why))


@dataclass(slots=True)
class _Allowance:
    """The part of the run's budget for models that a batch may use: its people's share of the money, and until when."""

    until: datetime | None
    cost: float | None

    def refusal(self, now: datetime) -> str | None:
        if self.until is not None and now >= self.until:
            return _HOURS
        return _COST if self.cost is not None and self.cost <= 0.0 else None


def wants_thought(frame: Frame) -> bool:
    """Whether a model comes before the score."""
    return frame.policy.arbitration.order[0] is not Arbiter.SCORE


async def think(
    db: Database,
    gateway: Gateway,
    *,
    tenant_id: UUID,
    batch_id: int,
    clock: Callable[[], datetime],
    is_stopping: Callable[[], bool] = lambda: False,
) -> Thought:
    """Ask models about the people of a batch, and remember the answers; `clock` gives aware instants.

    Stops between slices of 8 if the run or campaign is paused or over, if the policy's budget for it is used up, after
    a minute, or if `is_stopping` says so.
    """
    models = await gateway.names()
    frame, still = await _open(db, models, tenant_id, batch_id, began := clock())
    if frame is None or not still:
        return Thought(models)
    allowance = _allowance(frame, len(frame.profile_ids))
    passed_over: dict[int, tuple[PassedOver, ...]] = {}
    fresh: set[bytes] = set()
    size = SLICE if frame.lane is Lane.BULK else len(still)
    for start in range(0, len(still), size):
        part = still[start : start + size]
        refusal = allowance.refusal(clock())
        if refusal is not None:
            for one in still[start:]:
                passed_over |= one.passed(_all_passed(frame, refusal))
            break
        if start and (is_stopping() or clock() >= began + TURN):
            return Thought(models, passed_over, frozenset(fresh), is_whole=False)
        found = await _ask(gateway, frame, part)
        answers = {
            one.hashes[asked.arbiter]: Remembered(asked.arbiter, asked.answer)
            for one, asked in zip(part, found, strict=True)
            if asked.answer is not None and asked.arbiter in one.hashes
        }
        for one, asked in zip(part, found, strict=True):
            passed_over |= one.passed(asked.passed_over)
        fresh |= answers.keys()
        if allowance.cost is not None:
            allowance.cost -= sum(one.answer.cost for one in answers.values())
        async with db.transaction(tenant_id) as conn:
            await remember(conn, answers=answers)
            standing = await lock_frame(conn, batch_id)
        if standing is None or standing.standing is not Standing.OPEN:
            break
    return Thought(models, passed_over, frozenset(fresh))


async def _open(
    db: Database, models: Mapping[Arbiter, str], tenant_id: UUID, batch_id: int, now: datetime
) -> tuple[Frame | None, list[_Open]]:
    """Give the batch, and what to ask about its people: each question once, and none that is answered already."""
    async with db.transaction(tenant_id) as conn:
        frame = await lock_frame(conn, batch_id)
        if frame is None or frame.standing is not Standing.OPEN:
            return None, []
        facts = await gather_all(conn, frame, profile_ids=frame.profile_ids, now=now)
        questions = _questions(frame, facts, models, now)
        there = await known(conn, hashes={hashed for one in questions for hashed in one.hashes.values()})
    return frame, [one for one in questions if not there.keys() & set(one.hashes.values())]


def _questions(frame: Frame, everybody: Sequence[Facts], models: Mapping[Arbiter, str], now: datetime) -> list[_Open]:
    found: dict[tuple[bytes, ...], _Open] = {}
    for facts in everybody:
        could = eligible(weigh(facts, frame.candidates, frame.campaign, frame.policy, now))
        asked = question_for(facts, frame, could)
        if asked is None:
            continue
        hashes = {
            arbiter: context_hash(asked, model=models[arbiter]) for arbiter in _before_score(frame) if arbiter in models
        }
        alike = tuple(hashes.values())
        others = found[alike].profile_ids if alike in found else ()
        found[alike] = _Open((*others, facts.profile_id), asked, hashes)
    return list(found.values())


def question_for(facts: Facts, frame: Frame, could: Sequence[Verdict]) -> Question | None:
    """Give what to ask about a person; None if there is nothing to choose, or two choices read alike."""
    if not any(one.candidate.action is Action.SEND for one in could):
        return None
    asked = question(facts, frame.campaign, could, frame.candidates)
    read = {(call.name, *sorted(call.arguments.items())) for call in asked.calls}
    return asked if len(read) == len(asked.calls) else None


def _before_score(frame: Frame) -> Iterator[Arbiter]:
    for arbiter in frame.policy.arbitration.order:
        if arbiter is Arbiter.SCORE:
            return
        yield arbiter


async def _ask(gateway: Gateway, frame: Frame, part: Sequence[_Open]) -> list[Asked]:
    """Ask about several people, as many at once as the gateway allows; waiting for a turn would use up their time."""
    turns = asyncio.Semaphore(gateway.at_once)
    arbitration = frame.policy.arbitration

    async def ask(one: _Open) -> Asked:
        async with turns:
            return await gateway.ask(one.asked, order=arbitration.order, within_s=arbitration.within_ms / 1000)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(one)) for one in part]
    return [task.result() for task in tasks]


def _all_passed(frame: Frame, why: str) -> tuple[PassedOver, ...]:
    return tuple(PassedOver(arbiter, why) for arbiter in _before_score(frame))


def _allowance(frame: Frame, people: int) -> _Allowance:
    arbitration = frame.policy.arbitration
    hours, cost = arbitration.most_hours, arbitration.most_cost
    return _Allowance(
        until=None if hours is None else frame.started_at + timedelta(hours=hours),
        cost=None if cost is None else cost * people / max(people, frame.people),
    )
