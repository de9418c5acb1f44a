"""What hangs on a profile that was merged into another counts for that other one, in SQL as in Python."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.db import Database
from engine.segments.ask import ask
from engine.segments.compile import compile_rule
from engine.segments.context import context_of
from rules.conditions import parse
from tests.conftest import Tenant
from tests.engine.asking import forgotten, found, put
from tests.rules.conditions_strategies import NOW, TODAY, people, person, rules

# What is the person's whichever profile it came by; the rest is the survivor's own.
_SHARED = ("consents", "addresses", "events", "outcomes")


def _joined(winner: dict[str, Any], losers: list[dict[str, Any]]) -> dict[str, Any]:
    return winner | {name: [one for document in (winner, *losers) for one in document[name]] for name in _SHARED}


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents=st.lists(people(), min_size=2, max_size=6), asked=st.lists(rules(), min_size=1, max_size=6))
async def test_merged_profiles_are_one_person(
    db: Database, tenant: Tenant, documents: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    parsed = [parse(one) for one in asked]
    async with forgotten(db, tenant) as conn:
        by_id = await put(conn, documents)
        winners, losers = sorted(by_id)[::3], [one for place, one in enumerate(sorted(by_id)) if place % 3]
        merged = {loser: max(winner for winner in winners if winner < loser) for loser in losers}
        for loser, winner in merged.items():
            await conn.execute(
                "UPDATE cdp_profiles SET status = 'merged', merged_into = %s WHERE profile_id = %s", (winner, loser)
            )
        persons = {
            winner: person(
                _joined(by_id[winner], [by_id[loser] for loser, into in merged.items() if into == winner]),
                profile_id=winner,
                ext_id=by_id[winner]["ext_id"],
            )
            for winner in winners
        }
        context = await context_of(conn, parsed, now=NOW)
        gathered = await ask(conn, parsed, context, profile_ids=list(by_id))
        for rule, gathered_holders in zip(parsed, gathered.holders, strict=True):
            pure = {winner for winner, one in persons.items() if rule.holds(one, now=NOW, today=TODAY)}
            assert await found(conn, compile_rule(rule, context)) == pure, rule.text()
            assert await found(conn, compile_rule(rule, context, people=winners[:1])) == pure & set(winners[:1])
            assert gathered_holders == pure, rule.text()
