"""`leo import`: people from a CSV or JSON Lines file, with a dry run and a report of what was refused."""

import asyncio
import csv
import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.cli import reach
from engine.imports import Imported, Refusal, Telling, import_file
from engine.imports.columns import mapping
from rules.errors import InvalidInput, cause

SHOWN = 10


def import_(
    file: Annotated[Path, typer.Argument(help=".csv, .tsv, .txt, .jsonl or .ndjson, also with .gz.")],
    tenant: Annotated[str | None, typer.Option(help="Its slug; the only one if absent.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would happen and write nothing.")] = False,
    columns: Annotated[
        Path | None, typer.Option(help='What headings stand for: TOML, lines of "heading" = "column".')
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write every refused line with its reason there, as CSV.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 where a line was refused.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Import people: new ones are added, known ones changed if they differ.

    A refused line does not affect the others.
    """
    mapped = None if columns is None else mapping(_text(columns))
    progress = Console(stderr=True)
    with _reporting(report, but=file) as refused, progress.status("reading") as status:
        telling = Telling(refused=refused, written=lambda done: status.update(f"{done.read:,} lines"))
        done = asyncio.run(_import(file, tenant, mapped, telling, dry_run=dry_run))
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, **dataclasses.asdict(done)}, ensure_ascii=False))
    else:
        _show(done, Console(), dry_run=dry_run)
    if strict and done.refused:
        raise typer.Exit(1)


async def _import(
    file: Path, tenant: str | None, mapped: dict[str, str] | None, telling: Telling, *, dry_run: bool
) -> Imported:
    async with reach.database() as db:
        tenant_id = (await reach.one_tenant(db, tenant)).tenant_id
        return await import_file(db, file, tenant_id=tenant_id, mapped=mapped, dry_run=dry_run, telling=telling)


@contextmanager
def _reporting(path: Path | None, *, but: Path) -> Iterator[Callable[[Refusal], None]]:
    if path is None:
        yield lambda _: None
        return
    if path.resolve() == but.resolve():
        raise InvalidInput(f"{path} is the file that is read.", remedy="Name another file with --report.")
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow([column.name for column in dataclasses.fields(Refusal)])
            yield lambda refusal: rows.writerow(dataclasses.astuple(refusal)) and None
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {cause(error)}.", remedy="Name another file with --report."
        ) from error


def _show(done: Imported, console: Console, *, dry_run: bool) -> None:
    shown = Table("people", title="dry run: nothing is written" if dry_run else None)
    shown.add_column("lines", justify="right")
    for name in ("inserted", "updated", "unchanged", "repeated", "refused"):
        shown.add_row(name, f"{getattr(done, name):,}")
    shown.add_section()
    shown.add_row("read", f"{done.read:,}")
    console.print(shown)
    for reason, count in sorted(done.invalid_addresses.items(), key=lambda one: -one[1]):
        console.print(f"{count:,} addresses are kept as invalid: {reason}", markup=False)
    for refusal in done.refusals[:SHOWN]:
        console.print(f"line {refusal.line}: {refusal.reason}", markup=False)
    if done.refused > SHOWN:
        console.print(f"and {done.refused - SHOWN:,} more; --report writes all of them")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {cause(error)}.", remedy="Give a TOML file in UTF-8.") from error
