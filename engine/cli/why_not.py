"""`leo why-not`: why somebody did not get a message of a campaign."""

import asyncio
import json
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from engine import explain
from engine.cli import explain_tables as tables
from engine.cli.instants import instant
from engine.cli.reach import inside
from engine.db import Transaction
from engine.explain import WhyNot
from rules.conditions import Language
from rules.words import Channel


def why_not(
    profile: Annotated[str, typer.Argument(help="The person's ext_id.")],
    campaign: Annotated[str, typer.Argument(help="The campaign's key.")],
    channel: Annotated[Channel | None, typer.Option(help="Why not by this channel.")] = None,
    template: Annotated[str | None, typer.Option(help="Why not this template, by its key.")] = None,
    at: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="As of then: 2026-05-01T09:00+07:00.")
    ] = None,
    language: Annotated[Language, typer.Option(help="In which sentences are said.")] = Language.EN,
    tenant: Annotated[str | None, typer.Option(help="The tenant's slug; not needed where there is one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say why somebody did not get a message of a campaign, whether or not anything was decided for them."""

    async def work(conn: Transaction, tenant_id: UUID) -> WhyNot:
        return await explain.why_not(
            conn,
            tenant_id=tenant_id,
            ext_id=profile,
            campaign=campaign,
            channel=channel,
            template=template,
            at=at,
            language=language,
        )

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps(found.to_document(), ensure_ascii=False))
    else:
        Console().print(tables.of_why_not(found, language))
