"""`leo cypher`: a query of the graph, run as in the explorer: from the command line, a file, or the library."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine import explorer
from engine.cli import reach
from engine.explorer import Answer, Asker
from rules.errors import InvalidInput

ASKER = "command line"
# Where a column would have less than so many letters, a row is told one value below the other.
NARROWEST = 12


def cypher(
    query: Annotated[str | None, typer.Argument(help="The query; see docs/explorer.md.", show_default=False)] = None,
    file: Annotated[Path | None, typer.Option(help="Read the query from this file.")] = None,
    library: Annotated[str | None, typer.Option(help="Run a query of the library by its name.")] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="NAME=TEXT, or NAME:=JSON; once for each $name.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=explorer.LIMITS.rows, help="At most so many rows.")] = None,
    tenant: Annotated[str | None, typer.Option(help="The tenant's slug; not needed where there is one.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show how the server would run it, and run nothing.")] = False,
    names: Annotated[bool, typer.Option("--list", help="List the library: what each query answers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ask a tenant's graph in Cypher: read-only, bounded and recorded, as over the API."""
    if names:
        _tell_library(as_json=as_json)
        return
    if sum(one is not None for one in (query, file, library)) != 1:
        raise InvalidInput("One query is wanted.", remedy="Write it, or name --file or --library; --list shows those.")
    text, given = _asked(query, file, library, param or ())
    if plan:
        typer.echo("\n".join(asyncio.run(_plan(text, given, tenant)).lines))
        return
    answer = asyncio.run(_ask(text, given, tenant, limit))
    if as_json:
        typer.echo(json.dumps(_document(answer), ensure_ascii=False))
    else:
        _tell(answer)


def _asked(
    query: str | None, file: Path | None, library: str | None, params: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    if library is None:
        return query or _without_header(file), dict(_parameter(one) for one in params)
    audit = explorer.audit(library)
    kinds = {parameter.name: parameter.kind for parameter in audit.parameters}
    given = dict(_parameter(one) for one in params)
    return audit.text, {
        name: _number(name, value) if kinds.get(name) == "number" else value for name, value in given.items()
    }


def _without_header(file: Path | None) -> str:
    """Read a file of Cypher without the lines that begin with //, which are for human readers."""
    try:
        text = "" if file is None else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{file} cannot be read: {type(error).__name__}.", remedy="Name a file of Cypher."
        ) from error
    return "\n".join(line for line in text.splitlines() if not line.startswith("//")).strip()


def _parameter(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip(":"):
        raise InvalidInput(
            f"{text!r} is no parameter.", remedy="Write NAME=TEXT, or NAME:=JSON for a number or a list."
        )
    if not name.endswith(":"):
        return name, value
    try:
        return name[:-1], json.loads(value)
    except ValueError as error:
        raise InvalidInput(f"{value!r} is no JSON.", remedy="Write a text as NAME=TEXT.") from error


def _number(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value.isdecimal():
        raise InvalidInput(f"{name} is a number, not {value!r}.", remedy=f"Write --param {name}=123.")
    return int(value)


async def _ask(text: str, given: dict[str, Any], slug: str | None, limit: int | None) -> Answer:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        return await explorer.ask(db, reach.vault(), Asker(tenant.tenant_id, ASKER), text, given, most=limit)


async def _plan(text: str, given: dict[str, Any], slug: str | None) -> explorer.Plan:
    async with reach.database() as db:
        tenant = await reach.one_tenant(db, slug)
        return await explorer.plan(db, reach.vault(), Asker(tenant.tenant_id, ASKER), text, given)


def _tell(answer: Answer) -> None:
    console = Console()
    shown = Table(*map(escape, answer.columns))
    for row in answer.rows:
        shown.add_row(*(escape(_cell(value)) for value in row))
    if answer.rows and len(answer.columns) * NARROWEST > console.width:
        shown = _one_below_the_other(answer)
    console.print(shown)
    more = ", and more that are cut off" if answer.rows_cut else ""
    typer.echo(f"{len(answer.rows)} rows{more}, {answer.took_ms:.0f} ms.")


def _one_below_the_other(answer: Answer) -> Table:
    """Give each row as lines of name and value: side by side, so many columns would be a few letters each."""
    shown = Table(show_header=False, box=None, pad_edge=False)
    for number, row in enumerate(answer.rows, start=1):
        shown.add_row(f"[dim]row[/] {number}", "")
        for column, value in zip(answer.columns, row, strict=True):
            shown.add_row(f"  {escape(column)}", escape(_cell(value)))
    return shown


def _cell(value: Any) -> str:
    """Say a value in a word or two: for a node, its label and its name."""
    if isinstance(value, list):
        return " ".join(_cell(one) for one in value)
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    properties = value["properties"]
    if "start_id" in value:
        return f"-{value['label']}-"
    called = next((properties[name] for name in ("ext_id", "key", "name", "type") if name in properties), None)
    number = next((str(one) for name, one in properties.items() if name.endswith("_id")), value["id"])
    return f"({value['label']} {called or number})"


def _document(answer: Answer) -> dict[str, Any]:
    return {
        "query_id": answer.query_id,
        "columns": answer.columns,
        "rows": answer.rows,
        "truncated": {"rows": answer.rows_cut, "nodes": answer.graph.is_cut},
        "ms": round(answer.took_ms, 1),
    }


def _tell_library(*, as_json: bool) -> None:
    audits = explorer.library()
    if as_json:
        listed = [
            {"name": one.name, "purpose": one.purpose, "parameters": [each.name for each in one.parameters]}
            for one in audits
        ]
        typer.echo(json.dumps({"items": listed}, ensure_ascii=False))
        return
    shown = Table("query", "parameters", "answers")
    for one in audits:
        shown.add_row(one.name, ", ".join(each.name for each in one.parameters), one.purpose)
    Console().print(shown)
