"""Restoring a backup into an empty database: rows, graphs, everything held, then compared with the backup."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from engine import audit, bootstrap
from engine.audit import Checkpoint, Signer
from engine.audit.checkpoint import read_checkpoint
from engine.backup import programs
from engine.backup.hold import Held, hold
from engine.backup.make import count_rows
from engine.backup.manifest import DUMP, Kept, Manifest, check_files, read_manifest
from engine.bootstrap import Applied
from engine.db import Database, admin
from engine.keys import name_of, split_keys
from engine.queries import queries
from engine.settings import Settings
from graph import mirror
from rules.errors import Conflict, InvalidInput

_SQL = queries("backup")


@dataclass(frozen=True, slots=True)
class RestoredTenant:
    """A restored tenant: what is held, how large its graph is, and how far its ledger was recomputed."""

    held: Held
    elements: int
    records: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored; `missing_keys` sealed credentials but are not here, so those credentials cannot be opened."""

    manifest: Manifest
    schema: Applied
    tenants: tuple[RestoredTenant, ...]
    missing_keys: tuple[str, ...]


async def restore(
    directory: Path, settings: Settings, *, admin_url: str, database_url: str, credential_key: str
) -> Restored:
    """Restore the backup in `directory`; the database of both URLs exists and is empty.

    Raises InvalidInput if the backup is not whole, Conflict if the database is in use or the result differs from what
    was backed up, Unavailable if pg_restore fails, in which case nothing was restored.
    """
    manifest = read_manifest(directory)
    check_files(directory, manifest)
    _check_empty(admin_url)
    schema = _bring(directory, manifest, admin_url, database_url)
    elements = _redraw(admin_url)
    held = {one.tenant_id: one for one in hold(admin_url)}
    signer = Signer(credential_key)
    tenants = []
    async with Database.open(database_url, settings) as db:
        for kept in manifest.tenants:
            tenant_id = UUID(kept.tenant_id)
            records = await _compare(db, kept, signer)
            tenants.append(RestoredTenant(held[tenant_id], elements[tenant_id], records))
    known = {name_of(key) for key in split_keys(credential_key)}
    missing = tuple(name for name in manifest.keys if name not in known)
    return Restored(manifest, schema, tuple(tenants), missing)


def _check_empty(admin_url: str) -> None:
    with admin(admin_url) as connection, connection.cursor(row_factory=dict_row) as cursor:
        target = cursor.execute(_SQL["target"]).fetchone()
    if target is None or target["is_used"]:
        raise Conflict(
            "The database holds tables already, and a backup is brought back into an empty one.",
            remedy="Create another database and set LEO_DATABASE_URL to it, or move LEO_HOME's data away first.",
        )


def _bring(directory: Path, manifest: Manifest, admin_url: str, database_url: str) -> Applied:
    """Create roles and extensions, then all rows in one transaction; nobody may connect until everything is held."""
    bootstrap.set_up_roles(admin_url, app_url=database_url)
    with admin(admin_url) as connection:
        major = connection.info.server_version // 10_000
        connection.execute(_SQL["close"])
    found = programs.directory_of("pg_restore", server=major)
    options = ("--single-transaction", "--exit-on-error", str(directory / DUMP))
    programs.run(found / "pg_restore", admin_url, options)
    with admin(admin_url) as connection:
        _check_rows(manifest.rows, count_rows(connection))
    return bootstrap.upgrade(admin_url)


def _check_rows(kept: Mapping[str, int], there: Mapping[str, int]) -> None:
    differing = [name for name in sorted({*kept, *there}) if kept.get(name) != there.get(name)]
    if differing:
        name = differing[0]
        raise Conflict(
            f"The table {name} has {there.get(name)} rows, and {kept.get(name)} were kept.",
            remedy="Bring it back into a new database; where that ends the same, take an earlier backup.",
        )


def _redraw(admin_url: str) -> dict[UUID, int]:
    drawn = {}
    with admin(admin_url) as connection, connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_SQL["ledgers"]).fetchall():
            values = {"tenant_id": str(row["tenant_id"])}
            made = cursor.execute(_SQL["redraw"], values).fetchone()
            drawn[row["tenant_id"]] = made["elements"] if made else 0
        cursor.execute(_SQL["forget_readers"])
    return drawn


async def _compare(db: Database, kept: Kept, signer: Signer) -> int:
    """Compare a tenant's graph with its tables and its ledger with the kept head; give the number of sealed records."""
    tenant_id = UUID(kept.tenant_id)
    async with db.transaction(tenant_id, read_only=True) as conn:
        differences = sum(one.total for one in await mirror.compare(conn))
        verified = await audit.verify(conn, tenant_id=tenant_id, against=_head(kept.checkpoint, signer))
    if differences or verified.finding is not None:
        what = f"its graph differs in {differences}" if differences else str(verified.finding and verified.finding.what)
        raise Conflict(
            f"The tenant {kept.slug} is not what was kept: {what}",
            remedy="Everything is held. Look with leo graph verify and leo audit verify.",
        )
    return verified.records


def _head(document: Mapping[str, Any] | None, signer: Signer) -> Checkpoint | None:
    """Read the backed-up head; one signed with another key is taken at its word, like the rows next to it."""
    if document is None:
        return None
    try:
        return read_checkpoint(document, public_key=signer.public_key)
    except InvalidInput:
        return read_checkpoint(document, public_key=str(document.get("public_key")))
