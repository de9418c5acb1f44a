"""Verifying: every leaf, root and head is recomputed from the tables, and the first mismatch is named."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.audit.batch import Batch
from engine.audit.checkpoint import Checkpoint
from engine.db import Transaction
from engine.queries import queries
from rules import merkle

# Batches held in memory at once: 40 bytes per record.
_AT_ONCE = 8
_SQL = queries("ledger")


@dataclass(frozen=True, slots=True)
class Finding:
    """A mismatch: `what` in one sentence, with its batch and, if it is about one record, the record."""

    what: str
    batch_no: int
    record_id: int | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What was recomputed up to the first finding; the ledger is whole if there is none.

    `head` is the last that matched.
    """

    batches: int
    records: int
    head: bytes
    finding: Finding | None = None


async def verify(conn: Transaction, *, tenant_id: UUID, against: Checkpoint | None = None) -> Verified:
    """Recompute the tenant's ledger; `against` is a checkpoint kept elsewhere, which the chain has to contain."""
    previous, number, after_id, records = merkle.first_head(tenant_id), 0, 0, 0
    while rows := await _batches(conn, after_no=number):
        for row in rows:
            batch = Batch.of(row)
            finding = _chained(batch, previous, number, after_id) or await _unchanged(conn, batch)
            if finding is None and against is not None and batch.number == against.batch_no:
                finding = _held(batch, against)
            if finding is not None:
                return Verified(number, records, previous, finding)
            previous, number, after_id = batch.head, batch.number, batch.last_id
            records += len(batch.record_ids)
    if against is not None and number < against.batch_no:
        missing = f"The ledger ends at batch {number}, and the checkpoint was taken at {against.batch_no}."
        return Verified(number, records, previous, Finding(missing, against.batch_no))
    return Verified(number, records, previous)


async def _batches(conn: Transaction, *, after_no: int) -> list[dict[str, Any]]:
    found = await conn.execute(_SQL["batches"], {"after_no": after_no, "most": _AT_ONCE}, binary=True)
    return await found.fetchall()


def _chained(batch: Batch, previous: bytes, number: int, after_id: int) -> Finding | None:
    if batch.number != number + 1 or batch.after_id != after_id:
        return Finding(f"Batch {number + 1} is missing, or begins elsewhere than its predecessor ends.", number + 1)
    if not batch.follows(previous):
        return Finding(f"Batch {batch.number} was changed: its root or head is not that of its leaves.", batch.number)
    return None


def _held(batch: Batch, against: Checkpoint) -> Finding | None:
    if batch.head == against.head:
        return None
    return Finding(f"Batch {batch.number} has another head than the checkpoint: the chain was made anew.", batch.number)


async def _unchanged(conn: Transaction, batch: Batch) -> Finding | None:
    values = {"after_id": batch.after_id, "last_id": batch.last_id}
    rows = await (await conn.execute(_SQL["leaves"], values, binary=True)).fetchall()
    if [row["record_id"] for row in rows] == list(batch.record_ids) and [row["leaf"] for row in rows] == batch.leaves:
        return None
    return _first_change(batch, {row["record_id"]: row for row in rows})


def _first_change(batch: Batch, there: Mapping[int, Mapping[str, Any]]) -> Finding:
    sealed = dict(zip(batch.record_ids, batch.leaves, strict=True))
    for record_id in sorted({*sealed, *there}):
        row = there.get(record_id)
        if row is None:
            return Finding(f"Record {record_id} was sealed and is gone.", batch.number, record_id)
        kind = row["kind"]
        if record_id not in sealed:
            what = f"The {kind} {record_id} came after its place was sealed."
            return Finding(what, batch.number, record_id, kind)
        if row["leaf"] != sealed[record_id]:
            return Finding(f"The {kind} {record_id} was changed after it was sealed.", batch.number, record_id, kind)
    return Finding(f"Batch {batch.number} lists its records in another order.", batch.number)
