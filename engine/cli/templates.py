"""`leo templates`: list templates, preview one for a person, approve it for sending."""

import asyncio
import getpass
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine import campaigns, embedded
from engine.campaigns import Preview, Template, Trial
from engine.cli.reach import inside
from engine.db import Transaction
from engine.lacking import Lacking, count_lacking
from engine.processes import background, table
from engine.processes.table import public_url
from engine.settings import Settings
from engine.unsubscribe import Links

app = typer.Typer(no_args_is_help=True)

IdArgument = Annotated[int, typer.Argument(min=1, metavar="ID", help="The template's id: leo templates list.")]
ProfileOption = Annotated[str, typer.Option("--profile", help="For this person, by ext_id.")]
CampaignOption = Annotated[
    str | None, typer.Option("--campaign", help="Of this campaign, by its key; without one it counts as advertising.")
]
LocaleOption = Annotated[str | None, typer.Option("--locale", help="Instead of the person's language: vi, en.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_(
    after: Annotated[int, typer.Option(min=0, help="Those beyond this id.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many at most.")] = 100,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """List templates in the order of their ids."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[Template]:
        return await campaigns.list_templates(conn, tenant_id=tenant_id, after=after, limit=limit)

    found = asyncio.run(inside(tenant, work))
    if as_json:
        _print([_document(one) for one in found])
        return
    shown = Table()
    for heading in ("id", "key", "version", "channel", "status", "languages", "approved by"):
        shown.add_column(heading, overflow="fold")
    for one in found:
        languages = ", ".join([one.locale, *one.translations])
        row = (str(one.template_id), one.key, str(one.version), one.channel, one.status, languages, one.approved_by)
        shown.add_row(*(escape(cell or "") for cell in row))
    Console().print(shown if found else "There is no template: POST /templates keeps one.")


@app.command()
def show(template_id: IdArgument, tenant: TenantOption = None) -> None:
    """Show one version of a template as JSON."""

    async def work(conn: Transaction, tenant_id: UUID) -> Template:
        return await campaigns.get_template(conn, tenant_id=tenant_id, template_id=template_id)

    _print(_document(asyncio.run(inside(tenant, work))))


@app.command()
def preview(
    template_id: IdArgument,
    profile: ProfileOption,
    campaign: CampaignOption = None,
    locale: LocaleOption = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a person would get, what is missing, and what the law and the channel object to; nothing is sent."""
    found = asyncio.run(_preview(table.as_kept(Settings.load()), tenant, template_id, profile, campaign, locale))
    if as_json:
        _print({**asdict(found), "template": _document(found.template), "could_leave": found.could_leave})
        return
    console = Console()
    for line in _lines(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not found.could_leave:
        raise typer.Exit(1)


@app.command("try")
def try_(
    template_id: IdArgument,
    profile: ProfileOption,
    address: Annotated[str, typer.Option("--to", help="An address in the sandbox; the person is not written to.")],
    campaign: CampaignOption = None,
    locale: LocaleOption = None,
    tenant: TenantOption = None,
) -> None:
    """Send what a person would get to an address in the sandbox."""
    settings = table.resolved(Settings.load())
    servers = embedded.ensure(settings, redis=False)
    background.start(settings.home, table.part(settings, servers, "sandbox"))
    told = asyncio.run(_try(settings, tenant, template_id, profile, campaign, locale, address))
    typer.echo(f"{told.status}: {told.code} {told.detail}".strip())
    typer.echo(f"See it: http://127.0.0.1:{settings.sandbox_http_port}/_sandbox/messages?limit=1")
    if told.status != "accepted":
        raise typer.Exit(1)


@app.command()
def approve(template_id: IdArgument, tenant: TenantOption = None) -> None:
    """Approve a draft for sending; the approver is recorded. It says who lacks a value that the template prints."""

    async def work(conn: Transaction, tenant_id: UUID) -> tuple[Template, list[Lacking]]:
        by = f"cli {getpass.getuser()}"
        done = await campaigns.approve_template(conn, tenant_id=tenant_id, template_id=template_id, by=by)
        return done, await count_lacking(conn, tenant_id=tenant_id, template_ids=[template_id])

    done, lacking = asyncio.run(inside(tenant, work))
    for one in lacking:
        typer.echo(str(one))
    typer.echo(f"{done.key} v{done.version} ({done.channel}) is approved by {done.approved_by or 'somebody'}.")


async def _preview(
    settings: Settings, tenant: str | None, template_id: int, profile: str, campaign: str | None, locale: str | None
) -> Preview:
    links = Links(embedded.load_secrets(settings).credential_key, public_url(settings))

    async def work(conn: Transaction, tenant_id: UUID) -> Preview:
        return await campaigns.preview_template(
            conn,
            links,
            tenant_id=tenant_id,
            template_id=template_id,
            ext_id=profile,
            campaign=campaign,
            locale=locale,
            now=datetime.now(UTC),
        )

    return await inside(tenant, work)


async def _try(
    settings: Settings,
    tenant: str | None,
    template_id: int,
    profile: str,
    campaign: str | None,
    locale: str | None,
    address: str,
) -> Trial:
    found = await _preview(settings, tenant, template_id, profile, campaign, locale)
    return await campaigns.send_trial(settings, found, address)


def _lines(found: Preview) -> list[str]:
    template, written = found.template, found.written
    language = written.locale if written else found.locale
    what = f"{template.key} v{template.version} ({template.channel}, {template.status})"
    lines = [f"{what} for {found.ext_id}, in {language}, {found.zone}"]
    lines += [f"missing: {name}" for name in found.missing]
    lines += [f"problem: {problem.say().en}" for problem in found.problems]
    lines += [f"limit: {one.part} {one.used} of {one.most} {one.count}" for one in found.measures]
    if written is None:
        return lines
    if written.label or written.refusal:
        added = [*([written.label] if written.label else []), *(["how to refuse"] if written.refusal else [])]
        lines.append(f"added for the law: {', '.join(added)}")
    lines += ["", *(f"{name}: {part}" for name, part in written.parts.items() if part is not None)]
    return lines if not written.data else [*lines, f"data: {json.dumps(written.data, ensure_ascii=False)}"]


def _document(template: Template) -> dict[str, Any]:
    return {name: value for name, value in asdict(template).items() if name != "is_new"}


def _print(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, default=str))
