"""Traces: what an argument means, its journey from one SQL statement, and records that are not connected.

A journey is rooted at a decision: event -> task -> decision -> delivery -> outcome. Missing steps say why: a scored
decision has no task, a snapshot run no event, doing nothing no delivery.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncRawCursor
from psycopg.rows import DictRow, dict_row

from engine.db import Transaction
from engine.queries import queries
from graph import trace as paths
from graph.cypher import GRAPH_NAME
from rules.errors import InvalidInput, NotFound
from rules.verdicts import read

NEWEST = 20
_LIVE: Mapping[LiteralString, LiteralString] = MappingProxyType(
    {"{decisions}": "decision", "{deliveries}": "delivery_log", "{attempts}": "delivery_attempt"}
)
_ARCHIVED: Mapping[LiteralString, LiteralString] = MappingProxyType(
    {"{decisions}": "archive_decision", "{deliveries}": "archive_delivery", "{attempts}": "archive_attempt"}
)
_EVER: Mapping[LiteralString, LiteralString] = MappingProxyType(
    {"{decisions}": "all_decision", "{deliveries}": "all_delivery"}
)
_GRAPH = "SELECT leo_graph() AS graph"
# Using any value of AGE's type loads its library, and its operators have to be on the search path.
_SETTINGS = (
    "SELECT set_config('leo.tenant', '{tenant_id}', false), set_config('search_path', 'public, ag_catalog', false), "
    "'0'::ag_catalog.agtype;"
)


class Kind(StrEnum):
    """What a trace can start from."""

    PROFILE = "profile"
    EVENT = "event"
    DELIVERY = "delivery"
    DECISION = "decision"


@dataclass(frozen=True, slots=True)
class Root:
    """The record that an argument names: its person, and which of the person's decisions (None: all)."""

    kind: Kind
    record_id: int
    profile_id: int | None
    decision_ids: tuple[int, ...] | None
    title: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a journey. An absent one has neither `at` nor `record_id`; `why` says why it does not exist."""

    step: str
    at: datetime | None
    record_id: int | None
    what: str | None
    why: str | None
    detail: dict[str, Any] | None

    @property
    def is_absent(self) -> bool:
        return self.record_id is None

    def as_document(self) -> dict[str, Any]:
        """Give this as JSON values."""
        return {
            "step": self.step,
            "at": None if self.at is None else self.at.isoformat(),
            "record_id": self.record_id,
            "what": self.what,
            "why": self.why,
            "absent": self.is_absent,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Journey:
    """What led to one decision and what came of it, in order; there may be several outcomes.

    `archived_at`: since when decision and delivery are in the archive and no longer in the graph; None: they are live.
    """

    decision_id: int
    steps: tuple[Step, ...]
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """The journeys of a record, newest first."""

    root: Root
    journeys: tuple[Journey, ...]

    def as_document(self) -> dict[str, Any]:
        """Give this as JSON values; instants are ISO 8601."""
        return {
            "kind": self.root.kind.value,
            "record_id": self.root.record_id,
            "profile_id": self.root.profile_id,
            "title": self.root.title,
            "journeys": [
                {
                    "decision_id": journey.decision_id,
                    "archived": journey.archived_at is not None,
                    "archived_at": None if journey.archived_at is None else journey.archived_at.isoformat(),
                    "steps": [step.as_document() for step in journey.steps],
                }
                for journey in self.journeys
            ],
        }


@dataclass(frozen=True, slots=True)
class Orphans:
    """How many records of one kind are not connected; 0 is expected."""

    kind: str
    count: int


async def find(connection: Transaction, argument: str, *, kind: Kind | None = None) -> Root:
    """Find the record that `argument` names: an id, a profile's or event's own key, or a delivery's event id (64 hex).

    Raises NotFound if it names none, InvalidInput if it names several and `kind` does not settle which.
    """
    meant = await _meant(connection, _in(queries("trace")["find"], _LIVE), argument, kind)
    if not meant or any(row["kind"] == Kind.EVENT for row in meant):
        meant = await _meant(connection, _in(queries("trace")["find"], _EVER), argument, kind)
    if not meant:
        raise NotFound(
            f"There is no {kind or 'profile, event, delivery or decision'} {argument!r} in this tenant.",
            remedy="Give its id, the key it was sent with, or a delivery's event id.",
        )
    if len(meant) > 1:
        named = ", ".join(f"{row['kind']} {row['record_id']} ({row['title']})" for row in meant)
        raise InvalidInput(f"{argument!r} names several records: {named}.", remedy="Say which one: use its id or --as.")
    row = meant[0]
    decisions = row["decision_ids"]
    return Root(
        kind=Kind(row["kind"]),
        record_id=row["record_id"],
        profile_id=row["profile_id"],
        decision_ids=None if decisions is None else tuple(decisions),
        title=row["title"],
    )


async def _meant(connection: Transaction, statement: LiteralString, argument: str, kind: Kind | None) -> list[DictRow]:
    rows = await (await connection.execute(statement, {"argument": argument}, prepare=True)).fetchall()
    return [row for row in rows if kind is None or row["kind"] == kind]


async def trace(connection: Transaction, root: Root, *, newest: int = NEWEST) -> Trace:
    """Give the journeys of `root`, at most `newest`: the live ones from one statement, then those of the archive."""
    if root.profile_id is None or root.decision_ids == ():
        return Trace(root, ())
    statement = _trace_sql(paths.path(await _graph(connection)), _LIVE)
    arguments = paths.parameters(profile_id=root.profile_id, decision_ids=root.decision_ids, newest=newest)
    # A raw cursor, because the default one takes Cypher's `%` for a placeholder. Prepared at once: planning the path
    # takes 10 ms, walking it less than one.
    async with AsyncRawCursor(connection, row_factory=dict_row) as cursor:
        await cursor.execute(statement, (arguments,), prepare=True)
        found = _journeys(await cursor.fetchall())
        if len(found) < newest and await _has_more(connection, root, len(found)):
            chosen = None if root.decision_ids is None else list(root.decision_ids)
            statement = _trace_sql(queries("trace")["archived_path"], _ARCHIVED)
            await cursor.execute(statement, (root.profile_id, chosen, newest - len(found)))
            found += await _dated(connection, _journeys(await cursor.fetchall()))
    return Trace(root, found)


async def _has_more(connection: Transaction, root: Root, found: int) -> bool:
    """Whether there are decisions of `root` in the archive."""
    if root.decision_ids is not None:
        return found < len(root.decision_ids)
    asked = await connection.execute(queries("trace")["has_archived"], {"profile_id": root.profile_id}, prepare=True)
    row = await asked.fetchone()
    return row is not None and bool(row["has_archived"])


async def _dated(connection: Transaction, journeys: tuple[Journey, ...]) -> tuple[Journey, ...]:
    """Mark archived journeys with the time since which they are archived."""
    ids = [journey.decision_id for journey in journeys]
    rows = await (await connection.execute(queries("trace")["archived_at"], {"decision_ids": ids})).fetchall()
    dates = {row["decision_id"]: row["archived_at"] for row in rows}
    return tuple(replace(journey, archived_at=dates[journey.decision_id]) for journey in journeys)


async def auditor_sql(connection: Transaction, root: Root, *, tenant_id: UUID, newest: int = NEWEST) -> str:
    """Give the statement of `trace` with its values, for psql."""
    return for_psql(await _graph(connection), root, tenant_id=tenant_id, newest=newest)


def for_psql(graph: str, root: Root, *, tenant_id: UUID, newest: int = NEWEST) -> str:
    """Write the values into the statement; the line before it sets the tenant, for whoever may log in."""
    path = paths.literal_path(graph, profile_id=root.profile_id or 0, decision_ids=root.decision_ids, newest=newest)
    return f"{_SETTINGS.format(tenant_id=tenant_id)}\n\n{_trace_sql(path, _LIVE)}"


async def orphans(connection: Transaction) -> tuple[Orphans, ...]:
    """Count the transaction's tenant's records that are not connected, every kind in one row; it reads all of them."""
    statement = queries("trace")["orphans"].replace("{graph}", await _graph(connection))
    rows = await (await connection.execute(statement)).fetchall()
    return tuple(Orphans(row["kind"], row["count"]) for row in rows)


async def _graph(connection: Transaction) -> str:
    row = await (await connection.execute(_GRAPH)).fetchone()
    graph = None if row is None else row["graph"]
    if graph is None or not GRAPH_NAME.fullmatch(graph):
        raise NotFound("There is no such tenant.", remedy="Run: leo tenants list")
    return str(graph)


def _trace_sql(path: LiteralString, tables: Mapping[LiteralString, LiteralString]) -> LiteralString:
    return _in(queries("trace")["trace"].replace("{path}", path), tables)


def _in(statement: LiteralString, tables: Mapping[LiteralString, LiteralString]) -> LiteralString:
    for place, table in tables.items():
        statement = statement.replace(place, table)
    return statement


def _journeys(rows: Sequence[DictRow]) -> tuple[Journey, ...]:
    return tuple(
        Journey(decision_id, tuple(_step(row) for row in steps))
        for decision_id, steps in groupby(rows, key=itemgetter("decision_id"))
    )


def _step(row: DictRow) -> Step:
    detail = row["detail"]
    if row["step"] == Kind.DECISION:
        detail |= {"candidates": [verdict.to_document() for verdict in read(detail["candidates"])]}
    return Step(
        step=row["step"],
        at=row["at"],
        record_id=row["record_id"],
        what=row["what"],
        why=row["why"],
        detail=detail,
    )
