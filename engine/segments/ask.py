"""Evaluating rules for a few people, in Python; for people with too long a history, in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.db import Transaction
from engine.segments.compile import compile_rule
from engine.segments.gather import MOST_EVENTS, gather
from engine.segments.parts import Context
from rules.conditions import Rule
from rules.conditions.person import Person


@dataclass(frozen=True, slots=True)
class Asked:
    """Who satisfies each rule, in the order of the rules, and the people as gathered."""

    holders: tuple[frozenset[int], ...]
    people: Mapping[int, Person]

    def segments_of(self, profile_id: int) -> frozenset[str]:
        """Give the keys of the segments that the person is in at present."""
        person = self.people.get(profile_id)
        return frozenset() if person is None else person.segments


async def ask(conn: Transaction, rules: Sequence[Rule], context: Context, *, profile_ids: Sequence[int]) -> Asked:
    """Evaluate every rule for every person; `profile_ids` are at most a few hundred."""
    people = await gather(conn, rules, context, profile_ids=profile_ids)
    long = [one.profile_id for one in people.values() if max(len(one.events), len(one.results)) >= MOST_EVENTS]
    holders: list[frozenset[int]] = []
    for rule in rules:
        found = {
            one.profile_id
            for one in people.values()
            if one.profile_id not in long and rule.holds(one, now=context.now, today=context.today)
        }
        if long:
            compiled = compile_rule(rule, context, people=long)
            rows = await (await conn.execute(compiled.statement, compiled.values)).fetchall()
            found |= {row["profile_id"] for row in rows}
        holders.append(frozenset(found))
    return Asked(tuple(holders), people)
