"""Segments as they are stored: key, name, versions of the rule, schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter
from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from engine.revisions import ANYTHING, Expected, revision_of
from engine.segments.history import is_wide
from engine.text import composed
from graph.patterns import pattern
from rules.conditions import Rule, parse
from rules.conditions.nodes import CameOf, Member, Pattern
from rules.errors import Conflict, InvalidInput, NotFound
from rules.faults import Fault

# minute hour day month weekday
CRON_FIELDS = 5
LONGEST_SCHEDULE = 100
_SQL = queries("segments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """`size` counts its members at `refreshed_at`; `due_at` is when its schedule refreshes it next."""

    segment_id: int
    key: str
    name: str
    version: int
    rule: Mapping[str, Any]
    event_types: Sequence[str]
    schedule: str | None
    zone: str | None
    due_at: datetime | None
    refreshed_at: datetime | None
    archived_at: datetime | None
    created_at: datetime
    saved_by: str | None
    saved_at: datetime
    size: int

    @property
    def record_id(self) -> int:
        return self.segment_id

    @property
    def revision(self) -> str:
        """Identifies what was saved, whoever has joined or left since."""
        return revision_of(
            {name: getattr(self, name) for name in ("key", "name", "rule", "schedule", "zone", "archived_at")}
        )


@dataclass(frozen=True, slots=True)
class Version:
    """A rule that a segment has or had."""

    version: int
    rule: Mapping[str, Any]
    created_at: datetime


async def save_segment(
    conn: Transaction,
    *,
    tenant_id: UUID,
    key: str,
    name: str,
    rule: Mapping[str, Any],
    schedule: str | None = None,
    zone: str | None = None,
    by: str | None = None,
    expected: Expected = ANYTHING,
) -> Segment:
    """Save a segment, or change the one with this key; a different rule is a new version. `by` is who saves it.

    `schedule` is a cron expression of five fields in `zone`, by default the tenant's. Raises InvalidInput if a rule, a
    schedule or a zone cannot be read, and if segments would refer to each other in a circle; NotFound if the rule
    refers to a segment or a graph pattern that does not exist; Changed if the segment is not the `expected` one.
    """
    key, name = composed("key", key), composed("name", name)
    if expected.is_said:
        expected.check(await _locked(conn, tenant_id, key), record="segment", key=key)
    parsed = parse(rule)
    for leaf in parsed.leaves():
        if isinstance(leaf, Pattern):
            pattern(leaf)
    await _check_references(conn, key, parsed)
    zone = zone or await _tenant_zone(conn)
    values = {
        "tenant_id": tenant_id,
        "key": key,
        "name": name,
        "rule": Jsonb(dict(rule)),
        "event_types": sorted(_listens_to(parsed)),
        "schedule": schedule,
        "zone": None if schedule is None else zone,
        "due_at": None if schedule is None else next_time(schedule, zone=zone, now=datetime.now(UTC)),
        "by": by,
        "is_new": expected.is_new,
    }
    made = await (await conn.execute(_SQL["save"], values)).fetchone()
    if made is None and expected.is_new:
        expected.check(await _locked(conn, tenant_id, key), record="segment", key=key)
    return _segment(await (await conn.execute(_SQL["by_key"], values)).fetchone(), key)


async def _locked(conn: Transaction, tenant_id: UUID, key: str) -> Segment | None:
    """Give the segment with a key; nobody else can save it until the transaction ends."""
    values = {"tenant_id": tenant_id, "key": key}
    await conn.execute(_SQL["lock_key"], values)
    row = await (await conn.execute(_SQL["by_key"], values)).fetchone()
    return None if row is None else Segment(**row)


async def get_segment(conn: Transaction, *, tenant_id: UUID, segment_id: int) -> Segment:
    """Give the segment; raises NotFound."""
    values = {"tenant_id": tenant_id, "segment_id": segment_id}
    return _segment(await (await conn.execute(_SQL["by_id"], values)).fetchone(), segment_id)


async def segment_by_key(conn: Transaction, *, tenant_id: UUID, key: str) -> Segment:
    """Give the segment; raises NotFound."""
    values = {"tenant_id": tenant_id, "key": composed("key", key)}
    return _segment(await (await conn.execute(_SQL["by_key"], values)).fetchone(), key)


async def list_segments(conn: Transaction, *, tenant_id: UUID, after: int = 0, limit: int = 100) -> list[Segment]:
    """Give segments that are not archived, in the order of their ids, those beyond `after`."""
    values = {"tenant_id": tenant_id, "after": after, "limit": limit}
    return [Segment(**row) for row in await (await conn.execute(_SQL["page"], values)).fetchall()]


async def versions(conn: Transaction, *, tenant_id: UUID, segment_id: int) -> list[Version]:
    """Give every rule the segment has had, the newest first."""
    values = {"tenant_id": tenant_id, "segment_id": segment_id}
    return [Version(**row) for row in await (await conn.execute(_SQL["versions"], values)).fetchall()]


async def archive_segment(conn: Transaction, *, tenant_id: UUID, segment_id: int) -> None:
    """Archive a segment: nobody is a member any more; its versions, changes and snapshots stay.

    Raises NotFound, and Conflict while an active or paused campaign uses it.
    """
    segment = await get_segment(conn, tenant_id=tenant_id, segment_id=segment_id)
    values = {"tenant_id": tenant_id, "segment_id": segment_id, "now": datetime.now(UTC)}
    user = await (await conn.execute(_SQL["used_by"], values)).fetchone()
    if user is not None:
        raise Conflict(
            f"The segment {segment.key!r} is used by the campaign {user['key']!r}.", remedy="End that campaign first."
        )
    await conn.execute(_SQL["archive"], values)


async def put_off(conn: Transaction, *, tenant_id: UUID, segment_id: int, now: datetime) -> None:
    """Let a segment that could not be refreshed wait for the next time in its schedule; raises NotFound."""
    segment = await get_segment(conn, tenant_id=tenant_id, segment_id=segment_id)
    due_at = None if segment.schedule is None else next_time(segment.schedule, zone=segment.zone or "UTC", now=now)
    await conn.execute(_SQL["put_off"], {"tenant_id": tenant_id, "segment_id": segment_id, "due_at": due_at})


def next_time(schedule: str, *, zone: str, now: datetime) -> datetime:
    """Give the next time after `now` in a cron expression, on the clock of `zone`. Raises InvalidInput."""
    if len(schedule) > LONGEST_SCHEDULE or len(schedule.split()) != CRON_FIELDS:
        raise _wrong_schedule(schedule)
    try:
        local = now.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInput(
            f"There is no time zone {zone!r}.",
            remedy="Use an IANA name such as Asia/Ho_Chi_Minh.",
            fault=Fault("segment.zone", "zone", {"zone": str(zone)}),
        ) from error
    try:
        following: datetime = croniter(schedule, local).get_next(datetime)
    except (CroniterError, ValueError) as error:
        raise _wrong_schedule(schedule) from error
    return following.astimezone(UTC)


async def _tenant_zone(conn: Transaction) -> str:
    row = await (await conn.execute(_SQL["frame"])).fetchone()
    return "UTC" if row is None else str(row["zone"])


async def _check_references(conn: Transaction, key: str, rule: Rule) -> None:
    """Follow the rule's references, and theirs: each one has to exist, and none may lead back."""
    wanted = rule.segments()
    seen: set[str] = set()
    while wanted:
        if key in wanted:
            raise InvalidInput(
                f"The segment {key!r} would refer to itself.",
                remedy="Segments may not form a circle.",
                fault=Fault("segment.circle", "rule", {"key": key}),
            )
        rows = await (await conn.execute(_SQL["rules_of"], {"keys": sorted(wanted)})).fetchall()
        missing = wanted - {row["key"] for row in rows}
        if missing:
            raise NotFound(
                f"There is no segment {min(missing)!r}.",
                remedy="Save it before a rule that refers to it.",
                fault=Fault("segment.missing", "rule", {"key": min(missing)}),
            )
        seen |= wanted
        wanted = frozenset().union(*(parse(row["rule"]).segments() for row in rows)) - seen


