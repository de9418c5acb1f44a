"""Rehearsing: deciding for people as a batch does, from the same facts and by the same rules, and writing nothing.

The score arbiter chooses: no model is asked, for a rehearsal must cost nothing. So who is held back, and by what, is
what a run would decide; which of several allowed templates each gets is the score's opinion.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from engine.around import gather_all
from engine.budget import Purse, read_purse
from engine.db import Transaction
from engine.explain.plan import Plan
from engine.identity.twins import Address, Twins, find_twins
from engine.table import address_of
from rules.conditions.person import Person
from rules.decide import decide
from rules.facts import Facts
from rules.verdicts import Decision
from rules.words import Action

CHUNK = 500
# As in engine/table.py: the loop's other work waits about 5 ms.
_BREATH = 64


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would be decided for one person, from which facts."""

    facts: Facts
    decision: Decision


async def rehearse(conn: Transaction, plan: Plan, profile_ids: Sequence[int]) -> AsyncIterator[Rehearsed]:
    """Decide for people in chunks of 500, by their ids within each; profiles that are gone are left out."""
    taken: dict[Address, str] = {}
    purse = await _purse(conn, plan)
    for start in range(0, len(profile_ids), CHUNK):
        chunk = profile_ids[start : start + CHUNK]
        twins = await _twins(conn, plan, chunk)
        twins.taken.update(taken)
        for place, known in enumerate(await _facts(conn, plan, chunk), start=1):
            facts = twins.meet(known)
            if purse is not None:
                facts = replace(facts, budget=purse.budget)
            decision = decide(facts, plan.frame.candidates, plan.frame.campaign, plan.frame.policy, plan.at)
            _take(twins, facts, decision)
            _pay(plan, purse, decision)
            yield Rehearsed(facts, decision)
            if place % _BREATH == 0:
                await asyncio.sleep(0)
        taken = twins.taken


async def _facts(conn: Transaction, plan: Plan, profile_ids: Sequence[int]) -> list[Facts]:
    known = await gather_all(
        conn,
        plan.frame,
        profile_ids=profile_ids,
        now=plan.at,
        is_past=plan.is_past,
        is_rehearsed=plan.trigger_type is not None,
    )
    return [facts if facts.person is None else replace(facts, person=_as_of(plan, facts.person)) for facts in known]


async def _purse(conn: Transaction, plan: Plan) -> Purse | None:
    frame = plan.frame
    if frame.budget is None:
        return None
    return await read_purse(
        conn, campaign_id=plan.campaign_id, document=frame.budget, zone=frame.tenant_zone, now=plan.at
    )


def _as_of(plan: Plan, person: Person) -> Person:
    if not plan.is_past:
        return person
    return replace(person, consents=tuple(one for one in person.consents if one.at <= plan.at))


async def _twins(conn: Transaction, plan: Plan, profile_ids: Sequence[int]) -> Twins:
    frame = plan.frame
    return await find_twins(
        conn,
        profile_ids=profile_ids,
        channels=frame.channel_ids.keys(),
        run_id=frame.run_id,
        campaign_id=plan.campaign_id,
        snapshot_id=frame.snapshot_id,
    )


def _take(twins: Twins, facts: Facts, decision: Decision) -> None:
    chosen = decision.chosen
    if decision.action is Action.SEND and chosen is not None and chosen.channel is not None:
        twins.reach(facts, chosen.channel, address_of(facts, chosen.channel))


def _pay(plan: Plan, purse: Purse | None, decision: Decision) -> None:
    chosen = decision.chosen
    if purse is not None and decision.action is Action.SEND and chosen is not None and chosen.channel is not None:
        purse.spend(plan.frame.policy.costs.get(chosen.channel, 0.0))
