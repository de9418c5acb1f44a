"""`leo credentials`: the key that seals providers' credentials, and changing it."""

import asyncio
from collections import Counter
from typing import Annotated

import typer

from engine.cli import reach
from engine.embedded.home import add_credential_key
from engine.processes import track
from engine.reseal import count_keys, reseal
from engine.settings import Settings
from rules.errors import Conflict, Misconfigured

app = typer.Typer(no_args_is_help=True)

# They open credentials with the keys that they were started with.
PARTS = frozenset({"api", "worker-realtime", "worker-bulk"})
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
    """Seal with the newest key what older ones sealed; it may be run again at any moment."""
    _check_restarted(Settings.load())
    typer.echo(f"{asyncio.run(_rotate(tenant))} credentials are sealed with the newest key now.")


def _check_restarted(settings: Settings) -> None:
    """Raise Conflict where processes of this LEO_HOME are older than the newest generated key: they do not have it."""
    kept = settings.home / "secrets.json"
    if settings.credential_key is not None or not kept.exists():
        return
    made = kept.stat().st_mtime
    runs = track.read_all(settings.home / "run")
    older = [run.name for run in runs if run.name in PARTS and run.create_time < made and track.is_running(run)]
    if older:
        raise Conflict(
            f"{', '.join(older)} began before the newest key was made, and could open no credential any more.",
            remedy="Restart first: leo down, then leo up.",
        )


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
