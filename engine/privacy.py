"""A person's rights under Law 91/2025/QH15: a copy of what is stored about them as one document, and its erasure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.db import Transaction
from engine.queries import queries
from rules.errors import InvalidInput, NotFound

_SQL = queries("privacy")


@dataclass(frozen=True, slots=True)
class Erased:
    """Who was erased, by the id that stays, and how many rows of each kind were emptied or removed.

    `is_archived`: some of their records are in the archive, so that earlier exports may contain them.
    """

    profile_id: int
    counts: Mapping[str, int]
    is_archived: bool = False


async def erase_profile(conn: Transaction, *, ext_id: str, reason: str, by: str) -> Erased:
    """Erase everything that identifies a person, and those merged into them; records stay without it.

    The ledger still verifies, and what waits to be sent is cancelled. Raises NotFound, also for a person already
    erased, and InvalidInput without a reason.
    """
    if not reason.strip():
        raise InvalidInput("Erasing somebody needs a reason.", remedy="Say who asked for it, and when.")
    values = {"ext_id": ext_id, "reason": reason, "by": by}
    row = await (await conn.execute(_SQL["erase"], values)).fetchone()
    if row is None:
        raise NotFound(
            f"There is no profile {ext_id!r}.", remedy="Check its ext_id; one that was merged: its survivor's."
        )
    return Erased(row["profile_id"], row["erased"], row["is_archived"])


async def export_profile(conn: Transaction, *, ext_id: str) -> dict[str, Any]:
    """Give everything that is stored about a person, and about those merged into them. Raises NotFound."""
    row = await (await conn.execute(_SQL["export"], {"ext_id": ext_id})).fetchone()
    if row is None or not row["people"]:
        raise NotFound(f"There is no profile {ext_id!r}.", remedy="Check its ext_id.")
    return {"ext_id": ext_id, **row["document"]}
