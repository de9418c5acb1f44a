"""Making a backup: one dump of the tables, and next to it what a restore is compared with."""

from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import Connection, IsolationLevel, sql
from psycopg.rows import DictRow, dict_row

from engine.audit import Checkpoint, Signer
from engine.backup import programs
from engine.backup.manifest import DUMP, Kept, Manifest, describe_file
from engine.db import admin
from engine.queries import queries
from rules.errors import InvalidInput, Misconfigured

# Graphs are drawn from the tables, and AGE finds a graph by a number that differs in another database. Extensions are
# created by bootstrap.
LEFT_OUT = (
    "--exclude-schema=leo_*",
    "--exclude-schema=ag_catalog",
    *(f"--exclude-extension={name}" for name in ("age", "vector", "pgcrypto")),
)
_SQL = queries("backup")


def back_up(admin_url: str, directory: Path, *, signer: Signer) -> Manifest:
    """Write a backup into an empty or new directory (0700) while the server keeps working.

    Raises InvalidInput if something is already there, Misconfigured if the login does not see every tenant or no
    pg_dump is as new as the server, Unavailable if the dump fails. A directory without its manifest is not a backup.
    """
    _prepare(directory)
    with admin(admin_url) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.cursor(row_factory=dict_row) as cursor:
            taken = cursor.execute(_SQL["snapshot"]).fetchone()
            if taken is None or not taken["sees_all"]:
                raise Misconfigured(
                    "This login does not see every tenant's rows.",
                    remedy="Set LEO_ADMIN_DATABASE_URL to a superuser's login, as for leo db bootstrap.",
                )
            found = programs.directory_of("pg_dump", server=taken["major"])
            options = (f"--snapshot={taken['snapshot']}", f"--lock-wait-timeout={programs.LOCK_WAIT_MS}")
            written = ("--format=custom", f"--file={directory / DUMP}", *options, *LEFT_OUT)
            # It may be copied out of its directory, so that it is its owner's alone by itself.
            (directory / DUMP).touch(mode=0o600)
            programs.run(found / "pg_dump", admin_url, written)
            manifest = Manifest(
                taken_at=taken["taken_at"].isoformat(),
                schema_version=taken["schema_version"],
                server=taken["server"],
                files={DUMP: describe_file(directory / DUMP)},
                rows=count_rows(connection),
                tenants=tuple(_kept(row, taken, signer) for row in cursor.execute(_SQL["ledgers"]).fetchall()),
                keys=tuple(row["key_name"] for row in cursor.execute(_SQL["keys"]).fetchall()),
            )
    manifest.write(directory)
    return manifest


def count_rows(connection: Connection[tuple[Any, ...]]) -> dict[str, int]:
    """Count the rows of every table, of all tenants."""
    counted = {}
    for (name,) in connection.execute(_SQL["tables"]).fetchall():
        count = connection.execute(sql.SQL(_SQL["count"]).format(table=sql.Identifier(name))).fetchone()
        counted[name] = count[0] if count else 0
    return counted


def _prepare(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = next(directory.iterdir(), None) is None
    except OSError as error:
        raise InvalidInput(f"{directory} cannot be written: {error.strerror}.", remedy="Name another one.") from error
    if not is_empty:
        raise InvalidInput(f"{directory} is not empty.", remedy="Give each backup a directory of its own.")


def _kept(row: DictRow, taken: DictRow, signer: Signer) -> Kept:
    tenant_id: UUID = row["tenant_id"]
    if row["head"] is None:
        return Kept(str(tenant_id), row["slug"], None)
    head = Checkpoint(tenant_id, row["batch_no"], bytes(row["head"]), taken["taken_at"].replace(microsecond=0))
    return Kept(str(tenant_id), row["slug"], signer.sign(head))
