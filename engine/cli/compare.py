"""`leo policy compare`: past decisions under another version of their policy, before it is switched on."""

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
from engine.explain import Compared
from engine.explain.compare import MOST, USUAL


def compare(
    key: Annotated[str, typer.Argument(help="The policy's key.")],
    version: Annotated[int, typer.Argument(min=1, help="The version to try, a draft or not.")],
    since: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="From then on; else a week back.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many decisions, the newest.")] = USUAL,
    tenant: Annotated[str | None, typer.Option(help="The tenant's slug; not needed where there is one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Decide past decisions again under another version of their policy: who gains a message, and who loses one."""

    async def work(conn: Transaction, tenant_id: UUID) -> Compared:
        return await explain.compare_policies(
            conn, tenant_id=tenant_id, key=key, version=version, since=since, limit=limit
        )

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps(found.to_document(), ensure_ascii=False))
    else:
        Console().print(tables.of_comparison(found))
