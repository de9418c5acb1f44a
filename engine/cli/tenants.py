"""`leo tenants`: create, list and drop tenants, and make their API keys."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

import typer
from rich.console import Console
from rich.table import Table

from engine import embedded
from engine import tenants as store
from engine.cli import reach
from engine.cli.db import prepare
from engine.db import Database
from engine.settings import Settings
from engine.tenants import ALL_SCOPES, ApiKey, NewKey, Scope, Tenant

app = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    slug: Annotated[str, typer.Argument(help="3 to 41 characters of a-z, 0-9 and _, a letter first.")],
    name: Annotated[str | None, typer.Option(help="What people call it; the slug if absent.")] = None,
    zone: Annotated[str, typer.Option(help="Its IANA time zone.")] = "Asia/Ho_Chi_Minh",
    locale: Annotated[str, typer.Option(help="Its language.")] = "vi",
) -> None:
    """Create a tenant with its graph, and print an API key of every scope for it."""
    tenant, made = asyncio.run(_create(slug, name or slug, zone, locale))
    typer.echo(f"Tenant {tenant.slug} ({tenant.tenant_id}).")
    _tell(made)


@app.command("list")
def list_() -> None:
    """List the tenants."""
    shown = Table("tenant", "name", "zone", "status", "created", "id")
    for one in asyncio.run(_all()):
        shown.add_row(one.slug, one.name, one.zone, one.status, f"{one.created_at:%Y-%m-%d}", str(one.tenant_id))
    Console().print(shown)


@app.command()
def key(
    slug: str,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="May be given several times; every scope if absent.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="It expires after so many days.")] = None,
) -> None:
    """Make an API key for a tenant and print it: it is shown only this once."""
    _tell(asyncio.run(_key(slug, name, scope or list(ALL_SCOPES), days)))


@app.command()
def keys(slug: str) -> None:
    """List a tenant's API keys, without their secrets."""
    shown = Table("id", "name", "begins with", "scopes", "made", "ends")
    for one in asyncio.run(_keys(slug)):
        ends = one.revoked_at or one.expires_at
        shown.add_row(
            str(one.api_key_id),
            one.name,
            f"leo_{one.prefix}",
            " ".join(one.scopes),
            f"{one.created_at:%Y-%m-%d}",
            "" if ends is None else f"{ends:%Y-%m-%d %H:%M} UTC{' (revoked)' if one.revoked_at else ''}",
        )
    Console().print(shown)


@app.command()
def rotate(
    slug: str,
    api_key_id: Annotated[int, typer.Argument(help="The key's id, as `leo tenants keys` shows it.")],
    hours: Annotated[float, typer.Option(min=0, max=720, help="So long both keys open.")] = 24,
) -> None:
    """Make an API key like an existing one, which ends after some hours, and print it: it is shown only this once."""
    _tell(asyncio.run(_rotate(slug, api_key_id, timedelta(hours=hours))))


@app.command()
def revoke(slug: str, api_key_id: int) -> None:
    """End an API key at once."""
    asyncio.run(_revoke(slug, api_key_id))
    typer.echo(f"The API key {api_key_id} opens nothing any more.")


@app.command()
def drop(
    slug: str,
    reason: Annotated[str, typer.Option(help="Why; it is kept in tenant_removal.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a tenant, everything it owns and its graph, for good. It needs an administrator's login."""
    tenant_id = asyncio.run(_id_of(slug))
    if not yes:
        typer.confirm(f"Remove the tenant {slug} and everything it owns?", abort=True)
    servers = embedded.ensure(Settings.load(), redis=False)
    removed = store.drop_tenant(servers.admin_database_url, tenant_id=tenant_id, reason=reason)
    typer.echo(f"Tenant {slug} and {sum(removed.values()):,} records are removed.")


async def _create(slug: str, name: str, zone: str, locale: str) -> tuple[Tenant, NewKey]:
    settings = Settings.load()
    servers = embedded.ensure(settings, redis=False)
    prepare(settings, servers)
    tenant_id = uuid4()
    async with Database.open(servers.database_url, settings) as db, db.transaction(tenant_id) as conn:
        tenant = await store.create_tenant(conn, tenant_id=tenant_id, slug=slug, name=name, zone=zone, locale=locale)
        made = await store.create_api_key(conn, tenant_id=tenant_id, name="first", scopes=ALL_SCOPES)
    return tenant, made


async def _all() -> list[Tenant]:
    async with reach.database() as db:
        async with db.before_tenant() as conn:
            known = await store.active_tenants(conn)
        found = []
        for tenant_id, _ in known:
            async with db.transaction(tenant_id, read_only=True) as conn:
                found.append(await store.get_tenant(conn, tenant_id=tenant_id))
        return found


async def _key(slug: str, name: str, scopes: list[Scope], days: int | None) -> NewKey:
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            return await store.create_api_key(
                conn, tenant_id=tenant.tenant_id, name=name, scopes=scopes, expires_at=expires_at
            )


async def _keys(slug: str) -> list[ApiKey]:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id, read_only=True) as conn:
            return await store.list_api_keys(conn, tenant_id=tenant.tenant_id)


async def _rotate(slug: str, api_key_id: int, overlap: timedelta) -> NewKey:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            return await store.rotate_api_key(
                conn, tenant_id=tenant.tenant_id, api_key_id=api_key_id, ends_at=datetime.now(UTC) + overlap
            )


async def _revoke(slug: str, api_key_id: int) -> None:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            await store.revoke_api_key(conn, tenant_id=tenant.tenant_id, api_key_id=api_key_id)


async def _id_of(slug: str) -> UUID:
    async with reach.database() as db, db.before_tenant() as conn:
        return await store.tenant_by_slug(conn, slug)


def _tell(made: NewKey) -> None:
    typer.echo(f"{made.secret}\n     scopes {', '.join(made.scopes)}; it is stored as a hash and not shown again.")
