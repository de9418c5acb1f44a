"""Writing a page: one transaction, in which the position moves too: a page is in whole or not at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from rules.errors import Conflict

_SQL = queries("ingest")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream was taken; `version` tells whether anybody has written a page of it since."""

    at: str
    key: str
    version: str


Columns = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A page's people as columns by the names that statements have for them, made ahead (engine.ingest.columns).

    `target_ids` are those of `write_targets`.
    """

    people: Columns
    addresses: Columns
    consents: Columns
    relations: Columns
    target_ids: str
    has_addresses: bool
    has_consents: bool
    has_relations: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How many people are new and changed, and their ids by place as PostgreSQL writes an array."""

    new: int = 0
    changed: int = 0
    ids: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose page it is. `owned` are the attributes that the map names.

    `again`: a row is written though its revision is known.
    """

    tenant_id: UUID
    source_id: int
    source: str
    owned: tuple[str, ...]
    again: bool = False


async def write_people(conn: Transaction, place: Place, rows: Rows) -> Written:
    """Write a page's people with all that hangs on them; who is as before is not touched in any table."""
    common: dict[str, Any] = {"tenant_id": place.tenant_id, "source": place.source}
    values = {**common, **rows.people, "owned": list(place.owned), "again": place.again}
    row = await _one(conn, "write_people", values)
    written = Written(new=row["new"], changed=row["changed"], ids=row["ids"] or "{}")
    if not written.new and not written.changed:
        return written
    common |= {"ids": written.ids, "known_ids": row["known_ids"]}
    for name, columns in _of_these(rows, is_new=written.new > 0, is_changed=written.changed > 0):
        await conn.execute(_SQL[name], {**common, **columns})
    return written


def _of_these(rows: Rows, *, is_new: bool, is_changed: bool) -> Iterator[tuple[str, Columns]]:
    """Name what hangs on people who are new, and on such as were there."""
    relations = {**rows.relations, "target_ids": rows.target_ids}
    if is_new and rows.has_addresses:
        yield "add_addresses", rows.addresses
    if is_changed:
        yield "write_addresses", rows.addresses
    if is_new and rows.has_consents:
        yield "add_consents", rows.consents
    if is_changed and rows.has_consents:
        yield "write_consents", rows.consents
    if is_new and rows.has_relations:
        yield "add_relations", relations
    if is_changed and rows.has_relations:
        yield "write_relations", relations


async def write_targets(conn: Transaction, place: Place, targets: Columns) -> str:
    """Make what people are related to where it is new; gives their ids by place as PostgreSQL writes an array.

    Made before the people, for they are shared: two pages that are written at once do not wait for each other. A
    target that another transaction made meanwhile is seen by the second look.
    """
    values = {"tenant_id": place.tenant_id, **targets}
    ids = str((await _one(conn, "write_targets", values))["ids"])
    return ids if "NULL" not in ids else str((await _one(conn, "write_targets", values))["ids"])


async def begin(conn: Transaction, place: Place, stream: str) -> Position:
    """Give where a stream stands; a new one stands before everything."""
    values = {"tenant_id": place.tenant_id, "source_id": place.source_id, "stream": stream}
    await conn.execute(_SQL["begin_position"], values)
    return Position(**await _one(conn, "position", values))


async def claim(conn: Transaction, place: Place, stream: str, *, waits: bool = True, is_bulk: bool = False) -> Position:
    """Give where a stream stands and hold it until the transaction ends: one page at a time, whoever writes it.

    Without `waits` the commit does not wait for the disk: for pages that start nothing and can be read again.
    """
    values = {"source_id": place.source_id, "stream": stream, **_set_up(waits=waits, is_bulk=is_bulk)}
    return Position(**await _one(conn, "claim_position", values))


async def set_up(conn: Transaction) -> None:
    """Set a transaction up for a page of many that claims its stream later."""
    await conn.execute(_SQL["set_up_page"], _set_up(waits=False, is_bulk=True))


def _set_up(*, waits: bool, is_bulk: bool) -> dict[str, str]:
    return {"commit": "on" if waits else "off", "pending": "16384" if is_bulk else "256"}


async def move(conn: Transaction, place: Place, stream: str, *, at: str | None = None, key: str | None = None) -> str:
    """Move a stream to where a page ends, or leave it there and say that a page was written; gives the new version."""
    values = {"source_id": place.source_id, "stream": stream, "at": at, "key": key}
    return str((await _one(conn, "move_position", values))["version"])


async def _one(conn: Transaction, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    row = await (await conn.execute(_SQL[name], values)).fetchone()
    if row is None:
        raise Conflict("The source was removed while it was read.", remedy="Add it again, or leave it.")
    return row
