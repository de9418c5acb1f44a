"""Exporting what is archived: gzipped JSON Lines, read in parts; the export is either complete or not there at all.

Each part is a transaction of its own, so nothing else is held up however long it takes; a record archived meanwhile is
in the next export.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from engine.archive.files import Files, becoming
from engine.archive.manifest import DECISIONS, DELIVERIES, LEDGER, Manifest
from engine.audit.batch import Batch
from engine.audit.checkpoint import Signer
from engine.db import Database, Transaction
from engine.queries import queries
from rules import merkle

# About 5 MB of lines.
AT_ONCE = 1_000
# 40 bytes per record, up to 8,192 records each.
_BATCHES = 50
_SQL = queries("archive_export")


@dataclass(frozen=True, slots=True)
class Period:
    """What was decided from `since` (None: the beginning) until before `until`."""

    since: datetime | None
    until: datetime


@dataclass(slots=True)
class _Seen:
    """What was written so far; `first_id` and `last_id` are over decisions and deliveries."""

    decisions: int = 0
    deliveries: int = 0
    erased: int = 0
    first_id: int | None = None
    last_id: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        self.erased += row["is_erased"]
        self.first_id = min(row["record_id"], self.first_id or row["record_id"])
        self.last_id = max(row["record_id"], self.last_id)


async def export(
    db: Database, directory: Path, *, tenant_id: UUID, slug: str, period: Period, signer: Signer
) -> Manifest:
    """Write what is archived of a period into a new directory (0700, files 0600).

    Raises InvalidInput if something is already there, or it cannot be written; then nothing of it is left.
    """
    with becoming(directory) as part:
        files, seen = Files(part), _Seen()
        with files.opened() as put:
            await _write_records(db, put, seen, tenant_id=tenant_id, period=period)
            previous, last_no, head = await _write_ledger(db, put, seen, tenant_id=tenant_id)
        manifest = Manifest(
            tenant_id=str(tenant_id),
            tenant=slug,
            since=None if period.since is None else period.since.isoformat(),
            until=period.until.isoformat(),
            exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
            decisions=seen.decisions,
            deliveries=seen.deliveries,
            erased=seen.erased,
            files=files.described(),
            previous=previous.hex(),
            batch_no=last_no,
            head=head.hex(),
        )
        manifest.write(part, signer)
    return manifest


async def _write_records(
    db: Database, put: Callable[[str, str], None], seen: _Seen, *, tenant_id: UUID, period: Period
) -> None:
    after_id = 0
    while True:
        async with db.transaction(tenant_id, read_only=True) as conn:
            values = {"after_id": after_id, "since": period.since, "until": period.until, "most": AT_ONCE}
            decisions = await _rows(conn, "decisions", values)
            ids = [row["record_id"] for row in decisions]
            deliveries = await _rows(conn, "deliveries", {"decision_ids": ids}) if ids else []
        for name, rows in ((DECISIONS, decisions), (DELIVERIES, deliveries)):
            for row in rows:
                put(name, row["line"])
                seen.add(row)
        seen.decisions += len(decisions)
        seen.deliveries += len(deliveries)
        if len(ids) < AT_ONCE:
            return
        after_id = ids[-1]


async def _rows(conn: Transaction, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    await conn.execute(_SQL["in_utc"])
    # Planned with its values: a generic plan for any `most` reads and sorts everything that is left, for every part.
    return await (await conn.execute(_SQL[name], values, prepare=False)).fetchall()


async def _write_ledger(
    db: Database, put: Callable[[str, str], None], seen: _Seen, *, tenant_id: UUID
) -> tuple[bytes, int, bytes]:
    """Write the batches from the first record on; give the head before them, and the number and head of the newest."""
    first = merkle.first_head(tenant_id)
    if seen.first_id is None:
        return first, 0, first
    async with db.transaction(tenant_id, read_only=True) as conn:
        before = await (await conn.execute(_SQL["before"], {"first_id": seen.first_id})).fetchone()
    number, head = (0, first) if before is None else (before["batch_no"], before["head"])
    previous = head
    while True:
        async with db.transaction(tenant_id, read_only=True) as conn:
            values = {"after_no": number, "with_leaves_up_to": seen.last_id, "most": _BATCHES}
            rows = await (await conn.execute(_SQL["batches"], values, binary=True)).fetchall()
        for row in rows:
            put(LEDGER, json.dumps(_document(row), separators=(",", ":")))
            number, head = row["batch_no"], row["head"]
        if len(rows) < _BATCHES:
            return previous, number, head


def _document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a batch as it is written in a line; with records and leaves if exported records may be in it."""
    document = {name: row[name] for name in ("batch_no", "after_id", "last_id", "count")}
    document |= {"root": row["root"].hex(), "head": row["head"].hex()}
    if row["leaves"] is not None:
        batch = Batch.of(row)
        document |= {"record_ids": list(batch.record_ids), "leaves": [leaf.hex() for leaf in batch.leaves]}
    return document
