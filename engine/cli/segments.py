"""`leo segments`: save, try, refresh and archive segments, and ask who is in them and why."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from engine import segments
from engine.cli import segment_tables as tables
from engine.cli.reach import inside
from engine.cli.segment_files import SegmentFile, read_segment, rule_in, text_of
from engine.db import Transaction
from engine.ingest.fieldmap import names
from engine.segments import Diff, Explanation, Moved, Preview, Segment, Version, texts
from rules.conditions import Language, parse
from rules.conditions.querybuilder import convert
from rules.errors import InvalidInput

app = typer.Typer(no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(help="The segment's key.")]
FileArgument = Annotated[Path, typer.Argument(help="A JSON file; - is standard input.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
LanguageOption = Annotated[Language, typer.Option("--language", help="In which a rule is said.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=500, help="At most so many.")]
AfterOption = Annotated[int, typer.Option("--after", min=0, help="Those beyond this id.")]


@app.command("list")
def list_(
    tenant: TenantOption = None,
    limit: LimitOption = 100,
    after: AfterOption = 0,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """List segments with their sizes as of the last refresh."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[Segment]:
        return await segments.list_segments(conn, tenant_id=tenant_id, after=after, limit=limit)

    found = asyncio.run(inside(tenant, work))
    _tell([_document(one) for one in found], tables.of_segments(found, language), as_json=as_json)


@app.command()
def show(
    key: KeyArgument, tenant: TenantOption = None, language: LanguageOption = Language.EN, as_json: JsonOption = False
) -> None:
    """Show a segment: its rule in words, its size and when it is refreshed."""

    async def work(conn: Transaction, tenant_id: UUID) -> Segment:
        return await segments.segment_by_key(conn, tenant_id=tenant_id, key=key)

    found = asyncio.run(inside(tenant, work))
    _tell(_document(found), tables.of_segment(found, language), as_json=as_json)


@app.command()
def save(
    file: FileArgument, tenant: TenantOption = None, language: LanguageOption = Language.EN, as_json: JsonOption = False
) -> None:
    """Save the segment in a file, {"key", "name", "rule" or "querybuilder", "schedule"?, "zone"?}, and refresh it."""
    _save(read_segment(file), tenant, language, as_json=as_json)


