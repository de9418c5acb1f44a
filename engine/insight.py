"""Insight for a page: bounded in people, steps and edges, and computed again after a few minutes.

`leo graph insight` looks at a whole graph instead, however long that takes; both count in the same way.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from engine.db import Database
from engine.queries import queries
from graph import insight

# 300,000 relations are counted in about half a second, and 20,000 edges grouped in about two.
MOST_PEOPLE = 100_000
MOST_STEPS = 500
MOST_EDGES = 20_000
MOST_POINTS = 30
MOST_FLOWS = 60
MOST_COMMUNITIES = 12
FEW_PEOPLE = 5
FRESH = timedelta(minutes=5)
MOST_TENANTS = 100
_SQL = queries("insight")


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of journeys: a touchpoint with its name, or start, bought or left without one."""

    kind: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Flow:
    """This many journeys went directly from one stop to the next."""

    origin: Stop
    target: Stop
    journeys: int


@dataclass(frozen=True, slots=True)
class Touchpoint:
    """`effect`: the share of all purchases (0 to 1) that would be lost without it; `journeys` went through it."""

    name: str
    effect: float
    journeys: int


@dataclass(frozen=True, slots=True)
class Community:
    """People who share more with each other than with others; `such_as` are the keys of a few."""

    people: int
    such_as: tuple[str, ...]
    shares: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """About the newest `people`; `is_cut`: there are more people, steps or edges than were looked at."""

    people: int
    is_cut: bool
    flows: tuple[Flow, ...]
    touchpoints: tuple[Touchpoint, ...]
    communities: tuple[Community, ...]
    made_at: datetime


class Insights:
    """Each tenant's insight, kept for a few minutes; if many ask at once, only one looks."""

    def __init__(self) -> None:
        self._seen: OrderedDict[UUID, Insight] = OrderedDict()
        self._locks: dict[UUID, asyncio.Lock] = {}

    async def of(self, db: Database, tenant_id: UUID) -> Insight:
        """Give what a tenant's people show, at most a few minutes old."""
        lock = self._locks.setdefault(tenant_id, asyncio.Lock())
        async with lock:
            found = self._seen.get(tenant_id)
            if found is None or datetime.now(UTC) - found.made_at >= FRESH:
                found = await look(db, tenant_id)
            self._seen[tenant_id] = found
            self._seen.move_to_end(tenant_id)
            while len(self._seen) > MOST_TENANTS:
                gone, _ = self._seen.popitem(last=False)
                self._locks.pop(gone, None)
            return found


async def look(db: Database, tenant_id: UUID) -> Insight:
    """Look at a tenant's newest people now; the computing is done outside the event loop."""
    async with db.transaction(tenant_id, read_only=True) as conn:
        (whose,) = await (await conn.execute(_SQL["people"], {"most": MOST_PEOPLE})).fetchall()
        first = {"first_id": whose["first_id"]}
        steps = await (await conn.execute(_SQL["flows"], {**first, "limit": MOST_STEPS})).fetchall()
        edges = await (await conn.execute(_SQL["shared"], {**first, "limit": MOST_EDGES})).fetchall()
    return await asyncio.to_thread(_insight, whose["people"], steps, edges)


def _insight(people: int, steps: Sequence[Mapping[str, Any]], edges: Sequence[Mapping[str, Any]]) -> Insight:
    drawn = insight.shared((one["person"], one["kind"], one["other"], one["label"], one["name"]) for one in edges)
    groups = insight.communities(drawn)[:MOST_COMMUNITIES]
    return Insight(
        people=people,
        is_cut=people == MOST_PEOPLE or len(steps) == MOST_STEPS or len(edges) == MOST_EDGES,
        flows=tuple(Flow(_origin(one), _target(one), one["journeys"]) for one in steps[:MOST_FLOWS]),
        touchpoints=_touchpoints(steps),
        communities=tuple(Community(len(one.people), one.people[:FEW_PEOPLE], one.shares) for one in groups),
        made_at=datetime.now(UTC),
    )


def _touchpoints(steps: Sequence[Mapping[str, Any]]) -> tuple[Touchpoint, ...]:
    counted: dict[tuple[str, str], int] = {}
    passed: dict[str, int] = {}
    names: dict[str, str] = {}
    for one in steps:
        origin = insight.START if one["origin_id"] is None else str(one["origin_id"])
        target = one["ending"] or str(one["target_id"])
        counted[origin, target] = one["journeys"]
        if one["ending"] is None:
            # Everybody reaches a touchpoint by a single step, because the graph has one edge to each.
            passed[target] = passed.get(target, 0) + one["journeys"]
            names[target] = one["target"]
    most = dict(sorted(passed.items(), key=lambda one: -one[1])[:MOST_POINTS])
    return tuple(
        Touchpoint(names[one.touchpoint], one.effect, one.journeys) for one in insight.influence_of(counted, most)
    )


def _origin(step: Mapping[str, Any]) -> Stop:
    return Stop(insight.START, None) if step["origin_id"] is None else Stop("touchpoint", step["origin"])


def _target(step: Mapping[str, Any]) -> Stop:
    return Stop("touchpoint", step["target"]) if step["ending"] is None else Stop(step["ending"], None)
