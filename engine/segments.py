"""Segments: a rule that profiles satisfy, and who satisfies it since the last refresh."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from rules import conditions
from rules.errors import NotFound

_SQL = queries("segments")


@dataclass(frozen=True, slots=True)
class Segment:
    """`size` counts its members as of `refreshed_at`."""

    segment_id: int
    key: str
    name: str
    version: int
    rule: Mapping[str, Any]
    refreshed_at: datetime | None
    created_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Diff:
    """What a refresh changed, and the size after it."""

    joined: int
    left: int
    size: int


async def save_segment(conn: Transaction, *, tenant_id: UUID, key: str, name: str, rule: Mapping[str, Any]) -> Segment:
    """Make a segment or change the one of this key; another rule is another version. Raises InvalidInput."""
    conditions.parse(rule)
    values = {"tenant_id": tenant_id, "key": key, "name": name, "rule": Jsonb(dict(rule))}
    await conn.execute(_SQL["save"], values)
    return _segment(await (await conn.execute(_SQL["by_key"], values)).fetchone(), key)


async def get_segment(conn: Transaction, *, tenant_id: UUID, segment_id: int) -> Segment:
    """Give the segment; raises NotFound."""
    values = {"tenant_id": tenant_id, "segment_id": segment_id}
    return _segment(await (await conn.execute(_SQL["by_id"], values)).fetchone(), segment_id)


async def segment_by_key(conn: Transaction, *, tenant_id: UUID, key: str) -> Segment:
    """Give the segment; raises NotFound."""
    return _segment(await (await conn.execute(_SQL["by_key"], {"tenant_id": tenant_id, "key": key})).fetchone(), key)


async def list_segments(conn: Transaction, *, tenant_id: UUID, after: int = 0, limit: int = 100) -> list[Segment]:
    """Give segments in the order of their ids, those beyond `after`."""
    values = {"tenant_id": tenant_id, "after": after, "limit": limit}
    return [Segment(**row) for row in await (await conn.execute(_SQL["page"], values)).fetchall()]


async def refresh_segment(conn: Transaction, *, tenant_id: UUID, segment_id: int) -> Diff:
    """Bring the membership up to date with rule and profiles, one refresh at a time. Raises NotFound."""
    values = {"tenant_id": tenant_id, "segment_id": segment_id}
    locked = await (await conn.execute(_SQL["lock"], values)).fetchone()
    if locked is None:
        raise _unknown(segment_id)
    contained = Jsonb(conditions.parse(locked["rule"]).containment())
    row = await (await conn.execute(_SQL["refresh"], {**values, "contained": contained})).fetchone()
    return Diff(0, 0, 0) if row is None else Diff(joined=row["joined"], left=row["parted"], size=row["size"])


def _segment(row: Mapping[str, Any] | None, wanted: object) -> Segment:
    if row is None:
        raise _unknown(wanted)
    return Segment(**row)


def _unknown(wanted: object) -> NotFound:
    return NotFound(f"There is no segment {wanted!r}.", remedy="Check it: GET /segments lists them.")
