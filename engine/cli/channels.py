"""`leo channels`: what a tenant's channels are doing; stopping and resuming one, and renewing its token."""

import asyncio
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from channels.tokens.zalo import challenge_of, consent_url
from engine import campaigns, consents, embedded, tokens
from engine.cli import reach
from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.dispatch.adapters import egress_of
from engine.processes import table
from engine.settings import Settings
from engine.tokens import Listed, Renewal
from rules.errors import NotFound

app = typer.Typer(no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
AppOption = Annotated[str, typer.Option(help="The application, on Zalo's page for developers.")]
NameArgument = Annotated[str, typer.Argument(help="The channel's name.")]
SAID = {
    Renewal.NOT_DUE: "The channel {name} has no token that could be renewed: connect it with app_id and app_secret.",
    Renewal.GOOD: "The token of {name} is good.",
    Renewal.RENEWED: "The token of {name} is renewed.",
    Renewal.LATER: "The provider of {name} could not be asked; it is tried again within a minute.",
    Renewal.ENDED: "The token of {name} has ended: leo channels list says why and what to do.",
}


@app.command("list")
def list_(tenant: TenantOption = None) -> None:
    """List the channels, why one is paused, and when its token ends."""
    table = Table("channel", "kind", "status", "token ends", "looked at", "why")
    for one in asyncio.run(_all(tenant)):
        ends, due = (f"{at:%Y-%m-%d %H:%M} UTC" if at else "" for at in (one.ends_at, one.due_at))
        status = f"{one.status}, sandbox" if one.sandbox else one.status
        table.add_row(one.name, one.kind, status, ends, due, _why(one))
    Console().print(table)


def _why(one: Listed) -> str:
    """Say what holds a channel, what is due with it, or which channel sends in its place."""
    return one.reason or one.warning or (f"{one.behind} sends first" if one.behind else "")


@app.command()
def pause(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why; it is shown with the channel.")] = "by hand",
    tenant: TenantOption = None,
) -> None:
    """Send nothing through a channel until it is resumed; its messages wait."""
    asyncio.run(_pause(tenant, name, reason))
    typer.echo(f"The channel {name} is paused.")


@app.command()
def resume(name: NameArgument, tenant: TenantOption = None) -> None:
    """Send through a channel again, whatever paused or held it."""
    asyncio.run(_resume(tenant, name))
    typer.echo(f"The channel {name} goes on.")


@app.command()
def renew(name: NameArgument, tenant: TenantOption = None) -> None:
    """Check a channel's token now, and renew it if possible; a channel that was paused because of it continues."""
    typer.echo(SAID[asyncio.run(_renew(tenant, name))].format(name=name))


@app.command("zalo-consent")
def zalo_consent(
    app_id: AppOption,
    redirect_uri: Annotated[str, typer.Option(help="Where Zalo sends the administrator, as its page knows it.")],
    verifier: Annotated[str | None, typer.Option(help="The one you have; without it a new one is made.")] = None,
) -> None:
    """Print the page where an administrator of an Official Account consents, with the code verifier and challenge."""
    code_verifier = verifier or token_urlsafe(32)
    typer.echo(f"code verifier:  {code_verifier}")
    typer.echo(f"code challenge: {challenge_of(code_verifier)}   (for Zalo's page for developers)")
    typer.echo(consent_url(app_id=app_id, redirect_uri=redirect_uri, code_verifier=code_verifier))


@app.command("zalo-connect")
def zalo_connect(
    name: NameArgument,
    app_id: AppOption,
    code: Annotated[str, typer.Option(help="What Zalo added to the redirect URI; it lives for ten minutes.")],
    app_secret: Annotated[str, typer.Option(prompt=True, hide_input=True, help="Asked for where it is left out.")],
    verifier: Annotated[str, typer.Option(prompt=True, hide_input=True, help="Of the consent; asked for as well.")],
    kind: Annotated[str, typer.Option(help="zalo_oa or zalo_template.")] = "zalo_oa",
    tenant: TenantOption = None,
) -> None:
    """Exchange the code of a consent for the first tokens and connect the channel with them."""
    given = {"app_id": app_id, "app_secret": app_secret}
    webhook = asyncio.run(_zalo_connect(tenant, name, kind, given, code, verifier))
    typer.echo(f"The channel {name} is connected. Give Zalo this webhook: /webhooks/{webhook}")


async def _zalo_connect(slug: str | None, name: str, kind: str, given: dict[str, str], code: str, verifier: str) -> str:
    settings = Settings.load()
    vault = Vault(embedded.load_secrets(settings).credential_key)
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        channel = await consents.connect_zalo(
            db,
            vault,
            tenant_id=tenant.tenant_id,
            kind=kind,
            name=name,
            settings=given,
            code=code,
            code_verifier=verifier,
            egress=egress_of(table.as_kept(settings)),
        )
        return channel.webhook_key


async def _all(slug: str | None) -> list[Listed]:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id, read_only=True) as conn:
            return await tokens.list_tokens(conn)


async def _find(conn: Transaction, name: str) -> int:
    found = {one.name: one.channel_id for one in await tokens.list_tokens(conn)}
    if name not in found:
        raise NotFound(f"There is no channel {name!r}.", remedy=f"There are: {', '.join(sorted(found)) or 'none'}.")
    return found[name]


async def _pause(slug: str | None, name: str, reason: str) -> None:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            channel_id = await _find(conn, name)
            why = f"paused: {reason}"
            await campaigns.pause_channel(conn, tenant_id=tenant.tenant_id, channel_id=channel_id, reason=why)


async def _resume(slug: str | None, name: str) -> None:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            channel_id = await _find(conn, name)
            await campaigns.resume_channel(conn, tenant_id=tenant.tenant_id, channel_id=channel_id)


async def _renew(slug: str | None, name: str) -> Renewal:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        return await _renew_now(db, tenant, name)


async def _renew_now(db: Database, tenant: reach.Tenant, name: str) -> Renewal:
    settings = Settings.load()
    vault = Vault(embedded.load_secrets(settings).credential_key)
    async with db.transaction(tenant.tenant_id) as conn:
        channel_id = await _find(conn, name)
        await tokens.ask(conn, channel_id=channel_id, now=datetime.now(UTC))
    egress = egress_of(table.as_kept(settings))
    return await tokens.renew(db, vault, tenant_id=tenant.tenant_id, channel_id=channel_id, egress=egress)
