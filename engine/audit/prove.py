"""A proof that one record is in the ledger, as one JSON document that docs/verify_proof.py checks by itself."""

from typing import Any
from uuid import UUID

from engine.audit.batch import Batch
from engine.db import Transaction
from engine.queries import queries
from rules import merkle
from rules.errors import Conflict, NotFound

_SQL = queries("ledger")


async def prove(conn: Transaction, *, tenant_id: UUID, record_id: int) -> dict[str, Any]:
    """Give the proof of a decision, delivery or outcome: its text, its path to the root, the heads up to the newest.

    Raises NotFound if there is no such record, or it is not sealed yet; Conflict if it was changed since.
    """
    record = await (await conn.execute(_SQL["content"], {"record_id": record_id})).fetchone()
    if record is None:
        raise NotFound(
            f"There is no decision, delivery or outcome {record_id}.", remedy="Take an id of: leo decisions show"
        )
    if record["is_erased"]:
        raise Conflict(
            f"The {record['kind']} {record_id} is of a person who was erased: its text is no more.",
            remedy="leo audit verify still holds it to its leaf.",
        )
    row = await (await conn.execute(_SQL["batch_of"], {"record_id": record_id}, binary=True)).fetchone()
    batch = None if row is None else Batch.of(row)
    if batch is None or record_id not in batch.record_ids:
        raise NotFound(
            f"The {record['kind']} {record_id} is not sealed yet.",
            remedy="Workers seal within a minute; try again then, or run: leo audit seal",
        )
    place = batch.record_ids.index(record_id)
    if merkle.leaf(record["content"].encode()) != batch.leaves[place]:
        raise Conflict(
            f"The {record['kind']} {record_id} was changed after it was sealed.",
            remedy="Run leo audit verify, and compare with a backup.",
        )
    following = await conn.execute(_SQL["following"], {"after_no": batch.number - 1})
    before = await (await conn.execute(_SQL["following"], {"after_no": batch.number - 2})).fetchone()
    previous = merkle.first_head(tenant_id) if batch.number == 1 or before is None else before["head"]
    return {
        "ledger": "leo 1",
        "tenant_id": str(tenant_id),
        "record_id": record_id,
        "kind": record["kind"],
        "content": record["content"],
        "path": [{"side": step.side, "hash": step.hash.hex()} for step in merkle.path(batch.leaves, place)],
        "previous_head": previous.hex(),
        "batches": [
            {
                "number": one["batch_no"],
                "after_id": one["after_id"],
                "last_id": one["last_id"],
                "count": one["count"],
                "root": one["root"].hex(),
            }
            for one in await following.fetchall()
        ],
    }
