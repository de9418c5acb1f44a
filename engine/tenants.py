"""Tenants and their API keys. A key is shown once and stored as its SHA-256.

A key has 256 random bits, so a fast hash cannot be searched; slow hashes are for secrets that people choose.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from engine.db import Transaction, admin
from engine.queries import queries
from rules.errors import Conflict, InvalidInput, NotFound, Unauthorized

KEY_PREFIX = "leo_"
_SQL = queries("tenants")
_AS_OWNER = "SET ROLE leo_owner"
# The guard of immutable rows reads the call stack, which PostgreSQL writes in the language of its messages.
_IN_ENGLISH = "SET LOCAL lc_messages = 'C'"


class Scope(StrEnum):
    """What a key may do: look, change, start messages, let an agent's task act, manage the tenant itself."""

    READ = "read"
    WRITE = "write"
    ACTIVATE = "activate"
    APPROVE = "approve"
    ADMIN = "admin"


ALL_SCOPES = tuple(Scope)


class Role(StrEnum):
    """What the console takes the holder of a key for, by what the key allows."""

    MARKETER = "marketer"
    OPERATOR = "operator"
    AUDITOR = "auditor"


def role_of(scopes: Collection[str]) -> Role:
    """Give the role of a key: one that manages the tenant, one that changes or starts something, or one that looks."""
    if Scope.ADMIN in scopes:
        return Role.OPERATOR
    return Role.MARKETER if {Scope.WRITE, Scope.ACTIVATE, Scope.APPROVE} & set(scopes) else Role.AUDITOR


@dataclass(frozen=True, slots=True)
class Tenant:
    tenant_id: UUID
    slug: str
    name: str
    zone: str
    locale: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key; only its owner gets to know `secret`, once."""

    api_key_id: int
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is stored, without its secret."""

    api_key_id: int
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and what the key allows."""

    tenant_id: UUID
    slug: str
    api_key_id: int
    scopes: frozenset[str]


async def name_of_key(conn: Transaction, *, api_key_id: int) -> str | None:
    """Give the name of a key of the transaction's tenant; None if it no longer exists."""
    row = await (await conn.execute(_SQL["key_name"], {"api_key_id": api_key_id})).fetchone()
    return None if row is None else str(row["name"])


async def create_tenant(
    conn: Transaction, *, tenant_id: UUID, slug: str, name: str, zone: str = "Asia/Ho_Chi_Minh", locale: str = "vi"
) -> Tenant:
    """Make a tenant and its graph; the transaction must be inside the new tenant's border.

    Raises Conflict if the slug is taken, InvalidInput if slug or zone cannot be used.
    """
    _check_zone(zone)
    values = {"tenant_id": tenant_id, "slug": slug, "name": name, "zone": zone, "locale": locale}
    row = await (await conn.execute(_SQL["create"], values)).fetchone()
    return _tenant(row)


async def enter(conn: Transaction, tenant_id: UUID) -> None:
    """Move the rest of this transaction into another tenant's border."""
    await conn.execute(_SQL["enter"], {"tenant_id": str(tenant_id)})


async def get_tenant(conn: Transaction, *, tenant_id: UUID) -> Tenant:
    """Give the tenant; raises NotFound."""
    return _tenant(await (await conn.execute(_SQL["get"], {"tenant_id": tenant_id})).fetchone())


async def tenant_by_slug(conn: Transaction, slug: str) -> UUID:
    """Give the id of a tenant, whatever its status; works before a tenant is set. Raises NotFound."""
    row = await (await conn.execute(_SQL["by_slug"], {"slug": slug})).fetchone()
    if row is None or row["tenant_id"] is None:
        raise NotFound(f"There is no tenant {slug!r}.", remedy="Run leo tenants list for those there are.")
    return UUID(str(row["tenant_id"]))


async def active_tenants(conn: Transaction) -> list[tuple[UUID, str]]:
    """Give id and slug of every active tenant, by slug; works before a tenant is set."""
    rows = await (await conn.execute(_SQL["every"])).fetchall()
    return [(row["tenant_id"], row["slug"]) for row in rows]


