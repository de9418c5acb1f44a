"""`leo deadletters`: messages that failed, were given up, or may have arrived: look, queue again, settle."""

import asyncio
import dataclasses
import getpass
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.cli.reach import inside
from engine.db import Transaction
from engine.dispatch.letters import (
    DEAD_LETTERS,
    MOST_AT_ONCE,
    Count,
    Letter,
    Resolution,
    Settled,
    count_letters,
    list_letters,
)
from engine.dispatch.letters import redrive as queue_again
from engine.dispatch.letters import resolve as settle
from rules.errors import InvalidInput
from rules.words import Channel, DeliveryStatus

app = typer.Typer(no_args_is_help=True)

IdsArgument = Annotated[list[int] | None, typer.Argument(help="Ids of deliveries.", min=1)]
StatusOption = Annotated[DeliveryStatus | None, typer.Option(help="Only dead, failed or uncertain ones.")]
CampaignOption = Annotated[int | None, typer.Option(help="Only of this campaign.", min=1)]
ChannelOption = Annotated[Channel | None, typer.Option(help="Only on this channel.")]
ClassOption = Annotated[str | None, typer.Option("--class", help="Only of this class, such as provider_down.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_(
    status: StatusOption = None,
    campaign: CampaignOption = None,
    channel: ChannelOption = None,
    klass: ClassOption = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_AT_ONCE, help="At most so many.")] = 50,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """List those that nobody has settled yet, the oldest first."""

    async def work(conn: Transaction, _: UUID) -> list[Letter]:
        return await list_letters(
            conn, statuses=_statuses(status), campaign_id=campaign, channel=channel, klass=klass, limit=limit
        )

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(_json(found))
        return
    table = Table("delivery", "ended (UTC)", "status", "class", "campaign", "profile", "through", "what was said")
    for one in found:
        ended = f"{one.ended_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        cells = (str(one.delivery_id), ended, one.status, one.klass, one.campaign, one.ext_id, one.through, one.detail)
        table.add_row(*(Text(cell or "") for cell in cells))
    Console().print(table)


@app.command()
def count(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Count them by status, channel and class."""

    async def work(conn: Transaction, _: UUID) -> list[Count]:
        return await count_letters(conn)

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(_json(found))
        return
    table = Table("status", "channel", "class", "messages")
    for one in found:
        table.add_row(*(Text(cell) for cell in (one.status, one.channel, one.klass or "", f"{one.messages:,}")))
    Console().print(table)


@app.command()
def redrive(
    delivery_ids: IdsArgument = None,
    status: StatusOption = None,
    campaign: CampaignOption = None,
    channel: ChannelOption = None,
    klass: ClassOption = None,
    may_double: Annotated[
        bool, typer.Option("--may-double", help="Uncertain ones too, which may arrive twice then.")
    ] = False,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Queue messages again: those named, or the oldest 500 that match; ones that may not be sent are reported."""
    filters = (status, campaign, channel, klass)
    if (delivery_ids is None) == all(one is None for one in filters):
        raise InvalidInput("It is not said which messages.", remedy="Name ids, or a filter such as --status dead.")

    async def work(conn: Transaction, _: UUID) -> list[Settled]:
        ids = delivery_ids
        if ids is None:
            found = await list_letters(
                conn,
                statuses=_statuses(status),
                campaign_id=campaign,
                channel=channel,
                klass=klass,
                limit=MOST_AT_ONCE,
            )
            ids = [one.delivery_id for one in found]
        if not ids:
            return []
        return await queue_again(conn, delivery_ids=ids, now=datetime.now(UTC), may_double=may_double)

    _tell(asyncio.run(inside(tenant, work)), "queued again", as_json=as_json)


@app.command()
def resolve(
    delivery_ids: Annotated[list[int], typer.Argument(help="Ids of deliveries.", min=1)],
    resolution: Annotated[Resolution, typer.Option("--as", help="arrived or lost if uncertain, closed if failed.")],
    note: Annotated[str | None, typer.Option(help="Why; it is kept with the message.")] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle messages: an uncertain one arrived or was lost, a failed one is closed."""

    async def work(conn: Transaction, _: UUID) -> list[Settled]:
        return await settle(
            conn,
            delivery_ids=delivery_ids,
            resolution=resolution,
            by=f"cli {getpass.getuser()}",
            note=note,
            now=datetime.now(UTC),
        )

    _tell(asyncio.run(inside(tenant, work)), f"settled as {resolution}", as_json=as_json)


def _statuses(status: DeliveryStatus | None) -> Sequence[DeliveryStatus]:
    if status is None:
        return DEAD_LETTERS
    if status not in DEAD_LETTERS:
        raise InvalidInput(f"A dead letter is never {status}.", remedy=f"Use {', '.join(DEAD_LETTERS)}.")
    return [status]


def _tell(settled: Sequence[Settled], done: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(_json(settled))
        return
    refused = [one for one in settled if one.refused is not None]
    typer.echo(f"{len(settled) - len(refused):,} of {len(settled):,} messages {done}.")
    for one in refused:
        typer.echo(f"  {one.delivery_id} was not: {one.refused}")


def _json(found: Sequence[Letter | Count | Settled]) -> str:
    return json.dumps([dataclasses.asdict(one) for one in found], ensure_ascii=False, default=str)
