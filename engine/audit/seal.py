"""Sealing: committed records in the order of their ids, a batch under each root.

Nothing is added to the transactions that decide: a record's leaf is computed afterwards, once, when no earlier record
can appear any more. Until then, for some seconds, a change of the record would not be noticed (docs/audit.md).
"""

from dataclasses import dataclass
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from rules import merkle

# At this size a proof has 13 steps, and 2 MB of text are recomputed at once.
MOST = 8_192
# The time between the mark and its barrier; drawing an id and writing its row are microseconds apart.
GRACE_S = 1.0
_SQL = queries("ledger")


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a call appended; `is_behind`: there is more to seal now."""

    batches: int = 0
    records: int = 0
    is_behind: bool = False


async def seal(conn: Transaction, *, tenant_id: UUID, grace_s: float = GRACE_S, most: int = MOST) -> Sealed:
    """Append the next batch, if there is one, in the caller's transaction; the horizon's row is the lock."""
    row = await (await conn.execute(_SQL["horizon"], {"grace_s": grace_s})).fetchone()
    settled_id = row["settled_id"] if row else 0
    last = await (await conn.execute(_SQL["last_batch"])).fetchone()
    after_id, number = (last["last_id"], last["batch_no"]) if last else (0, 0)
    previous = last["head"] if last else merkle.first_head(tenant_id)
    values = {"after_id": after_id, "settled_id": settled_id, "most": most}
    reach = await (await conn.execute(_SQL["reach"], values)).fetchone()
    if reach is None or reach["last_id"] is None:
        return Sealed()
    last_id = reach["last_id"]
    found = await conn.execute(_SQL["leaves"], {"after_id": after_id, "last_id": last_id}, binary=True)
    rows = await found.fetchall()
    leaves = [row["leaf"] for row in rows]
    root = merkle.root(leaves)
    head = merkle.head(previous, root, number=number + 1, after_id=after_id, last_id=last_id, count=len(leaves))
    await conn.execute(
        _SQL["append"],
        {
            "batch_no": number + 1,
            "after_id": after_id,
            "last_id": last_id,
            "record_ids": [row["record_id"] for row in rows],
            "leaves": b"".join(leaves),
            "root": root,
            "head": head,
        },
    )
    return Sealed(batches=1, records=len(leaves), is_behind=len(leaves) == most)
