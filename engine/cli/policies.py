"""`leo policy`: draft, check, compare and switch on the rules under which campaigns decide."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine import policies
from engine.cli.compare import compare
from engine.cli.policy_files import read_policy
from engine.cli.reach import inside
from engine.db import Transaction
from engine.policies import Version
from rules.conditions import Language
from rules.policy import Policy
from rules.policy.say import say
from rules.policy.schema import JSON_SCHEMA

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
    """Save the next version of a policy from a file."""
    document = read_policy(file)

    async def work(conn: Transaction, tenant_id: UUID) -> Version:
        return await policies.save(conn, tenant_id=tenant_id, key=key, document=document, is_draft=draft, note=note)

    _tell(asyncio.run(inside(tenant, work)), language, as_json=as_json)


@app.command("list")
def list_(
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="At most so many.")] = 100,
    after: Annotated[str, typer.Option("--after", help="Those beyond this key.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List policies, each with the version in force."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[policies.Key]:
        return await policies.keys(conn, tenant_id=tenant_id, after=after, limit=limit)

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps([{"key": one.key, "version": one.version, "newest": one.newest} for one in found]))
        return
    shown = Table("key", "holds", "newest", box=None, pad_edge=False)
    for one in found:
        shown.add_row(escape(one.key), "-" if one.version is None else str(one.version), str(one.newest))
    nothing = (
        "There is none beyond that key." if after else "There is no policy: the default one holds (leo policy say)."
    )
    Console().print(shown if found else nothing)


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
    """Put a version in force from now on."""

    async def work(conn: Transaction, tenant_id: UUID) -> Version:
        return await policies.switch_on(conn, tenant_id=tenant_id, key=key, version=version, note=note)

    _tell(asyncio.run(inside(tenant, work)), language, as_json=as_json)


@app.command("say")
def say_(
    file: Annotated[Path | None, typer.Argument(help="A YAML or JSON file; without it the default policy.")] = None,
    language: LanguageOption = Language.EN,
) -> None:
    """Check a policy's file and put it into plain words; nothing is saved."""
    Console().print(_sentences(Policy.parse({} if file is None else read_policy(file)), language))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy's document."""
    typer.echo(json.dumps(JSON_SCHEMA, ensure_ascii=False, indent=2))


def _tell(version: Version, language: Language, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_document(version), ensure_ascii=False, indent=2))
        return
    console = Console()
    kind = ", a draft" if version.draft else ""
    origin = "" if version.from_version is None else f", from version {version.from_version}"
    made = f"{version.created_at:%Y-%m-%d %H:%M}Z"
    console.print(f"[bold]{escape(version.key)}[/] version {version.version}{kind}{origin}, {made}")
    if version.note:
        console.print(escape(version.note))
    console.print(_sentences(version.policy(), language))


def _document(version: Version) -> dict[str, Any]:
    policy = version.policy()
    pairs = zip(say(policy, Language.EN), say(policy, Language.VI), strict=True)
    return {
        "policy_id": version.policy_id,
        "key": version.key,
        "version": version.version,
        "draft": version.draft,
        "from_version": version.from_version,
        "note": version.note,
        "document": version.document,
        "created_at": version.created_at.isoformat(),
        "text": [{"layer": en.layer, "en": en.text, "vi": vi.text} for en, vi in pairs],
    }


def _sentences(policy: Policy, language: Language) -> Table:
    shown = Table("gate", "what it asks", box=None, pad_edge=False)
    for one in say(policy, language):
        shown.add_row(one.layer, escape(one.text))
    return shown
