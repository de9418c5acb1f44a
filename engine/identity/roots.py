"""Merges that a source reports: `source_root` of a profile is the ext_id of the one that survives it there."""

from collections.abc import Collection

from engine.db import Transaction
from engine.identity.merges import settle
from engine.queries import queries

SOURCE = "source"
_SQL = queries("identity")


async def redirect_roots(conn: Transaction, *, ext_ids: Collection[str] | None = None) -> int:
    """Merge and unmerge what `source_root` says, for these profiles and all connected with them, or for all.

    A loser whose survivor does not exist here stays as it is and is merged when a later call finds the survivor. One
    whose root was cleared or changed is unmerged first. Merges that people made stay, and so do those that people
    undid.

    Gives how many profiles were unmerged and redirected; one whose root changed counts as both.
    """
    values = {"ext_ids": None if ext_ids is None else sorted(ext_ids), "by": SOURCE}
    redirected = 0
    await conn.execute(_SQL["queue"])
    # Undoing comes first, so that the merges that follow see the chains as they are then.
    for query in ("undo_roots", "record_roots"):
        rows = await (await conn.execute(_SQL[query], values)).fetchall()
        if rows:
            losers = [row["loser_id"] for row in rows]
            redirected += (await settle(conn, profile_ids=losers, by=SOURCE, is_source=True)).redirected
    return redirected
