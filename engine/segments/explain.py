"""Why a person is in a segment or not, whom a rule would find, and who came and went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import UUID

from psycopg.errors import DataError, ProgrammingError

from engine.db import Transaction
from engine.queries import queries
from engine.segments.ask import ask
from engine.segments.compile import compile_rule
from engine.segments.context import context_of
from engine.segments.parts import part
from engine.segments.store import get_segment
from rules.conditions import Explained, Language, Rule, parse
from rules.errors import InvalidInput, NotFound
from rules.faults import Fault
from rules.words import Cause, Change

MOST_SAMPLED = 100
# The largest id there can be.
_NOBODY_BEYOND = 2**63 - 1
_SQL = queries("segments")


@dataclass(frozen=True, slots=True)
class Explanation:
    """The result of a rule for one person; `member_since` is None for a person who is not in the segment."""

    ext_id: str
    key: str
    version: int
    holds: bool
    member_since: datetime | None
    changed_at: datetime | None
    explained: Explained


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a rule would find now: how many, and some of them."""

    count: int
    sample: Sequence[Mapping[str, Any]]
    took_ms: float
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody who joined or left; `ext_id` is None if the profile no longer exists."""

    refresh_id: int
    profile_id: int
    ext_id: str | None
    change: Change
    at: datetime
    cause: Cause
    version: int


async def explain(
    conn: Transaction,
    *,
    tenant_id: UUID,
    segment_id: int,
    ext_id: str,
    now: datetime | None = None,
    language: Language = Language.EN,
) -> Explanation:
    """Say which conditions hold for a person and which do not. Raises NotFound."""
    segment = await get_segment(conn, tenant_id=tenant_id, segment_id=segment_id)
    rule = parse(segment.rule)
    context = await context_of(conn, [rule], now=now or datetime.now(UTC))
    row = await (await conn.execute(_SQL["id_of"], {"tenant_id": tenant_id, "ext_id": ext_id})).fetchone()
    if row is None:
        raise NotFound(
            f"There is no profile {ext_id!r}.",
            remedy="Check the key.",
            fault=Fault("profile.unknown", "profile", {"key": ext_id}),
        )
    profile_id = row["profile_id"]
    asked = await ask(conn, [rule], context, profile_ids=[profile_id])
    person = asked.people[profile_id]
    values = {"tenant_id": tenant_id, "segment_id": segment_id, "profile_id": profile_id}
    found = await (await conn.execute(_SQL["membership"], values)).fetchone() or {}
    return Explanation(
        ext_id=person.ext_id,
        key=segment.key,
        version=segment.version,
        holds=profile_id in asked.holders[0],
        member_since=found.get("joined_at"),
        changed_at=found.get("changed_at"),
        explained=rule.explain(person, now=context.now, today=context.today, language=language),
    )


async def preview(
    conn: Transaction, *, rule: Mapping[str, Any], sample: int = 10, now: datetime | None = None
) -> Preview:
    """Count who satisfies a rule now, with some examples, without saving it. Raises InvalidInput and NotFound."""
    parsed = parse(rule)
    started = perf_counter()
    context = await context_of(conn, [parsed], now=now or datetime.now(UTC))
    compiled = compile_rule(parsed, context)
    values = {**compiled.values, "most": min(sample, MOST_SAMPLED)}
    try:
        async with conn.transaction():
            count = await (await conn.execute(part("counted", fits=compiled.statement), values)).fetchone()
            people = await (await conn.execute(part("sampled", fits=compiled.statement), values)).fetchall()
    except (DataError, ProgrammingError) as error:
        # A graph query may be well-formed and still compare values that cannot be compared.
        said = error.diag.message_primary or type(error).__name__
        raise InvalidInput(
            f"The rule cannot be asked: {said}.",
            remedy="Correct its graph query.",
            fault=Fault("segment.rule_fails", "rule", {"said": said}),
        ) from error
    took_ms = (perf_counter() - started) * 1000
    return Preview(0 if count is None else count["people"], people, took_ms, texts(parsed))


async def changes(
    conn: Transaction,
    *,
    tenant_id: UUID,
    segment_id: int,
    before: int | None = None,
    after: int | None = None,
    limit: int = 100,
) -> list[Moved]:
    """Give who joined and left, the newest refresh first, and within a refresh by profile id.

    `before` is a refresh whose changes are already known: all of them, or those of profiles up to `after`.
    """
    values = {
        "tenant_id": tenant_id,
        "segment_id": segment_id,
        "before": before,
        "after": _NOBODY_BEYOND if after is None else after,
        "limit": limit,
    }
    rows = await (await conn.execute(_SQL["changes"], values)).fetchall()
    return [
        Moved(
            refresh_id=row["refresh_id"],
            profile_id=row["profile_id"],
            ext_id=row["ext_id"],
            change=Change.JOINED if row["joined"] else Change.LEFT,
            at=row["at"],
            cause=Cause(row["cause"]),
            version=row["version"],
        )
        for row in rows
    ]


async def members(
    conn: Transaction, *, tenant_id: UUID, segment_id: int, after: int = 0, limit: int = 100
) -> list[Mapping[str, Any]]:
    """Give members in the order of their ids, beyond `after`: profile_id, ext_id, joined_at."""
    values = {"tenant_id": tenant_id, "segment_id": segment_id, "after": after, "limit": limit}
    return list(await (await conn.execute(_SQL["members"], values)).fetchall())


def texts(rule: Rule) -> dict[str, str]:
    """Say a rule in every language."""
    return {str(language): rule.text(language) for language in Language}
