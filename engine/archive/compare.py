"""Comparing a whole export with the database: whether the ledger is the same, and who was erased since."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.archive.check import Checked
from engine.db import Transaction
from engine.queries import queries

_AT_ONCE = 10_000
_SQL = queries("archive_export")


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether the ledger contains what the files were checked against, and the ids of people erased since."""

    is_same: bool
    erased_since: Sequence[int]


async def compare(conn: Transaction, checked: Checked) -> Compared:
    """Compare in the transaction of the export's tenant."""
    manifest = checked.manifest
    row = await (await conn.execute(_SQL["head"], {"batch_no": manifest.batch_no}, binary=True)).fetchone()
    # An export of nothing has no batch.
    is_same = manifest.batch_no == 0 or (row is not None and row["head"].hex() == manifest.head)
    erased: list[int] = []
    for place in range(0, len(checked.people), _AT_ONCE):
        some = list(checked.people[place : place + _AT_ONCE])
        rows = await (await conn.execute(_SQL["erased"], {"profile_ids": some})).fetchall()
        erased += [row["profile_id"] for row in rows]
    return Compared(is_same, erased)
