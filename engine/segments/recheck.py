"""Rechecking: people whom an event or a change may have moved, in those segments alone that it can move them in.

A refresh and a recheck of one segment never work at the same time: either locks the segment's row, a refresh so that it
waits, a recheck so that it does not. A refresh that begins while a recheck is at work waits those milliseconds, and its
statement, which begins after, sees what the recheck wrote. A recheck that finds a refresh at work puts the person off:
the refresh may have read the person before the event, and what it makes of them is not known before it ends.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import DataError, ProgrammingError, QueryCanceled
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from engine.segments.ask import ask
from engine.segments.context import context_of
from engine.segments.history import is_wide
from engine.segments.runs import NOTHING_STARTED, Started, start_runs
from rules.conditions import ANY_EVENT, Rule, parse
from rules.conditions.nodes import Pattern
from rules.errors import LeoError

MOST = 500
# A refresh of a million people takes some seconds.
LATER = timedelta(seconds=1)
_SQL = queries("segments")

Asked = Mapping[int, frozenset[str]]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rechecked:
    """How many people were looked at, came or went, and wait for a refresh to end; and the batches to ring for."""

    people: int = 0
    changes: int = 0
    postponed: int = 0
    started: Started = NOTHING_STARTED


async def recheck_due(conn: Transaction, *, tenant_id: UUID, now: datetime, most: int = MOST) -> Rechecked:
    """Look again at the people that are due and in nobody's hands, at most so many; `now` is aware.

    A segment whose rule cannot be asked is logged and left as it is: it does not keep the others from being looked at.
    """
    claims = await (await conn.execute(_SQL["claim_rechecks"], {"now": now, "most": most})).fetchall()
    if not claims:
        return Rechecked()
    asked = {row["profile_id"]: frozenset(row["event_types"]) for row in claims}
    segments = await _listening(conn, asked)
    busy = [row for row in segments if row["is_busy"]]
    postponed = {one for one, types in asked.items() if any(_listens(row, types) for row in busy)}
    ended = {"postponed": sorted(postponed), "done": sorted(asked.keys() - postponed), "later": now + LATER}
    await conn.execute(_SQL["end_rechecks"], ended)
    # Before the first refresh there is no membership to change.
    readable = _readable([row for row in segments if row["refreshed_at"] is not None])
    changes = await _changes(conn, readable, asked, now=now)
    if not changes:
        return Rechecked(len(asked), 0, len(postponed))
    values = {"tenant_id": tenant_id, "now": now, "changes": Jsonb(changes)}
    refreshes = await (await conn.execute(_SQL["write_changes"], values)).fetchall()
    started = await start_runs(conn, tenant_id=tenant_id, refresh_ids=[row["refresh_id"] for row in refreshes])
    return Rechecked(len(asked), len(changes), len(postponed), started)


async def _listening(conn: Transaction, asked: Asked) -> list[DictRow]:
    values: dict[str, Any] = {
        "all": any(not types for types in asked.values()),
        "event_types": sorted(frozenset().union(*asked.values())),
    }
    return await (await conn.execute(_SQL["listening"], values)).fetchall()


def _listens(segment: DictRow, types: frozenset[str]) -> bool:
    listened: Sequence[str] = segment["event_types"]
    return not types or ANY_EVENT in listened or not types.isdisjoint(listened)


def _readable(segments: Sequence[DictRow]) -> list[tuple[DictRow, Rule]]:
    """Give the segments with their rules, but for those that only a refresh can ask."""
    found: list[tuple[DictRow, Rule]] = []
    for row in segments:
        try:
            rule = parse(row["rule"])
            if not is_wide(rule):
                found.append((row, rule))
        except LeoError as error:
            _tell_failed(row, error)
    return found


async def _changes(
    conn: Transaction, segments: Sequence[tuple[DictRow, Rule]], asked: Asked, *, now: datetime
) -> list[dict[str, Any]]:
    """Ask plain rules together, and each with a graph query by itself: it may fail at what only the data shows."""
    plain = [one for one in segments if not _has_pattern(one[1])]
    changes = await _differences(conn, plain, asked, now=now)
    for row, rule in segments:
        if not _has_pattern(rule):
            continue
        try:
            async with conn.transaction():
                changes += await _differences(conn, [(row, rule)], asked, now=now)
        except (DataError, ProgrammingError, QueryCanceled) as error:
            _tell_failed(row, error)
    return changes


def _has_pattern(rule: Rule) -> bool:
    return any(isinstance(leaf, Pattern) for leaf in rule.leaves())


async def _differences(
    conn: Transaction, segments: Sequence[tuple[DictRow, Rule]], asked: Asked, *, now: datetime
) -> list[dict[str, Any]]:
    """Give who is to join and who to leave: {segment_id, version, profile_id, joined}."""
    if not segments:
        return []
    rules = [rule for _, rule in segments]
    context = await context_of(conn, rules, now=now)
    found = await ask(conn, rules, context, profile_ids=sorted(asked))
    changes: list[dict[str, Any]] = []
    for (row, _), holders in zip(segments, found.holders, strict=True):
        for profile_id, types in asked.items():
            holds = profile_id in holders
            if _listens(row, types) and holds != (row["key"] in found.segments_of(profile_id)):
                change = {"segment_id": row["segment_id"], "version": row["version"], "profile_id": profile_id}
                changes.append({**change, "joined": holds})
    return changes


def _tell_failed(segment: DictRow, error: Exception) -> None:
    extra = {"segment": segment["key"], "error": f"{type(error).__name__}: {error}"}
    log.error("a segment's rule cannot be asked", extra=extra)
