"""Whom a campaign would decide for: who is in its segment as the rule finds them, not as somebody froze them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.sql import SQL, Composable

from engine.db import Transaction
from engine.explain.plan import Plan
from engine.queries import queries
from engine.segments.compile import compile_rule
from engine.segments.context import context_of
from engine.segments.store import get_segment
from engine.snapshots import get_snapshot
from rules.conditions import parse
from rules.errors import InvalidInput, NotFound

# An always-on campaign decides at each event; who caused one in a week stands for who will in the next.
EVENTS_WITHIN = timedelta(days=7)
_SQL = queries("explain")


class Source(StrEnum):
    """Where the people come from."""

    RULE = "rule"
    """The rule of the campaign's segment, asked now."""
    SNAPSHOT = "snapshot"
    EVENTS = "events"
    """Who caused such an event in the week before."""


@dataclass(frozen=True, slots=True)
class Audience:
    """`people` counts all; `profile_ids`, in order, are those to decide for: all, or a sample of them."""

    source: Source
    people: int
    profile_ids: tuple[int, ...]

    @property
    def share(self) -> float:
        """Give which part of the people is decided for, 0 to 1; 1 where there is nobody."""
        return len(self.profile_ids) / self.people if self.people else 1.0


@dataclass(frozen=True, slots=True)
class _Wanted:
    source: Source
    statement: Composable
    values: Mapping[str, Any]


async def audience(
    conn: Transaction, *, tenant_id: UUID, plan: Plan, at: datetime, most: int, snapshot_id: int | None = None
) -> Audience:
    """Find the people, and pick at most so many of them. Raises NotFound, InvalidInput where nobody can be meant."""
    wanted = await _wanted(conn, tenant_id, plan, at, snapshot_id)
    statement = SQL(_SQL["audience"]).format(fits=wanted.statement)
    row = await (await conn.execute(statement, {**wanted.values, "most": most})).fetchone()
    found = row or {"people": 0, "profile_ids": []}
    return Audience(wanted.source, found["people"], tuple(found["profile_ids"]))


async def _wanted(conn: Transaction, tenant_id: UUID, plan: Plan, at: datetime, snapshot_id: int | None) -> _Wanted:
    if snapshot_id is not None:
        await get_snapshot(conn, tenant_id=tenant_id, snapshot_id=snapshot_id)
        values = {"tenant_id": tenant_id, "snapshot_id": snapshot_id}
        return _Wanted(Source.SNAPSHOT, SQL(_SQL["members_of_snapshot"]), values)
    if plan.segment_id is not None:
        segment = await get_segment(conn, tenant_id=tenant_id, segment_id=plan.segment_id)
        rule = parse(segment.rule)
        compiled = compile_rule(rule, await context_of(conn, [rule], now=at))
        return _Wanted(Source.RULE, compiled.statement, compiled.values)
    if plan.trigger_type is not None:
        values = {"tenant_id": tenant_id, "type": plan.trigger_type, "since": at - EVENTS_WITHIN, "at": at}
        return _Wanted(Source.EVENTS, SQL(_SQL["who_did"]), values)
    raise InvalidInput(
        f"The campaign {plan.key!r} has nobody to decide for.",
        remedy="Give it a segment or a trigger, or name a snapshot.",
    )


async def named(conn: Transaction, *, tenant_id: UUID, ext_ids: Sequence[str]) -> tuple[int, ...]:
    """Give the ids of people by their keys, in order; raises NotFound naming one who is not there."""
    values = {"tenant_id": tenant_id, "ext_ids": list(ext_ids)}
    rows = await (await conn.execute(_SQL["named"], values)).fetchall()
    missing = sorted(set(ext_ids) - {row["ext_id"] for row in rows})
    if missing:
        raise NotFound(f"There is no profile {missing[0]!r}.", remedy="Send it first: POST /profiles.")
    return tuple(sorted({row["profile_id"] for row in rows}))
