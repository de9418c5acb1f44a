"""`leo sources`: the CDP databases that a tenant takes people from."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from engine import embedded
from engine.cli import reach
from engine.credentials import Vault
from engine.db import Database
from engine.embedded.home import LOOPBACK, is_port_free
from engine.ingest import fieldmap, sources
from engine.ingest.sources import CONNECTED, PAUSED, Listed, Source
from engine.outbox.report import DEFAULT_OUTCOMES, set_report
from engine.processes import background, table
from engine.settings import Settings
from rules.errors import InvalidInput
from rules.words import OutcomeType

app = typer.Typer(no_args_is_help=True)
add = typer.Typer(no_args_is_help=True, help="Add a source, or change the one of that key.")
app.add_typer(add, name="add")

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
KeyArgument = Annotated[str, typer.Argument(help="The source's key.")]
# The world that the sandbox has from its start.
SANDBOX = "leo_cdp"
START_S = 10.0
_PASSWORD = "ARANGO_PASSWORD"  # noqa: S105 - the name of a variable
_TOKEN = "OBSERVER_TOKEN"  # noqa: S105 - the name of a variable


@add.command()
def arango(
    key: Annotated[str, typer.Option(help="What the source is called here, such as cdp.")],
    url: Annotated[str, typer.Option(help="Where ArangoDB listens: http://arango.example:8529")],
    database: Annotated[str, typer.Option(help="The CDP's database, such as leo_cdp.")],
    username: Annotated[str, typer.Option(help="A user who may read it.")] = "root",
    password_file: Annotated[
        Path | None, typer.Option(help=f"A file with the password, - for standard input; {_PASSWORD} otherwise.")
    ] = None,
    password: Annotated[str | None, typer.Option(envvar=_PASSWORD, hidden=True)] = None,
    every: Annotated[int, typer.Option(min=1, help="Seconds from one sync to the next.")] = sources.EVERY_S,
    field_map: Annotated[
        Path | None, typer.Option("--map", help="A TOML file with what differs from the delivered field map.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="More settings, name=value as in docs/ingest.md; several times.")
    ] = None,
    tenant: TenantOption = None,
) -> None:
    """Add a LEO CDP in ArangoDB, and ask it whether it answers."""
    settings = {"url": url, "database": database, "username": username, **_more(setting or [])}
    changes = {} if field_map is None else _toml(field_map)
    asyncio.run(_add(tenant, key, settings, _secret(password_file, password), every, changes))
    typer.echo(f"The source {key} is connected; it is read every {every} s. Now: leo sync --source {key}")


@add.command()
def sandbox(
    key: Annotated[str, typer.Option(help="What the source is called here.")] = "cdp",
    every: Annotated[int, typer.Option(min=1, help="Seconds from one sync to the next.")] = sources.EVERY_S,
    tenant: TenantOption = None,
) -> None:
    """Add the sandbox's CDP, to try a sync without an ArangoDB: generated people, with every trap of real ones."""
    resolved = table.resolved(Settings.load())
    servers = embedded.ensure(resolved, redis=False)
    background.start(resolved.home, table.part(resolved, servers, "sandbox"))
    _wait_for(resolved.sandbox_http_port)
    where = {"url": f"http://{LOOPBACK}:{resolved.sandbox_http_port}", "database": SANDBOX, "username": "root"}
    asyncio.run(_add(tenant, key, where, "", every, {}))
    typer.echo(f"The source {key} is connected to the sandbox. Now: leo sync --source {key}")


@app.command("list")
def list_(tenant: TenantOption = None) -> None:
    """List the sources, when each is due and how its last run went."""
    shown = Table("source", "where", "status", "every", "due (UTC)", "last run (UTC)")
    for one in asyncio.run(_all(tenant)):
        source = one.source
        where = f"{source.settings['url']}/_db/{source.settings['database']}"
        due = "" if source.due_at is None else f"{source.due_at:%Y-%m-%d %H:%M:%S}"
        shown.add_row(source.key, where, source.status, f"{source.every_s} s", due, _last(one))
    Console().print(shown)


@app.command()
def check(key: KeyArgument, tenant: TenantOption = None) -> None:
    """Ask a source for its segments and a few people; the sentence says what is wrong where something is."""
    typer.echo(asyncio.run(_check_stored(tenant, key)))


@app.command()
def pause(key: KeyArgument, tenant: TenantOption = None) -> None:
    """Take nothing from a source until it is resumed."""
    asyncio.run(_set_status(tenant, key, PAUSED))
    typer.echo(f"The source {key} is paused.")


@app.command()
def resume(key: KeyArgument, tenant: TenantOption = None) -> None:
    """Let a paused source go on, where it stands."""
    asyncio.run(_set_status(tenant, key, CONNECTED))
    typer.echo(f"The source {key} goes on.")


