"""`leo policy`: draft, check, compare and switch on the rules under which campaigns decide."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
import yaml
from rich.console import Console
from rich.table import Table

from engine import policies
from engine.cli.compare import compare
from engine.cli.reach import inside
from engine.db import Transaction
from engine.policies import Version
from rules.conditions import Language
from rules.errors import InvalidInput
from rules.policy import Policy
from rules.policy.say import say
from rules.policy.schema import JSON_SCHEMA

LARGEST_FILE = 1_048_576
STANDARD_INPUT = Path("-")

app = typer.Typer(no_args_is_help=True)
app.command("compare")(compare)

KeyArgument = Annotated[str, typer.Argument(help="The policy's key.")]
FileArgument = Annotated[Path, typer.Argument(help="A YAML or JSON file; - is standard input.")]
KeyOption = Annotated[str, typer.Option("--key", help="The policy's key.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
LanguageOption = Annotated[Language, typer.Option("--language", help="In which a policy is said.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
NoteOption = Annotated[str | None, typer.Option("--note", help="Why, for who reads the versions later.")]


@app.command()
def save(
    file: FileArgument,
    key: KeyOption = "default",
    draft: Annotated[bool, typer.Option("--draft", help="To try out and compare; it holds for nobody.")] = False,
    note: NoteOption = None,
    tenant: TenantOption = None,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """Keep the next version of a policy from a file."""
    document = read(file)

    async def work(conn: Transaction, tenant_id: UUID) -> Version:
        return await policies.save(conn, tenant_id=tenant_id, key=key, document=document, is_draft=draft, note=note)

    _tell(asyncio.run(inside(tenant, work)), language, as_json=as_json)


@app.command("list")
def list_(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """List policies, each with the version that holds."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[policies.Key]:
        return await policies.keys(conn, tenant_id=tenant_id, limit=500)

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps([{"key": one.key, "version": one.version, "newest": one.newest} for one in found]))
        return
    shown = Table("key", "holds", "newest", box=None, pad_edge=False)
    for one in found:
        shown.add_row(one.key, "-" if one.version is None else str(one.version), str(one.newest))
    Console().print(shown if found else "There is no policy: the default one holds (leo policy say).")


@app.command()
def show(
    key: KeyArgument = "default",
    version: Annotated[int | None, typer.Option(min=1, help="Another than the one that holds.")] = None,
    tenant: TenantOption = None,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """Show a policy in plain words."""

    async def work(conn: Transaction, tenant_id: UUID) -> Version:
        return await policies.get(conn, tenant_id=tenant_id, key=key, version=version)

    _tell(asyncio.run(inside(tenant, work)), language, as_json=as_json)


@app.command("switch-on")
def switch_on(
    key: KeyArgument,
    version: Annotated[int, typer.Argument(min=1, help="A draft, or an older version to go back to.")],
    note: NoteOption = None,
    tenant: TenantOption = None,
    language: LanguageOption = Language.EN,
    as_json: JsonOption = False,
) -> None:
    """Let a version hold from now on."""

    async def work(conn: Transaction, tenant_id: UUID) -> Version:
        return await policies.switch_on(conn, tenant_id=tenant_id, key=key, version=version, note=note)

    _tell(asyncio.run(inside(tenant, work)), language, as_json=as_json)


@app.command("say")
def say_(
    file: Annotated[Path | None, typer.Argument(help="A YAML or JSON file; without it the default policy.")] = None,
    language: LanguageOption = Language.EN,
) -> None:
    """Check a policy's file and say it in plain words; nothing is kept."""
    Console().print(_sentences(Policy.parse({} if file is None else read(file)), language))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy's document."""
    typer.echo(json.dumps(JSON_SCHEMA, ensure_ascii=False, indent=2))


def read(path: Path) -> Mapping[str, Any]:
    """Read a policy's document from YAML or JSON, which is YAML too; raises InvalidInput."""
    try:
        text = sys.stdin.read(LARGEST_FILE + 1) if path == STANDARD_INPUT else _text(path)
        document = yaml.safe_load(text) if len(text) <= LARGEST_FILE else None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The file {path} cannot be read.", remedy="Check its name and its rights.") from error
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place is not None else ""
        raise InvalidInput(
            f"{path}{where} is no YAML.", remedy="Correct it: leo policy schema has the fields."
        ) from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} holds no policy of at most 1 MB.", remedy="It is an object: docs/policy.md.")
    return document


def _text(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(LARGEST_FILE + 1)


def _tell(version: Version, language: Language, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_document(version), ensure_ascii=False))
        return
    console = Console()
    kind = ", a draft" if version.draft else ""
    console.print(f"[bold]{version.key}[/] version {version.version}{kind}, {version.created_at:%Y-%m-%d %H:%M}Z")
    if version.note:
        console.print(version.note)
    console.print(_sentences(version.policy(), language))


def _document(version: Version) -> dict[str, Any]:
    return {
        "policy_id": version.policy_id,
        "key": version.key,
        "version": version.version,
        "draft": version.draft,
        "from_version": version.from_version,
        "note": version.note,
        "document": version.document,
        "created_at": version.created_at.isoformat(),
        "text": {language: [one.text for one in say(version.policy(), language)] for language in Language},
    }


def _sentences(policy: Policy, language: Language) -> Table:
    shown = Table("gate", "what it asks", box=None, pad_edge=False)
    for one in say(policy, language):
        shown.add_row(str(one.layer), one.text)
    return shown
