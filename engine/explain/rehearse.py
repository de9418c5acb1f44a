"""Rehearsing: deciding for people as a batch does, from the same facts and by the same rules, and writing nothing.

The score arbiter chooses: no model is asked, for a rehearsal must cost nothing. So who is held back, and by what, is
what a run would decide; which of several allowed templates each gets is the score's opinion.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from engine.db import Transaction
from engine.decide import address_of
from engine.explain.past import gather_at
from engine.explain.plan import Plan
from engine.facts import gather
from engine.identity.twins import Address, Twins, find_twins
from engine.segments.context import context_of
from engine.segments.gather import gather as gather_people
from rules.conditions.person import Person
from rules.decide import decide
from rules.facts import Facts
from rules.verdicts import Decision
from rules.words import Action

CHUNK = 500
# As in engine/decide.py: the loop's other work waits about 5 ms.
_BREATH = 64


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would be decided for one person, from which facts."""

    facts: Facts
    decision: Decision


async def rehearse(conn: Transaction, plan: Plan, profile_ids: Sequence[int]) -> AsyncIterator[Rehearsed]:
    """Decide for people in chunks of 500, by their ids within each; profiles that are gone are left out."""
    taken: dict[Address, str] = {}
    for start in range(0, len(profile_ids), CHUNK):
        chunk = profile_ids[start : start + CHUNK]
        twins = await _twins(conn, plan, chunk)
        twins.taken.update(taken)
        for place, known in enumerate(await _facts(conn, plan, chunk), start=1):
            facts = twins.meet(known)
            decision = decide(facts, plan.frame.candidates, plan.frame.campaign, plan.frame.policy, plan.at)
            _take(twins, facts, decision)
            yield Rehearsed(facts, decision)
            if place % _BREATH == 0:
                await asyncio.sleep(0)
        taken = twins.taken


async def _facts(conn: Transaction, plan: Plan, profile_ids: Sequence[int]) -> list[Facts]:
    frame = plan.frame
    gathered = gather_at if plan.is_past else gather
    known = await gathered(
        conn,
        profile_ids=profile_ids,
        purpose=frame.campaign.purpose,
        now=plan.at,
        zone=frame.zone,
        locale=frame.locale,
        contacts_window=frame.policy.longest_window,
    )
    return await _with_people(conn, plan, known)


async def _with_people(conn: Transaction, plan: Plan, everybody: list[Facts]) -> list[Facts]:
    """Add what the policy's conditions look at, where it has any and nobody gathered it yet."""
    rules = plan.frame.policy.rules()
    lacking = [facts.profile_id for facts in everybody if facts.person is None]
    if not rules or not lacking:
        return everybody
    context = await context_of(conn, rules, now=plan.at)
    found = await gather_people(conn, rules, context, profile_ids=lacking)
    return [
        replace(facts, person=_as_of(plan, found[facts.profile_id])) if facts.profile_id in found else facts
        for facts in everybody
    ]


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
