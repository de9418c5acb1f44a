"""`leo audit`: seal what was recorded, recompute the chain, prove one record, sign a checkpoint."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from engine import audit, embedded
from engine.audit.checkpoint import keep_checkpoint, load_checkpoint
from engine.cli.reach import database, inside, one_tenant
from engine.db import Transaction
from engine.settings import Settings
from rules.errors import InvalidInput

app = typer.Typer(no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
# Mark, barrier, settled: after this many looks the horizon has passed everything that was there before the first.
LOOKS = 3
PAUSE_S = 1.1


@app.command()
def seal(tenant: TenantOption = None) -> None:
    """Append what was recorded until now, without waiting for the workers; takes about three seconds."""
    typer.echo(f"{asyncio.run(_seal(tenant)):,} records sealed.")


@app.command()
def verify(
    checkpoint: Annotated[Path | None, typer.Option(help="A file of checkpoints kept elsewhere.")] = None,
    public_key: Annotated[str | None, typer.Option(help="Who signed it; without it, this installation.")] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute the ledger from the tables; exit code 1, naming the first record that was changed."""
    key = public_key or _signer().public_key
    against = None if checkpoint is None else load_checkpoint(_read(checkpoint), public_key=key)

    async def work(conn: Transaction, tenant_id: UUID) -> audit.Verified:
        return await audit.verify(conn, tenant_id=tenant_id, against=against)

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(json.dumps(_document(found)))
    elif found.finding is None:
        typer.echo(f"whole: {found.records:,} records in {found.batches:,} batches, head {found.head.hex()}")
    else:
        typer.echo(f"NOT WHOLE after {found.batches:,} batches: {found.finding.what}")
    raise typer.Exit(0 if found.finding is None else 1)


@app.command()
def proof(
    record_id: Annotated[int, typer.Argument(min=1, help="The id of a decision, delivery or outcome.")],
    tenant: TenantOption = None,
) -> None:
    """Print the proof of one record as JSON; docs/verify_proof.py checks it without the rest of this system."""

    async def work(conn: Transaction, tenant_id: UUID) -> dict[str, Any]:
        return await audit.prove(conn, tenant_id=tenant_id, record_id=record_id)

    typer.echo(json.dumps(asyncio.run(inside(tenant, work)), ensure_ascii=False))


@app.command()
def checkpoint(
    out: Annotated[Path | None, typer.Option(help="Append it to this file.")] = None, tenant: TenantOption = None
) -> None:
    """Sign the newest head, to be kept where this database's administrator cannot change it."""

    async def work(conn: Transaction, tenant_id: UUID) -> audit.Checkpoint:
        return await audit.checkpoint(conn, tenant_id=tenant_id)

    line = json.dumps(_signer().sign(asyncio.run(inside(tenant, work))))
    if out is None:
        typer.echo(line)
        return
    keep_checkpoint(out, line)


async def _seal(slug: str | None) -> int:
    records = 0
    async with database() as db:
        tenant = await one_tenant(db, slug)
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(PAUSE_S)
            is_behind = True
            while is_behind:
                async with db.transaction(tenant.tenant_id) as conn:
                    sealed = await audit.seal(conn, tenant_id=tenant.tenant_id)
                records, is_behind = records + sealed.records, sealed.is_behind
    return records


def _signer() -> audit.Signer:
    return audit.Signer(embedded.load_secrets(Settings.load()).credential_key)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read.", remedy="Give a file of: leo audit checkpoint") from error


def _document(found: audit.Verified) -> dict[str, Any]:
    finding = found.finding
    return {
        "is_whole": finding is None,
        "batches": found.batches,
        "records": found.records,
        "head": found.head.hex(),
        "finding": None if finding is None else finding.what,
        "batch_no": None if finding is None else finding.batch_no,
        "record_id": None if finding is None else finding.record_id,
        "kind": None if finding is None else finding.kind,
    }
