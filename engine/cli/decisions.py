"""`leo decisions`: what was decided for whom, why, and whether deciding again gives the same."""

import asyncio
import json
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine import decisions, explain, profiles
from engine.cli import explain_tables as tables
from engine.cli.reach import inside
from engine.db import Transaction
from engine.decisions import Decision
from engine.explain import Explained, Replayed
from rules.conditions import Language

app = typer.Typer(no_args_is_help=True)

IdArgument = Annotated[int, typer.Argument(help="The decision's id.", min=1)]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
LanguageOption = Annotated[Language, typer.Option("--language", help="In which sentences are said.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def show(
    profile: Annotated[str | None, typer.Option(help="Only this person's, by ext_id.")] = None,
    campaign: Annotated[int | None, typer.Option(min=1, help="Only this campaign's, by id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """List decisions, the newest first."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[Decision]:
        profile_id = None
        if profile is not None:
            profile_id = await profiles.profile_id_of(conn, tenant_id=tenant_id, ext_id=profile)
        return await decisions.list_decisions(
            conn, tenant_id=tenant_id, profile_id=profile_id, campaign_id=campaign, limit=limit
        )

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps([_document(one) for one in found], ensure_ascii=False))
        return
    table = Table("decision", "at (UTC)", "profile", "campaign", "action", "reason", "channel", "arbiter")
    for one in found:
        cells = (one.profile, str(one.campaign_id), one.action, one.reason, one.channel or "", one.arbiter)
        table.add_row(str(one.decision_id), f"{one.decided_at:%Y-%m-%d %H:%M:%S}", *(Text(cell) for cell in cells))
    Console().print(table)


@app.command("explain")
def explain_(
    decision_id: IdArgument,
    tenant: TenantOption = None,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """Explain a decision: each candidate, where it dropped out and why, who chose, and the alternatives."""

    async def work(conn: Transaction, tenant_id: UUID) -> Explained:
        return await explain.explain_decision(conn, tenant_id=tenant_id, decision_id=decision_id, language=language)

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps(found.to_document(), ensure_ascii=False))
    else:
        Console().print(tables.of_decision(found))


@app.command()
def replay(decision_id: IdArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Decide again from what is stored; exit code 1, with the differences, if the result is not the same."""

    async def work(conn: Transaction, tenant_id: UUID) -> Replayed:
        return await explain.replay(conn, tenant_id=tenant_id, decision_id=decision_id)

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps(found.to_document(), ensure_ascii=False))
    else:
        Console().print(tables.of_replay(found))
    raise typer.Exit(0 if found.is_same else 1)


def _document(one: Decision) -> dict[str, object]:
    return {
        "decision_id": one.decision_id,
        "decided_at": one.decided_at.isoformat(),
        "profile": one.profile,
        "campaign_id": one.campaign_id,
        "action": one.action,
        "reason": one.reason,
        "channel": one.channel,
        "template_id": one.template_id,
        "wait_until": None if one.wait_until is None else one.wait_until.isoformat(),
        "arbiter": one.arbiter,
        "policy_version": one.policy_version,
    }
