"""Rechecking: people whom an event or a change may have moved, and only the segments that it can move them in.

A refresh and a recheck never work on a segment at the same time: both lock the segment's row, the refresh by waiting,
the recheck without waiting. A refresh that begins during a recheck waits those milliseconds, and its statement, which
begins afterwards, sees what the recheck wrote. A recheck that finds a refresh at work postpones the person: the refresh
may have read the person before the event, and its result is not known until it ends.
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
# A refresh of a million people takes a few seconds.
LATER = timedelta(seconds=1)
_SQL = queries("segments")

Asked = Mapping[int, frozenset[str]]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rechecked:
    """How many people were looked at, joined or left, and wait for a refresh to end; and the batches to ring for."""

    people: int = 0
    changes: int = 0
    postponed: int = 0
    started: Started = NOTHING_STARTED


async def recheck_due(conn: Transaction, *, tenant_id: UUID, now: datetime, most: int = MOST) -> Rechecked:
    """Look again at people who are due and that nobody is working on, at most this many; `now` is aware.

    A segment whose rule cannot be evaluated is logged and left as it is, so that the others are still looked at.
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
    # Before its first refresh a segment has no membership to change.
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
    """Give the segments with their rules, except those that only a refresh can evaluate."""
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
    """Evaluate plain rules together, and each rule with a graph query by itself, because its data may make it fail."""
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
    """Give who is to join and who is to leave: {segment_id, version, profile_id, joined}."""
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