async def create_api_key(
    conn: Transaction,
    *,
    tenant_id: UUID,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key "leo_<prefix>_<random>"; raises InvalidInput for an unknown scope or none."""
    granted = _scopes(scopes)
    prefix = secrets.token_hex(4)
    secret = f"{KEY_PREFIX}{prefix}_{secrets.token_urlsafe(32)}"
    values = {
        "tenant_id": tenant_id,
        "name": name,
        "prefix": prefix,
        "key_hash": hash_key(secret),
        "scopes": [str(scope) for scope in granted],
        "expires_at": expires_at,
    }
    row = await (await conn.execute(_SQL["create_key"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no tenant {tenant_id}.", remedy="Create the tenant first.")
    return NewKey(row["api_key_id"], name, prefix, granted, expires_at, secret)


async def list_api_keys(conn: Transaction, *, tenant_id: UUID, api_key_id: int | None = None) -> list[ApiKey]:
    """Give the tenant's keys, the newest first; all of them, or one."""
    rows = await (await conn.execute(_SQL["keys"], {"tenant_id": tenant_id, "api_key_id": api_key_id})).fetchall()
    return [ApiKey(**{**row, "scopes": tuple(Scope(scope) for scope in row["scopes"])}) for row in rows]


async def rotate_api_key(conn: Transaction, *, tenant_id: UUID, api_key_id: int, ends_at: datetime) -> NewKey:
    """Make a key like another one, which ends at `ends_at` or earlier; until then both work.

    Raises NotFound, and Conflict for a key that has already ended.
    """
    found = await list_api_keys(conn, tenant_id=tenant_id, api_key_id=api_key_id)
    if not found:
        raise _no_key(api_key_id)
    old = found[0]
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= datetime.now(UTC)):
        raise Conflict(f"The API key {api_key_id} has ended.", remedy="Make a new one.")
    await conn.execute(_SQL["end_key"], {"tenant_id": tenant_id, "api_key_id": api_key_id, "at": ends_at})
    return await create_api_key(conn, tenant_id=tenant_id, name=old.name, scopes=old.scopes)


async def revoke_api_key(conn: Transaction, *, tenant_id: UUID, api_key_id: int) -> None:
    """End a key at once; ending it again changes nothing. Raises NotFound."""
    values = {"tenant_id": tenant_id, "api_key_id": api_key_id}
    if await (await conn.execute(_SQL["revoke_key"], values)).fetchone() is None:
        raise _no_key(api_key_id)


def hash_key(secret: str) -> bytes:
    """Give the 32 bytes under which a key is stored."""
    return hashlib.sha256(secret.encode()).digest()


async def authenticate(conn: Transaction, secret: str) -> Caller:
    """Identify the holder of a key and put the transaction inside the holder's border.

    It needs a transaction without a tenant (`Database.before_tenant`). The key is looked up by its hash, so that the
    time taken reveals nothing about a key. Raises Unauthorized for a key that is unknown, revoked or expired, and for
    keys of a suspended tenant.
    """
    row = None
    if secret.startswith(KEY_PREFIX):
        row = await (await conn.execute(_SQL["authenticate"], {"key_hash": hash_key(secret)})).fetchone()
    if row is None:
        raise Unauthorized(
            "The API key is unknown, revoked or expired, or its tenant is suspended.",
            remedy="Send a valid key: Authorization: Bearer leo_...",
        )
    return Caller(row["tenant_id"], row["slug"], row["api_key_id"], frozenset(row["scopes"]))


def drop_tenant(admin_url: str, *, tenant_id: UUID, reason: str) -> dict[str, int]:
    """Remove a tenant, all it owns and its graph, and give the rows removed by table. It needs an administrator.

    Raises NotFound if there is none, InvalidInput without a reason.
    """
    with admin(admin_url) as connection:
        connection.execute(_IN_ENGLISH)
        connection.execute(_AS_OWNER)
        row = connection.execute(_SQL["drop"], {"tenant_id": tenant_id, "reason": reason}).fetchone()
    removed: dict[str, int] = {} if row is None else row[0]
    return removed


def _no_key(api_key_id: int) -> NotFound:
    return NotFound(f"There is no API key {api_key_id}.", remedy="Check the id: leo tenants keys lists them.")


def _tenant(row: dict[str, Any] | None) -> Tenant:
    if row is None:
        raise NotFound("There is no such tenant.", remedy="Run leo tenants list for those there are.")
    return Tenant(**row)


def _scopes(given: Collection[str]) -> tuple[Scope, ...]:
    unknown = sorted(set(given) - set(Scope))
    if unknown or not given:
        what = f"There is no scope {unknown[0]!r}." if unknown else "A key needs a scope."
        raise InvalidInput(what, remedy=f"Use some of {', '.join(Scope)}.")
    return tuple(scope for scope in Scope if scope in given)


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInput(f"{zone!r} is no time zone.", remedy="Use an IANA name such as Asia/Ho_Chi_Minh.") from error
