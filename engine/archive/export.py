"""Giving out what is archived: gzipped JSON Lines, a part at a time, whole or not there at all.

Each part is a transaction of its own, so nothing is held back however long it takes; a record moved meanwhile is in the
next export. The files come into being beside the directory and take its name when all is on the disk.
"""

import gzip
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import Path
from typing import Any
from uuid import UUID

from engine.archive.manifest import DECISIONS, DELIVERIES, FILES, LEDGER, Manifest
from engine.audit.batch import Batch
from engine.audit.checkpoint import Signer
from engine.db import Database, Transaction
from engine.queries import queries
from rules import merkle
from rules.errors import InvalidInput

# Some 5 MB of lines.
AT_ONCE = 1_000
# 40 bytes a record, of up to 8,192 records each.
_BATCHES = 50
_SQL = queries("archive_export")


@dataclass(frozen=True, slots=True)
class Period:
    """What was decided from `since` (None: the beginning) until before `until`."""

    since: datetime | None
    until: datetime


@dataclass(slots=True)
class _Seen:
    """What was written so far; `first_id` and `last_id` over decisions and deliveries."""

    decisions: int = 0
    deliveries: int = 0
    erased: int = 0
    first_id: int | None = None
    last_id: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        self.erased += row["is_erased"]
        self.first_id = min(row["record_id"], self.first_id or row["record_id"])
        self.last_id = max(row["record_id"], self.last_id)


class _Writer(RawIOBase):
    """A new file, readable by its owner alone, that knows the hash and size of what was written."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._digest = hashlib.sha256()
        self._bytes = 0
        self.lines = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Write all of it: gzip does not look how much was."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        self._digest.update(data)
        self._bytes += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            try:
                os.fsync(self._file)
            finally:
                os.close(self._file)
        super().close()

    def described(self) -> dict[str, Any]:
        return {"sha256": self._digest.hexdigest(), "bytes": self._bytes, "lines": self.lines}


@dataclass(slots=True)
class _Files:
    """The files of an export; `put` adds a line to one of them."""

    directory: Path
    _open: dict[str, gzip.GzipFile] = field(default_factory=dict)
    _writers: dict[str, _Writer] = field(default_factory=dict)

    @contextmanager
    def opened(self) -> Iterator[Callable[[str, str], None]]:
        with ExitStack() as stack:
            for name in FILES:
                writer = self._writers[name] = stack.enter_context(_Writer(self.directory / name))
                # Without a time, so that the same rows are the same bytes.
                file = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=writer, mtime=0)
                self._open[name] = stack.enter_context(file)
            yield self._put

    def _put(self, name: str, line: str) -> None:
        self._open[name].write(line.encode() + b"\n")
        self._writers[name].lines += 1

    def described(self) -> dict[str, dict[str, Any]]:
        return {name: writer.described() for name, writer in self._writers.items()}


async def export(
    db: Database, directory: Path, *, tenant_id: UUID, slug: str, period: Period, signer: Signer
) -> Manifest:
    """Write what is archived of a period into a new directory (0700, files 0600).

    Raises InvalidInput where something is there, or it cannot be written; then nothing of it is left.
    """
    with _becoming(directory) as part:
        files, seen = _Files(part), _Seen()
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
    # Planned for its values: a plan for any `most` reads and sorts all that is left, at every part.
    return await (await conn.execute(_SQL[name], values, prepare=False)).fetchall()


async def _write_ledger(
    db: Database, put: Callable[[str, str], None], seen: _Seen, *, tenant_id: UUID
) -> tuple[bytes, int, bytes]:
    """Write the batches from the first record's on; give the head before them, and the newest's number and head."""
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
    """Give a batch as it stands in a line; records and leaves where some of what is exported can be in it."""
    document = {name: row[name] for name in ("batch_no", "after_id", "last_id", "count")}
    document |= {"root": row["root"].hex(), "head": row["head"].hex()}
    if row["leaves"] is not None:
        batch = Batch.of(row)
        document |= {"record_ids": list(batch.record_ids), "leaves": [leaf.hex() for leaf in batch.leaves]}
    return document


@contextmanager
def _becoming(directory: Path) -> Iterator[Path]:
    """Give a directory that takes its name when it is whole; what is left of one that is not is removed."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        if directory.exists() and next(directory.iterdir(), None) is not None:
            raise InvalidInput(f"{directory} is not empty.", remedy="Give each export a directory of its own.")
        part = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        try:
            yield part
            _settle(part)
            part.replace(directory)
            _settle(directory.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise InvalidInput(f"{directory} cannot be written: {error.strerror}.", remedy="Name another one.") from error


def _settle(directory: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
