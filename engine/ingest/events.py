"""Events after their own position. A new one may start a campaign; one that is only new to us is history."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from engine import events as store
from engine.ingest import write
from engine.ingest.changes import end, take_keys
from engine.ingest.fields import EventMap
from engine.ingest.paths import Document
from engine.ingest.people import LONGEST_KEY, attributes, instant, shortened
from engine.ingest.run import Run, position
from engine.queries import queries

EVENTS = "events"
PAGE = 1_000
LONGEST_TYPE = 100
# A campaign answers what happens now. Older events, of the first sync above all, start nothing.
FRESH_S = 900
_SQL = queries("ingest")
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Events:
    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)


async def take_events(run: Run) -> None:
    """Take the events since the stored position, each once: those of the source's metrics, or of all that there are."""
    mapped = run.fields.event
    if mapped is None:
        return
    metrics = await _metrics(run)
    stands = await position(run, EVENTS)
    while not run.stop.is_set():
        found = await run.arango.ask(
            "events_changed",
            at_events=mapped.collection,
            ts=stands.at,
            key=stands.key,
            n=PAGE,
            metrics=sorted(metrics),
            created=mapped.time_field,
            metric=mapped.type_field,
            fields=list(mapped.fields),
        )
        if not found:
            return
        events = _read(found, mapped, metrics)
        await _take_unknown(run, events.rows)
        at, key = end(found[-1], mapped.time_field)
        if await _write(run, events, stands, at=at, key=key) and len(found) < PAGE:
            return
        stands = await position(run, EVENTS)


async def _metrics(run: Run) -> dict[str, Mapping[str, Any]]:
    """Give the metrics whose events are taken, by name, with score and journey stage where the source has them."""
    defined: dict[str, Mapping[str, Any]] = {}
    if run.fields.metrics is not None:
        found = await run.arango.ask("metrics", at_metrics=run.fields.metrics)
        defined = {one["_key"]: one for one in found}
    wanted = run.source.settings.get("metrics") or defined
    return {name: defined.get(name, {}) for name in wanted}


def _read(found: Sequence[Document], mapped: EventMap, metrics: Mapping[str, Mapping[str, Any]]) -> _Events:
    events = _Events()
    latest = datetime.now(UTC) + store.CLOCK_TOLERANCE
    for document in found:
        key, kind = document.get("_key"), document.get(mapped.type_field)
        if type(key) is not str or not 1 <= len(key) <= LONGEST_KEY:
            events.refused["an event has no usable _key"] += 1
        elif type(kind) is not str or not 1 <= len(kind) <= LONGEST_TYPE:
            events.refused["an event has no usable type"] += 1
        elif (at := instant(document.get(mapped.time_field))) is None or datetime.fromisoformat(at) > latest:
            events.refused["an event has no usable time"] += 1
        else:
            person = mapped.profile(document)
            events.rows.append(
                {
                    "ext_id": key,
                    "type": kind,
                    "profile": person if type(person) is str and 1 <= len(person) <= LONGEST_KEY else None,
                    "occurred_at": at,
                    "attributes": _defined(metrics.get(kind, {}))
                    | shortened(attributes(mapped.attributes, document), events.mended),
                }
            )
    return events


def _defined(metric: Mapping[str, Any]) -> dict[str, Any]:
    """What the CDP counts for an event of this kind; the event's own journey stage goes before."""
    named = {"score": metric.get("score"), "journey_stage": metric.get("journeyStage")}
    return {name: value for name, value in named.items() if type(value) in {int, float}}


async def _take_unknown(run: Run, rows: Sequence[Mapping[str, Any]]) -> None:
    """An event may overtake its person: who is not here is asked for once."""
    people = sorted({row["profile"] for row in rows if row["profile"] is not None})
    if people:
        await take_keys(run, await _unknown(run, people))


async def _unknown(run: Run, people: list[str]) -> list[str]:
    async with run.db.transaction(run.place.tenant_id, read_only=True) as conn:
        row = await (await conn.execute(_SQL["unknown_people"], {"keys": people})).fetchone() or {}
    return list(row["keys"])


async def _write(run: Run, events: _Events, stands: write.Position, *, at: str, key: str) -> bool:
    """Store a page of events and move their stream; False where somebody else has."""
    people = sorted({row["profile"] for row in events.rows if row["profile"] is not None})
    nobody = set(await _unknown(run, people)) if people else set()
    rows = [row if row["profile"] not in nobody else {**row, "profile": None} for row in events.rows]
    since = datetime.now(UTC) - timedelta(seconds=float(run.source.settings.get("fresh_s", FRESH_S)))
    fresh: list[dict[str, Any]] = []
    past: list[dict[str, Any]] = []
    for row in rows:
        is_fresh = row["profile"] is not None and datetime.fromisoformat(row["occurred_at"]) >= since
        (fresh if is_fresh else past).append(row)
    tenant_id = run.place.tenant_id
    async with run.db.transaction(tenant_id) as conn:
        if (await write.claim(conn, run.place, EVENTS)).version != stands.version:
            return False
        known = 0
        if fresh:
            recorded = await store.record_events(conn, tenant_id=tenant_id, events=fresh, source=run.source.key)
            known = sum(event.duplicate for event in recorded.events)
        if past:
            values = {"tenant_id": tenant_id, "source": run.source.key, "events": Jsonb(past)}
            row = await (await conn.execute(_SQL["write_events"], values)).fetchone() or {}
            known += len(past) - row["stored"]
        await write.move(conn, run.place, EVENTS, at=at, key=key)
    run.counts.events += len(rows) - known
    run.counts.events_known += known
    run.counts.events_of_nobody += sum(row["profile"] is None for row in rows)
    run.counts.refused += events.refused
    run.counts.mended += events.mended
    run.say(f"{run.counts.events:,} events")
    return True