def _listens_to(rule: Rule) -> frozenset[str]:
    """Give what can change the result: types of events, `outcome:<type>` and `segment:<key>`."""
    if is_wide(rule):
        return frozenset()
    outcomes = {f"outcome:{one}" for leaf in rule.leaves() if isinstance(leaf, CameOf) for one in leaf.types}
    members = {f"segment:{leaf.segment}" for leaf in rule.leaves() if isinstance(leaf, Member)}
    return rule.event_types() | outcomes | members


def _segment(row: Mapping[str, Any] | None, wanted: object) -> Segment:
    if row is None:
        raise unknown(wanted)
    return Segment(**row)


def unknown(wanted: object) -> NotFound:
    return NotFound(
        f"There is no segment {wanted!r}.",
        remedy="Check it: GET /segments lists them.",
        fault=Fault("segment.unknown", "segment", {"key": str(wanted)}),
    )


def _wrong_schedule(schedule: str) -> InvalidInput:
    return InvalidInput(
        f"The schedule {schedule[:LONGEST_SCHEDULE]!r} cannot be read.",
        remedy="Write the five fields of cron: minute hour day month weekday, as in 0 6 * * *.",
        fault=Fault("segment.schedule", "schedule", {"schedule": schedule[:LONGEST_SCHEDULE]}),
    )
