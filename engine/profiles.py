"""Profiles: people with addresses, consents and relations, written in bulk; what is unchanged is not rewritten."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg.types.json import Jsonb

from engine import intake
from engine.db import Transaction
from engine.queries import queries
from rules.errors import NotFound

# One jsonb parameter for this many people is about 2 MB.
CHUNK = 4_000
_SQL = queries("profiles")

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Upserted:
    """How many people are new, changed in any way, or unchanged; and their ids by ext_id."""

    inserted: int
    updated: int
    unchanged: int
    ids: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A person; only `get_profile` fills addresses and consents."""

    profile_id: int
    ext_id: str
    status: str
    merged_into: int | None
    name: str | None
    locale: str | None
    zone: str | None
    attributes: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    addresses: Sequence[Mapping[str, Any]] = ()
    consents: Sequence[Mapping[str, Any]] = ()


async def upsert_profiles(
    conn: Transaction,
    *,
    tenant_id: UUID,
    profiles: Sequence[Mapping[str, Any]],
    source: str = "api",
    recheck: bool = False,
) -> Upserted:
    """Insert or change people by ext_id.

    Each document has `ext_id` and any of `name`, `locale`, `zone`, `attributes`, `addresses` [{channel, value, valid?,
    reason?}], `consents` [{channel or None, purpose, granted, at}] and `relations` [{kind, key, name?, weight?,
    occurred_at?}]. What a document leaves out stays; `attributes` and `addresses` are replaced as a whole; consents and
    relations are added. A malformed e-mail address is stored as invalid with its reason; a known address keeps what is
    known about it unless `valid` is given. With `recheck`, every segment looks again at the people who changed; after a
    bulk of people a refresh does that more cheaply.

    Raises InvalidInput naming the person, NotFound if a KNOWS leads to nobody.
    """
    read = intake.read(profiles)
    states: dict[str, tuple[int, bool, bool]] = {}
    for chunk in _chunks(read.profiles):
        values = {"tenant_id": tenant_id, "source": source, "profiles": Jsonb(chunk)}
        for row in await (await conn.execute(_SQL["upsert"], values)).fetchall():
            states[row["ext_id"]] = (row["profile_id"], row["is_new"], row["is_written"])
    ids = {ext_id: profile_id for ext_id, (profile_id, _, _) in states.items()}
    touched = await _write_rest(conn, tenant_id, read, ids, source)
    if recheck:
        written = {profile_id for profile_id, _, is_written in states.values() if is_written}
        await conn.execute(_SQL["recheck"], {"tenant_id": tenant_id, "profile_ids": sorted(written | touched)})
    inserted = sum(is_new for _, is_new, _ in states.values())
    updated = sum(
        not is_new and (is_written or profile_id in touched) for profile_id, is_new, is_written in states.values()
    )
    return Upserted(inserted, updated, len(states) - inserted - updated, ids)


async def get_profile(conn: Transaction, *, tenant_id: UUID, ext_id: str) -> Profile:
    """Give a person with addresses and the consents in force; raises NotFound."""
    row = await (await conn.execute(_SQL["get"], {"tenant_id": tenant_id, "ext_id": ext_id})).fetchone()
    if row is None:
        raise _unknown(ext_id)
    return Profile(**row)


async def list_profiles(conn: Transaction, *, tenant_id: UUID, after: int = 0, limit: int = 100) -> list[Profile]:
    """Give people in the order of their ids, those beyond `after`, without addresses and consents."""
    values = {"tenant_id": tenant_id, "after": after, "limit": limit}
    return [Profile(**row) for row in await (await conn.execute(_SQL["page"], values)).fetchall()]


async def profile_id_of(conn: Transaction, *, tenant_id: UUID, ext_id: str) -> int:
    """Give the id of a person, or of the one the profile was merged into; raises NotFound."""
    row = await (await conn.execute(_SQL["id_of"], {"tenant_id": tenant_id, "ext_id": ext_id})).fetchone()
    if row is None:
        raise _unknown(ext_id)
    return int(row["profile_id"])


async def _write_rest(
    conn: Transaction, tenant_id: UUID, read: intake.Intake, ids: Mapping[str, int], source: str
) -> set[int]:
    """Write what belongs to people; gives the ids of those for whom anything changed."""
    common = {"tenant_id": tenant_id, "source": source}
    touched: set[int] = set()
    by_person = _by_person(read.addresses)
    for listed in _chunks(read.listed):
        addresses = [row for ext_id in listed for row in by_person.get(ext_id, ())]
        values = {
            **common,
            "addresses": Jsonb(_with_ids(addresses, ids)),
            "profile_ids": [ids[ext_id] for ext_id in listed],
        }
        touched |= await _touched(conn, "write_addresses", values)
    for chunk in _chunks(read.consents):
        touched |= await _touched(conn, "add_consents", {**common, "consents": Jsonb(_with_ids(chunk, ids))})
    for chunk in _chunks(_last_of_each(read.relations)):
        touched |= await _write_relations(conn, common, _with_ids(chunk, ids))
    return touched


async def _write_relations(conn: Transaction, common: Mapping[str, Any], relations: list[dict[str, Any]]) -> set[int]:
    targets = [
        {"kind": row["target_kind"], "key": row["key"], "name": row["name"]} for row in relations if row["target_kind"]
    ]
    if targets:
        await conn.execute(_SQL["write_targets"], {**common, "targets": Jsonb(targets)})
    values = {**common, "relations": Jsonb(relations)}
    rows = await (await conn.execute(_SQL["write_relations"], values)).fetchall()
    unknown = sorted(row["unknown"] for row in rows if row["unknown"] is not None)
    if unknown:
        raise NotFound(f"A relation KNOWS leads to {unknown[0]!r}, who is no profile.", remedy="Send that profile too.")
    return {row["profile_id"] for row in rows}


async def _touched(conn: Transaction, query: str, values: Mapping[str, Any]) -> set[int]:
    return {row["profile_id"] for row in await (await conn.execute(_SQL[query], values)).fetchall()}


def _with_ids(rows: Iterable[Mapping[str, Any]], ids: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{**row, "profile_id": ids[row["ext_id"]]} for row in rows]


def _by_person(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row["ext_id"], []).append(row)
    return grouped


def _last_of_each(relations: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give one relation per target: if a document names it twice, the last counts."""
    return list({(row["ext_id"], row["kind"], row["key"]): row for row in relations}.values())


def _chunks(items: Sequence[Item]) -> Iterable[list[Item]]:
    return (list(items[start : start + CHUNK]) for start in range(0, len(items), CHUNK))


def _unknown(ext_id: str) -> NotFound:
    return NotFound(f"There is no profile {ext_id!r}.", remedy="Send it first: POST /profiles.")
