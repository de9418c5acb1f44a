"""What a command needs first: the database, the vault, and the tenant that is meant."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from engine import embedded
from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.queries import queries
from engine.settings import Settings
from rules.errors import InvalidInput, NotFound

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as named on the command line."""

    tenant_id: UUID
    slug: str


@asynccontextmanager
async def database() -> AsyncIterator[Database]:
    """Open the database of these settings; the embedded server is started if it is not running."""
    settings = Settings.load()
    servers = embedded.ensure(settings, redis=False)
    async with Database.open(servers.database_url, settings) as db:
        yield db


def vault() -> Vault:
    """Give the vault of this installation's credential key."""
    return Vault(embedded.load_secrets(Settings.load()).credential_key)


async def tenants(db: Database, slug: str | None) -> list[Tenant]:
    """Give the tenant with this slug; without one, all active tenants. Raises NotFound if there is none."""
    async with db.before_tenant() as connection:
        if slug is None:
            rows = await (await connection.execute(queries("trace")["tenants"])).fetchall()
        else:
            rows = await (await connection.execute(queries("trace")["tenant"], {"slug": slug})).fetchall()
    if rows:
        return [Tenant(row["tenant_id"], row["slug"]) for row in rows]
    if slug is None:
        raise NotFound("There is no tenant yet.", remedy="Run: leo demo, or leo tenants create")
    raise NotFound(f"There is no tenant {slug!r}.", remedy="Run: leo tenants list")


async def one_tenant(db: Database, slug: str | None) -> Tenant:
    """Give the tenant with this slug; without one, the only tenant. Raises InvalidInput if several could be meant."""
    found = await tenants(db, slug)
    if len(found) > 1:
        first = ", ".join(tenant.slug for tenant in found[:5])
        more = ", ..." if len(found) > 5 else ""  # noqa: PLR2004 - what fits a line
        raise InvalidInput(f"There are {len(found)} tenants: {first}{more}.", remedy="Name one with --tenant.")
    return found[0]


async def inside(slug: str | None, work: Callable[[Transaction, UUID], Awaitable[Answer]]) -> Answer:
    """Run work in one transaction of the tenant with this slug."""
    async with database() as db:
        tenant = await one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            return await work(conn, tenant.tenant_id)
