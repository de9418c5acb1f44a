"""`leo credentials`: the key that seals providers' credentials, and changing it."""

import asyncio
from collections import Counter
from typing import Annotated

import typer

from engine.cli import reach
from engine.embedded.home import add_credential_key
from engine.reseal import count_keys, reseal
from engine.settings import Settings
from rules.errors import Misconfigured

app = typer.Typer(no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="Only of this tenant; of all without it.")]


@app.command()
def keys(tenant: TenantOption = None) -> None:
    """Say how many credentials each key sealed; a key is named by part of its hash."""
    newest, counts = asyncio.run(_count(tenant))
    for name, count in sorted(counts.items()):
        typer.echo(f"{name}{' (the newest)' if name == newest else ''}: {count} credentials")
    if not counts:
        typer.echo("There are no credentials yet.")


@app.command("new-key")
def new_key() -> None:
    """Put a new key before the generated ones; then restart everything and run: leo credentials rotate."""
    name = add_credential_key(Settings.load())
    typer.echo(f"The key {name} is the newest. Restart every process, then run: leo credentials rotate")


@app.command()
def rotate(tenant: TenantOption = None) -> None:
    """Seal with the newest key what older ones sealed; it may be run at any moment, and again."""
    typer.echo(f"{asyncio.run(_rotate(tenant))} credentials are sealed with the newest key now.")


async def _count(slug: str | None) -> tuple[str, Counter[str]]:
    vault, counts = reach.vault(), Counter[str]()
    async with reach.database() as db:
        for tenant in await reach.tenants(db, slug):
            async with db.transaction(tenant.tenant_id, read_only=True) as conn:
                counts += await count_keys(conn)
    return vault.key_name, counts


async def _rotate(slug: str | None) -> int:
    """Go through all tenants, skipping one whose credentials no key opens; that one is reported at the end."""
    vault, count = reach.vault(), 0
    wrong: Misconfigured | None = None
    async with reach.database() as db:
        for tenant in await reach.tenants(db, slug):
            try:
                async with db.transaction(tenant.tenant_id) as conn:
                    count += await reseal(conn, vault, tenant_id=tenant.tenant_id)
            except Misconfigured as error:
                wrong = wrong or error
    if wrong is not None:
        raise wrong
    return count
