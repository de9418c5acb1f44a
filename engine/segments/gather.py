"""Gathering what rules look at for a few people, with a fixed number of queries for any number of people and rules."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg.rows import DictRow

from engine.db import Transaction
from engine.queries import queries
from engine.segments.compile import compile_rule
from engine.segments.parts import Context
from rules.conditions import Rule
from rules.conditions.dates import resolve
from rules.conditions.nodes import CameOf, Happened, Leaf, Like, Pattern
from rules.conditions.person import Occurrence, Person, Result
from rules.facts import Consent
from rules.words import Channel, OutcomeType

# Per profile, newest first; people who may have more are asked in SQL (engine/segments/ask.py). 500 people with this
# many each take some 300 MB.
MOST_EVENTS = 1_000
_SQL = queries("segments")


async def gather(
    conn: Transaction, rules: Sequence[Rule], context: Context, *, profile_ids: Sequence[int]
) -> dict[int, Person]:
    """Give the people that exist, by id, with everything the rules look at."""
    rows = await (await conn.execute(_SQL["people"], {"profile_ids": list(profile_ids)})).fetchall()
    # What belongs to a merged profile belongs to the person too.
    whose = [(one, row["profile_id"]) for row in rows for one in row["ids"]]
    values = {
        "ids": [one for one, _ in whose],
        "people": [person for _, person in whose],
        "now": context.now,
        "most": MOST_EVENTS,
    }
    leaves = list(dict.fromkeys(leaf for rule in rules for leaf in rule.leaves()))
    events = await _events(conn, [leaf for leaf in leaves if isinstance(leaf, Happened)], context.now, values)
    results = await _results(conn, [leaf for leaf in leaves if isinstance(leaf, CameOf)], values)
    answers = await _answers(conn, leaves, context, profile_ids)
    return {
        row["profile_id"]: _person(
            row,
            events=tuple(events[row["profile_id"]]),
            results=tuple(results[row["profile_id"]]),
            answers={leaf: row["profile_id"] in found for leaf, found in answers.items()},
        )
        for row in rows
    }


def _person(
    row: DictRow, *, events: tuple[Occurrence, ...], results: tuple[Result, ...], answers: Mapping[Leaf, bool]
) -> Person:
    return Person(
        profile_id=row["profile_id"],
        ext_id=row["ext_id"],
        created_at=row["created_at"],
        source=row["source"],
        active=row["status"] == "active",
        name=row["name"],
        locale=row["locale"],
        zone=row["zone"],
        attributes=_exact(row["attributes"]),
        consents=tuple(
            Consent(_channel(channel), purpose, granted, datetime.fromisoformat(at).astimezone(UTC))
            for channel, purpose, granted, at in row["consents"] or ()
        ),
        reachable=frozenset(Channel(channel) for channel in row["channels"] or ()),
        events=events,
        results=results,
        segments=frozenset(row["segments"] or ()),
        answers=answers,
    )


async def _events(
    conn: Transaction, leaves: Sequence[Happened], now: datetime, values: Mapping[str, Any]
) -> Mapping[int, list[Occurrence]]:
    found: defaultdict[int, list[Occurrence]] = defaultdict(list)
    if not leaves:
        return found
    types = sorted({one for leaf in leaves for one in leaf.types})
    wanted = {**values, "types": types, "since": _since(leaves, now)}
    for row in await (await conn.execute(_SQL["events_of"], wanted)).fetchall():
        event = Occurrence(row["type"], row["occurred_at"], _exact(row["attributes"]))
        found[row["profile_id"]].append(event)
    return found


def _since(leaves: Iterable[Happened], now: datetime) -> datetime | None:
    """Give the instant before which no condition looks; None if a condition looks at everything."""
    begins = [leaf.span.after for leaf in leaves]
    return min((resolve(one, now) for one in begins if one is not None), default=None) if all(begins) else None


async def _results(
    conn: Transaction, leaves: Sequence[CameOf], values: Mapping[str, Any]
) -> Mapping[int, list[Result]]:
    found: defaultdict[int, list[Result]] = defaultdict(list)
    if not leaves:
        return found
    types = sorted({str(one) for leaf in leaves for one in leaf.types})
    for row in await (await conn.execute(_SQL["results_of"], {**values, "types": types})).fetchall():
        result = Result(OutcomeType(row["type"]), row["occurred_at"], row["campaign"], _channel(row["channel"]))
        found[row["profile_id"]].append(result)
    return found


async def _answers(
    conn: Transaction, leaves: Iterable[Leaf], context: Context, profile_ids: Sequence[int]
) -> dict[Leaf, frozenset[int]]:
    """Ask the database what only it can tell: who is found by a graph pattern, and who is near."""
    answers: dict[Leaf, frozenset[int]] = {}
    for leaf in leaves:
        if isinstance(leaf, Pattern | Like):
            compiled = compile_rule(Rule(leaf, {}), context, people=profile_ids)
            rows = await (await conn.execute(compiled.statement, compiled.values)).fetchall()
            answers[leaf] = frozenset(row["profile_id"] for row in rows)
    return answers


def _exact(text: str) -> Any:
    """Read JSON without losing a digit: 0.1 stays 0.1, as it does in jsonb."""
    return json.loads(text, parse_float=Decimal)


def _channel(name: str | None) -> Channel | None:
    return None if name is None else Channel(name)
