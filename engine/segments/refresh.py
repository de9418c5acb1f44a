"""Refreshing a segment: who satisfies its rule now, and who has joined and left since the last time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from engine.segments.compile import compile_rule
from engine.segments.context import context_of
from engine.segments.parts import Writer, part
from engine.segments.runs import NOTHING_STARTED, Started, start_runs
from engine.segments.store import next_time, unknown
from rules.conditions import parse
from rules.errors import Conflict
from rules.words import Cause

_SQL = queries("segments")


@dataclass(frozen=True, slots=True)
class Diff:
    """What a refresh changed, the size after it, and the batches it started, to ring for after the commit."""

    joined: int
    left: int
    size: int
    refresh_id: int
    started: Started = NOTHING_STARTED


async def refresh_segment(
    conn: Transaction, *, tenant_id: UUID, segment_id: int, cause: Cause = Cause.REQUEST, now: datetime | None = None
) -> Diff:
    """Bring the membership up to date with rule and profiles, one refresh of a segment at a time.

    The first one is the baseline and starts no campaign. Raises NotFound, and Conflict if the segment is archived.
    """
    now = now or datetime.now(UTC)
    started_at = perf_counter()
    values: dict[str, Any] = {"tenant_id": tenant_id, "segment_id": segment_id}
    locked = await (await conn.execute(_SQL["lock"], values)).fetchone()
    if locked is None:
        raise unknown(segment_id)
    if locked["archived_at"] is not None:
        raise Conflict(f"The segment {locked['key']!r} is archived.", remedy="Save it again to bring it back.")
    rule = parse(locked["rule"])
    context = await context_of(conn, [rule], now=now)
    compiled = compile_rule(rule, context)
    writer = Writer(context, None)
    writer.values |= compiled.values
    schedule, zone = locked["schedule"], locked["zone"]
    statement = part(
        "refresh",
        fits=compiled.statement,
        tenant_id=writer.value(tenant_id),
        segment_id=writer.value(segment_id),
        version=writer.value(locked["version"]),
        cause=writer.value(cause),
        now=writer.value(now),
        heard_as=writer.value(f"segment:{locked['key']}"),
        due_at=writer.value(None if schedule is None else next_time(schedule, zone=zone, now=now)),
    )
    row = await (await conn.execute(statement, writer.values)).fetchone()
    if row is None:
        raise unknown(segment_id)
    is_baseline = locked["refreshed_at"] is None
    started = (
        NOTHING_STARTED if is_baseline else await start_runs(conn, tenant_id=tenant_id, refresh_ids=[row["refresh_id"]])
    )
    took_ms = (perf_counter() - started_at) * 1000
    await conn.execute(_SQL["took"], {**values, "refresh_id": row["refresh_id"], "took_ms": took_ms})
    return Diff(row["joined"], row["left"], row["size"], row["refresh_id"], started)
