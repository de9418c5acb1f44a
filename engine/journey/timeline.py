"""One time line of a person: events, decisions with the reason, messages and outcomes, the newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import DictRow

from engine.db import Transaction
from engine.queries import queries
from rules.errors import NotFound
from rules.verdicts import read

_SQL = queries("journey")
_FROM_THE_NEWEST = datetime.max.replace(tzinfo=UTC)
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `kind`: event, decision, delivery or outcome; `what`: its type, action or status.

    `why` is the sentence of the gate that held a decision back.
    """

    kind: str
    at: datetime
    record_id: int
    what: str
    why: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Who:
    """The person that a key means, with every profile that was merged into them."""

    profile_id: int
    ext_id: str
    name: str | None
    profile_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of a person's time line."""

    who: Who
    entries: tuple[Entry, ...]


async def timeline(
    conn: Transaction, *, ext_id: str, before: tuple[datetime, int] | None = None, limit: int = 100
) -> Timeline:
    """Give what happened with a person before an entry (its instant and id); raises NotFound."""
    who = await person_of(conn, ext_id)
    at, record_id = before or (_FROM_THE_NEWEST, _LARGEST_ID)
    values = {"profile_ids": list(who.profile_ids), "before_at": at, "before_id": record_id, "limit": limit}
    rows = await (await conn.execute(_SQL["timeline"], values)).fetchall()
    return Timeline(who, tuple(_entry(row) for row in rows))


async def person_of(conn: Transaction, ext_id: str) -> Who:
    """Give the person that a key means, or the one they were merged into; raises NotFound."""
    row = await (await conn.execute(_SQL["person"], {"ext_id": ext_id})).fetchone()
    if row is None:
        raise NotFound(f"There is no profile {ext_id!r}.", remedy="Look for it: GET /search/people.")
    return Who(row["profile_id"], row["ext_id"], row["name"], tuple(row["profile_ids"]))


def _entry(row: DictRow) -> Entry:
    return Entry(row["kind"], row["at"], row["record_id"], row["what"], _why(row), row["detail"])


def _why(row: DictRow) -> str | None:
    """Give the sentence of the gate that the decision names."""
    if row["candidates"] is None:
        return None
    named = row["detail"]["reason"]
    reasons = (reason for verdict in read(row["candidates"]) for reason in verdict.reasons if reason.gate == named)
    first = next(reasons, None)
    return None if first is None else first.text
