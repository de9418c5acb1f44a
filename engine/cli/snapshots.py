"""`leo snapshot`: freeze who is in a segment, count it again later, compare two."""

import asyncio
import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine import segments, snapshots
from engine.cli.reach import inside
from engine.db import Transaction
from engine.snapshots import Compared, Snapshot, Verified
from rules.conditions import Language
from rules.errors import InvalidInput

# How many headers are held in memory at once, if all snapshots are meant.
PAGE = 500

app = typer.Typer(no_args_is_help=True)

IdArgument = Annotated[int, typer.Argument(min=1, help="The snapshot's id.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
LanguageOption = Annotated[Language, typer.Option("--language", help="In which a rule is said.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def create(
    segment: Annotated[str, typer.Argument(help="The segment's key.")],
    key: Annotated[str | None, typer.Option(help="Your own name for it: given again, it is the same snapshot.")] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refresh a segment and freeze who is in it; nobody can change the list afterwards."""

    async def work(conn: Transaction, tenant_id: UUID) -> Snapshot:
        found = await segments.segment_by_key(conn, tenant_id=tenant_id, key=segment)
        return await snapshots.create_snapshot(conn, tenant_id=tenant_id, segment_id=found.segment_id, key=key)

    made = asyncio.run(inside(tenant, work))
    said = f"Snapshot {made.snapshot_id}: {made.member_count:,} members, SHA-256 {made.members_hash.hex()}"
    _tell(_document(made), said, as_json=as_json)


@app.command()
def verify(
    snapshot_id: Annotated[int | None, typer.Argument(min=1, help="The snapshot's id.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every snapshot of the tenant.")] = False,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count the members of snapshots again and hash them; exit code 1 if one does not match its header."""
    if (snapshot_id is None) != every:
        raise InvalidInput("It is not clear which snapshot is meant.", remedy="Give an id, or --all.")

    async def work(conn: Transaction, tenant_id: UUID) -> list[Verified]:
        ids = await _all(conn, tenant_id) if snapshot_id is None else [snapshot_id]
        return [await snapshots.verify_snapshot(conn, tenant_id=tenant_id, snapshot_id=one) for one in ids]

    done = asyncio.run(inside(tenant, work))
    documents = [
        {
            "snapshot_id": one.snapshot.snapshot_id,
            "is_whole": one.is_whole,
            "member_count": one.member_count,
            "members_hash": one.members_hash.hex(),
        }
        for one in done
    ]
    _tell(documents, "\n".join(map(_said, done)), as_json=as_json)
    if not all(one.is_whole for one in done):
        raise typer.Exit(1)


@app.command()
def compare(
    first: IdArgument,
    second: IdArgument,
    sample: Annotated[
        int, typer.Option(min=0, max=snapshots.MOST_SAMPLED, help="How many who joined and who left to name.")
    ] = 10,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell who joined, left and stayed from one snapshot to another."""

    async def work(conn: Transaction, tenant_id: UUID) -> Compared:
        return await snapshots.compare_snapshots(conn, tenant_id=tenant_id, first=first, second=second, sample=sample)

    found = asyncio.run(inside(tenant, work))
    document = {
        "first": _document(found.first),
        "second": _document(found.second),
        "joined": found.joined,
        "left": found.left,
        "stayed": found.stayed,
        "joined_sample": list(found.joined_sample),
        "left_sample": list(found.left_sample),
    }
    lines = [
        *map(_named, (found.first, found.second)),
        _counted("joined", found.joined, found.joined_sample),
        _counted("left", found.left, found.left_sample),
        f"{found.stayed:,} stayed",
    ]
    _tell(document, "\n".join(lines), as_json=as_json)


@app.command("list")
def list_(
    segment: Annotated[str | None, typer.Argument(help="A segment's key; all segments without it.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Those beyond this id.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="At most so many.")] = 100,
    tenant: TenantOption = None,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """List snapshots in the order of their ids."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[Snapshot]:
        segment_id = None
        if segment is not None:
            segment_id = (await segments.segment_by_key(conn, tenant_id=tenant_id, key=segment)).segment_id
        return await snapshots.list_snapshots(
            conn, tenant_id=tenant_id, segment_id=segment_id, after=after, limit=limit
        )

    found = asyncio.run(inside(tenant, work))
    shown = Table("snapshot", "segment", "at (UTC)", "key", "rule")
    shown.add_column("members", justify="right")
    for one in found:
        rule = one.rule_text.get(language, "")
        whose = escape(f"{one.segment_key} v{one.segment_version}")
        members = f"{one.member_count:,}"
        shown.add_row(str(one.snapshot_id), whose, _at(one), escape(one.key or ""), escape(rule), members)
    _tell([_document(one) for one in found], shown, as_json=as_json)


async def _all(conn: Transaction, tenant_id: UUID) -> list[int]:
    ids: list[int] = []
    while True:
        after = ids[-1] if ids else 0
        page = await snapshots.list_snapshots(conn, tenant_id=tenant_id, after=after, limit=PAGE)
        ids.extend(one.snapshot_id for one in page)
        if len(page) < PAGE:
            return ids


def _said(one: Verified) -> str:
    header = one.snapshot
    if one.is_whole:
        return f"Snapshot {header.snapshot_id} is whole: {one.member_count:,} members, the hash is that of its header."
    return (
        f"Snapshot {header.snapshot_id} DIFFERS: {one.member_count:,} members, {header.member_count:,} in its header; "
        f"SHA-256 {one.members_hash.hex()}, {header.members_hash.hex()} in its header."
    )


def _named(one: Snapshot) -> str:
    which = f" ({one.key})" if one.key else ""
    return (
        f"Snapshot {one.snapshot_id}{which}: {one.segment_key} v{one.segment_version} "
        f"at {_at(one)} UTC, {one.member_count:,} members"
    )


def _at(one: Snapshot) -> str:
    return f"{one.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _counted(what: str, count: int, sample: Sequence[str]) -> str:
    named = f": {', '.join(sample)}" if sample else ""
    more = ", ..." if count > len(sample) > 0 else ""
    return f"{count:,} {what}{named}{more}"


def _document(one: Snapshot) -> dict[str, Any]:
    document = {**dataclasses.asdict(one), "members_hash": one.members_hash.hex()}
    del document["started"]
    return document


def _tell(document: object, shown: Table | str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False, default=str, indent=2))
    elif isinstance(shown, str):
        typer.echo(shown)
    else:
        Console().print(shown)