@app.command()
def report(
    key: KeyArgument,
    url: Annotated[str | None, typer.Option(help="The observer host: http://observer.example:9080")] = None,
    token_key: Annotated[str, typer.Option(help="The event observer's id, as the CDP shows it.")] = "",
    token_file: Annotated[
        Path | None, typer.Option(help=f"A file with its access token, - for standard input; {_TOKEN} otherwise.")
    ] = None,
    token: Annotated[str | None, typer.Option(envvar=_TOKEN, hidden=True)] = None,
    outcome: Annotated[
        list[OutcomeType] | None, typer.Option(help="Several times; clicked, replied and unsubscribed if absent.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Tell it nothing from now on.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Tell a source's CDP what came of messages to its people, from now on."""
    if off == (url is not None):
        raise InvalidInput("Say where the CDP's observer is, or --off.", remedy="Give --url or --off.")
    given = "" if off else _secret(token_file, token, variable=_TOKEN)
    outcomes = outcome or list(DEFAULT_OUTCOMES)
    asyncio.run(_report(tenant, key, None if off else url, token_key, given, outcomes))
    told = "nothing" if off else ", ".join(outcomes)
    typer.echo(f"The CDP of {key} is told {told}. Now: leo outbox status")


@app.command()
def remove(key: KeyArgument, tenant: TenantOption = None) -> None:
    """Forget a source, its password and how far it was read; its people stay."""
    asyncio.run(_remove(tenant, key))
    typer.echo(f"The source {key} is removed; its people stay.")


def _wait_for(port: int) -> None:
    """Wait until the sandbox listens; where it does not, what asks it next says so."""
    deadline = time.monotonic() + START_S
    while is_port_free(port) and time.monotonic() < deadline:
        time.sleep(0.05)


def _last(one: Listed) -> str:
    if one.last_started_at is None:
        return "none yet"
    text = f"{one.last_mode} {one.last_started_at:%Y-%m-%d %H:%M} {one.last_status}"
    return text if one.last_error is None else f"{text}: {one.last_error}"


def _secret(path: Path | None, given: str | None, *, variable: str = _PASSWORD) -> str:
    if path is None:
        if given is None:
            raise InvalidInput(
                f"No secret is given, neither by a file nor by {variable}.", remedy=f"Give its file, or set {variable}."
            )
        return given
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"The file of the secret, {path}, cannot be read.", remedy="Check its path and mode."
        ) from error
    return text.removesuffix("\n").removesuffix("\r")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return fieldmap.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The field map {path} cannot be read.", remedy="Check its path.") from error


def _more(given: Sequence[str]) -> dict[str, Any]:
    more: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise InvalidInput(f"--set {one!r} is no name=value.", remedy="For example: --set reconcile_at=03:15")
        try:
            more[name] = json.loads(value)
        except ValueError:
            more[name] = value
    return more


async def _add(
    slug: str | None, key: str, settings: dict[str, Any], password: str, every: int, changes: dict[str, Any]
) -> None:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            source = await sources.save_source(
                conn,
                _vault(),
                tenant_id=tenant.tenant_id,
                key=key,
                settings=settings,
                password=password,
                every_s=every,
                field_map=changes,
            )
            # Inside the transaction: a source that cannot be read is not added.
            await sources.check(source)


async def _all(slug: str | None) -> Sequence[Listed]:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id, read_only=True) as conn:
            return await sources.list_sources(conn, tenant_id=tenant.tenant_id)


async def _check_stored(slug: str | None, key: str) -> str:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        return await sources.check(await opened(db, tenant.tenant_id, key))


async def _set_status(slug: str | None, key: str, status: str) -> None:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            await sources.set_status(conn, tenant_id=tenant.tenant_id, key=key, status=status)


async def _report(
    slug: str | None, key: str, url: str | None, token_key: str, token: str, outcomes: Sequence[OutcomeType]
) -> None:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            await set_report(
                conn,
                _vault(),
                tenant_id=tenant.tenant_id,
                source=key,
                url=url,
                token_key=token_key,
                token=token,
                outcomes=outcomes,
            )


async def _remove(slug: str | None, key: str) -> None:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        async with db.transaction(tenant.tenant_id) as conn:
            await sources.remove_source(conn, tenant_id=tenant.tenant_id, key=key)


async def opened(db: Database, tenant_id: UUID, key: str) -> Source:
    """Give a source with its password, opened with the key of these settings."""
    async with db.transaction(tenant_id, read_only=True) as conn:
        return await sources.get_source(conn, _vault(), tenant_id=tenant_id, key=key)


def _vault() -> Vault:
    return Vault(embedded.ensure(Settings.load(), redis=False).secrets.credential_key)
