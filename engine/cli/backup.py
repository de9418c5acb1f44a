"""`leo backup` and `leo restore`: everything in the database, into a directory and back."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from engine import backup as backups
from engine import embedded
from engine.audit import Signer
from engine.backup import Restored
from engine.cli.db import sentence_of
from engine.settings import Settings

DirectoryArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The backup's directory.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def backup(directory: DirectoryArgument, as_json: JsonOption = False) -> None:
    """Back up everything as of one instant, while work goes on; DIR is new or empty. The keys are not in it."""
    settings = Settings.load()
    servers = embedded.ensure(settings, redis=False)
    made = backups.back_up(
        servers.admin_database_url, directory.absolute(), signer=Signer(servers.secrets.credential_key)
    )
    size = sum(described["bytes"] for described in made.files.values())
    if as_json:
        typer.echo(json.dumps({"taken_at": made.taken_at, "bytes": size, "rows": sum(made.rows.values())}))
        return
    typer.echo(f"{directory}: {sum(made.rows.values()):,} rows of {len(made.tenants)} tenants, {size:,} bytes.")
    typer.echo(f"As of {made.taken_at}. The keys are not in it: keep {_keys_are_in(settings)} somewhere else.")


def restore(
    directory: DirectoryArgument,
    check: Annotated[bool, typer.Option("--check", help="Read the backup and its hashes; bring nothing back.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into an empty database. Everything is held: nothing is sent before campaigns are resumed."""
    directory = directory.absolute()
    if check:
        manifest = backups.read_manifest(directory)
        backups.check_files(directory, manifest)
        typer.echo(f"{directory} is whole: taken at {manifest.taken_at}, schema version {manifest.schema_version}.")
        return
    settings = Settings.load()
    servers = embedded.ensure(settings, redis=False)
    restored = asyncio.run(
        backups.restore(
            directory,
            settings,
            admin_url=servers.admin_database_url,
            database_url=servers.database_url,
            credential_key=servers.secrets.credential_key,
        )
    )
    typer.echo(json.dumps(_document(restored)) if as_json else _text(restored))


def _keys_are_in(settings: Settings) -> str:
    return "LEO_CREDENTIAL_KEY" if settings.credential_key is not None else str(settings.home / "secrets.json")


def _text(restored: Restored) -> str:
    lines = [f"Everything is as of {restored.manifest.taken_at}; graphs and ledgers agree with what was kept."]
    lines += [sentence_of(one.held) for one in restored.tenants]
    if restored.missing_keys:
        names = ", ".join(restored.missing_keys)
        lines.append(f"Credentials were sealed with keys that are not here ({names}): put them back, or connect again.")
    lines.append("What happened after that instant is not known. Nothing is sent until you resume campaigns:")
    lines.append("docs/operations/backup.md says what to look at first.")
    return "\n".join(lines)


def _document(restored: Restored) -> dict[str, object]:
    return {
        "taken_at": restored.manifest.taken_at,
        "schema_version": restored.schema.after,
        "missing_keys": list(restored.missing_keys),
        "tenants": {
            one.held.slug: {
                "graph_elements": one.elements,
                "sealed_records": one.records,
                "messages": one.held.messages,
                "people": one.held.people,
                "runs": one.held.runs,
                "tasks": one.held.tasks,
                "campaigns": list(one.held.campaigns),
            }
            for one in restored.tenants
        },
    }
