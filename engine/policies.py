"""Policies as versions: drafted, compared, switched on. In force is the newest version that is not a draft."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from engine.text import composed, settled_deep
from rules.errors import Conflict, NotFound
from rules.policy import LAYERS, Policy

_SQL = queries("policies")
_LOCK = queries("campaigns")["lock_tenant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a policy; `from_version` is the draft or older version that was switched on."""

    policy_id: int
    key: str
    version: int
    document: Mapping[str, Any]
    draft: bool
    from_version: int | None
    note: str | None
    created_at: datetime

    def policy(self) -> Policy:
        """Give the policy as the gates read it."""
        return Policy.parse(self.document, version=self.version)


@dataclass(frozen=True, slots=True)
class Key:
    """A policy by its key: the version in force, None while there are only drafts, and the newest of all."""

    key: str
    version: int | None
    newest: int


async def save(
    conn: Transaction,
    *,
    tenant_id: UUID,
    key: str,
    document: Mapping[str, Any],
    is_draft: bool = False,
    note: str | None = None,
    from_version: int | None = None,
) -> Version:
    """Save the next version of a policy; if the one in force, or the newest draft, already says the same, give that.

    Names in it are composed, like those they are compared with. Raises InvalidInput naming the field.
    """
    Policy.parse(document)
    document, key = _composed(document), composed("key", key)
    Policy.parse(document)
    values = {
        "tenant_id": tenant_id,
        "key": key,
        "document": Jsonb(document),
        "draft": is_draft,
        "from_version": from_version,
        "note": note,
    }
    await conn.execute(_LOCK, values)
    row = await (await conn.execute(_SQL["save"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no tenant {tenant_id}.", remedy="Create the tenant first.")
    return await get(conn, tenant_id=tenant_id, key=key, version=row["version"])


async def switch_on(conn: Transaction, *, tenant_id: UUID, key: str, version: int, note: str | None = None) -> Version:
    """Put a version in force from now on: a draft, or an older one to go back to; it becomes the newest version.

    Raises NotFound, and Conflict if it is in force already.
    """
    wanted = await get(conn, tenant_id=tenant_id, key=key, version=version)
    await conn.execute(_LOCK, {"tenant_id": tenant_id})
    holds = await find_in_force(conn, tenant_id=tenant_id, key=key)
    if holds is not None and holds.version == version:
        raise Conflict(f"Version {version} of the policy {key!r} holds already.", remedy="Switch on another one.")
    return await save(
        conn, tenant_id=tenant_id, key=key, document=wanted.document, note=note or wanted.note, from_version=version
    )


async def get(conn: Transaction, *, tenant_id: UUID, key: str, version: int | None = None) -> Version:
    """Give a version; without a number the one in force, or else the newest draft. Raises NotFound."""
    key = composed("key", key)
    values = {"tenant_id": tenant_id, "key": key, "version": version}
    if version is not None:
        row = await (await conn.execute(_SQL["version"], values)).fetchone()
        if row is None:
            raise NotFound(
                f"The policy {key!r} has no version {version}.", remedy="GET /policies/{key}/versions lists them."
            )
        return Version(**row)
    holds = await find_in_force(conn, tenant_id=tenant_id, key=key)
    if holds is not None:
        return holds
    drafts = await versions(conn, tenant_id=tenant_id, key=key, limit=1)
    return drafts[0]


async def find_in_force(conn: Transaction, *, tenant_id: UUID, key: str) -> Version | None:
    """Give the version in force; None if there is none."""
    values = {"tenant_id": tenant_id, "key": composed("key", key)}
    row = await (await conn.execute(_SQL["in_force"], values)).fetchone()
    return None if row is None else Version(**row)


async def versions(
    conn: Transaction, *, tenant_id: UUID, key: str, before: int | None = None, limit: int = 100
) -> list[Version]:
    """Give a policy's versions, the newest first, those before `before`. Raises NotFound if there is no such key."""
    values = {"tenant_id": tenant_id, "key": composed("key", key), "before": before, "limit": limit}
    rows = await (await conn.execute(_SQL["versions"], values)).fetchall()
    if not rows and before is None:
        raise NotFound(f"There is no policy {key!r}.", remedy="GET /policies lists them.")
    return [Version(**row) for row in rows]


async def keys(conn: Transaction, *, tenant_id: UUID, after: str = "", limit: int = 100) -> list[Key]:
    """Give the tenant's policies in the order of their keys, those beyond `after`."""
    values = {"tenant_id": tenant_id, "after": after, "limit": limit}
    return [Key(**row) for row in await (await conn.execute(_SQL["keys"], values)).fetchall()]


def _composed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give a document, already checked, with its names composed.

    Conditions compose their own texts when they are read; a person's ext_id in one stays as it was sent.
    """
    made: dict[str, Any] = settled_deep(document)
    for layer in LAYERS:
        for kept, given in zip(made.get(layer, ()), document.get(layer, ()), strict=True):
            kept["when"] = given["when"]
    return made