@app.command()
def preview(
    file: FileArgument,
    sample: Annotated[int, typer.Option(min=0, max=100, help="Name so many of them.")] = 10,
    tenant: TenantOption = None,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """Count who satisfies the rule in a file now, with some examples, without saving it."""
    rule = rule_in(file)

    async def work(conn: Transaction, tenant_id: UUID) -> Preview:
        del tenant_id  # the transaction is inside the tenant's border
        return await segments.preview(conn, rule=rule, sample=sample)

    found = asyncio.run(inside(tenant, work))
    _tell(dataclasses.asdict(found), tables.of_preview(found, language), as_json=as_json)


@app.command()
def refresh(key: KeyArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Find who satisfies the rule now; joining or leaving starts the campaigns that wait for it."""

    async def work(conn: Transaction, tenant_id: UUID) -> Diff:
        segment = await segments.segment_by_key(conn, tenant_id=tenant_id, key=key)
        return await segments.refresh_segment(conn, tenant_id=tenant_id, segment_id=segment.segment_id)

    diff = asyncio.run(inside(tenant, work))
    said = f"{diff.joined:,} joined, {diff.left:,} left; {diff.size:,} are in it now."
    _tell({"joined": diff.joined, "left": diff.left, "size": diff.size}, said, as_json=as_json)


@app.command()
def explain(
    key: KeyArgument,
    ext_id: Annotated[str, typer.Argument(help="The person's ext_id.")],
    tenant: TenantOption = None,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """Say of one person which conditions of the rule hold now, which do not, and what was found."""

    async def work(conn: Transaction, tenant_id: UUID) -> Explanation:
        segment = await segments.segment_by_key(conn, tenant_id=tenant_id, key=key)
        return await segments.explain(
            conn, tenant_id=tenant_id, segment_id=segment.segment_id, ext_id=ext_id, language=language
        )

    found = asyncio.run(inside(tenant, work))
    document = {**dataclasses.asdict(found), "explained": found.explained.to_document()}
    _tell(document, tables.of_explanation(found), as_json=as_json)


@app.command()
def versions(
    key: KeyArgument, tenant: TenantOption = None, language: LanguageOption = Language.EN, as_json: JsonOption = False
) -> None:
    """List every rule that a segment has had, the newest first."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[Version]:
        segment = await segments.segment_by_key(conn, tenant_id=tenant_id, key=key)
        return await segments.versions(conn, tenant_id=tenant_id, segment_id=segment.segment_id)

    found = asyncio.run(inside(tenant, work))
    _tell([_document(one) for one in found], tables.of_versions(found, language), as_json=as_json)


@app.command()
def changes(
    key: KeyArgument,
    tenant: TenantOption = None,
    before: Annotated[int | None, typer.Option(min=1, help="Only refreshes before this one.")] = None,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """List who joined and who left, the newest refresh first."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[Moved]:
        segment = await segments.segment_by_key(conn, tenant_id=tenant_id, key=key)
        return await segments.changes(
            conn, tenant_id=tenant_id, segment_id=segment.segment_id, before=before, limit=limit
        )

    found = asyncio.run(inside(tenant, work))
    _tell([dataclasses.asdict(one) for one in found], tables.of_changes(found), as_json=as_json)


@app.command()
def archive(key: KeyArgument, tenant: TenantOption = None) -> None:
    """Archive a segment: nobody is in it any more; its versions, changes and snapshots stay."""

    async def work(conn: Transaction, tenant_id: UUID) -> None:
        segment = await segments.segment_by_key(conn, tenant_id=tenant_id, key=key)
        await segments.archive_segment(conn, tenant_id=tenant_id, segment_id=segment.segment_id)

    asyncio.run(inside(tenant, work))
    typer.echo(f"The segment {key} is archived.")


@app.command("import-querybuilder")
def import_querybuilder(
    file: FileArgument,
    key: Annotated[str | None, typer.Option(help="Save it under this key; without it the rule is printed.")] = None,
    name: Annotated[str | None, typer.Option(help="The segment's name; its key where it is left out.")] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Leave out what cannot be said, and tell it: it finds other people.")
    ] = False,
    tenant: TenantOption = None,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """Convert LEO CDP's segment rules (jQuery QueryBuilder, its jsonQueryRules) to a rule of ours."""
    if name is not None and key is None:
        raise InvalidInput("A name alone saves nothing.", remedy="Give --key too.")
    document = text_of(file)
    if lenient:
        rule, refused = convert(document, attributes=names(), lenient=True)
    else:
        rule, refused = convert(document, attributes=names()), []
    for sentence in refused:
        typer.echo(f"Left out: {sentence}", err=True)
    if key is not None:
        _save(SegmentFile(key, name or key, rule), tenant, language, as_json=as_json)
        return
    _tell(rule, f"{_written(rule)}\n{parse(rule).text(language)}", as_json=as_json)


def _save(given: SegmentFile, tenant: str | None, language: Language, *, as_json: bool) -> None:
    async def work(conn: Transaction, tenant_id: UUID) -> Segment:
        saved = await segments.save_segment(conn, tenant_id=tenant_id, **given.values())
        await segments.refresh_segment(conn, tenant_id=tenant_id, segment_id=saved.segment_id)
        return await segments.get_segment(conn, tenant_id=tenant_id, segment_id=saved.segment_id)

    saved = asyncio.run(inside(tenant, work))
    _tell(_document(saved), tables.of_segment(saved, language), as_json=as_json)


def _document(one: Segment | Version) -> dict[str, Any]:
    return {**dataclasses.asdict(one), "text": texts(parse(one.rule))}


def _written(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, default=str, indent=2)


def _tell(document: object, shown: tables.Shown, *, as_json: bool) -> None:
    if as_json:
        typer.echo(_written(document))
    elif isinstance(shown, str):
        typer.echo(shown)
    else:
        Console().print(shown)
