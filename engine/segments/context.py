"""What a rule is evaluated in: the tenant's graph and date, and the embeddings that likeness refers to."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from engine.db import Transaction
from engine.embeddings import centre_of_segment, embed, embedding_of_profile, written
from engine.queries import queries
from engine.segments.parts import Context
from rules.conditions import Rule
from rules.conditions.nodes import Like
from rules.errors import Conflict, NotFound

_SQL = queries("segments")


async def context_of(conn: Transaction, rules: Iterable[Rule], *, now: datetime) -> Context:
    """Give the context of the current tenant for these rules; `now` is aware."""
    row = await (await conn.execute(_SQL["frame"])).fetchone()
    if row is None:
        raise NotFound("There is no such tenant.", remedy="Check the key or the slug.")
    likes = {leaf for rule in rules for leaf in rule.leaves() if isinstance(leaf, Like)}
    found = {leaf: await _embedding(conn, leaf, row["tenant_id"]) for leaf in likes}
    return Context(
        tenant_id=row["tenant_id"],
        graph=row["graph_name"],
        now=now,
        today=now.astimezone(ZoneInfo(row["zone"])).date(),
        embeddings={leaf: embedding for leaf, embedding in found.items() if embedding is not None},
    )


async def _embedding(conn: Transaction, leaf: Like, tenant_id: UUID) -> str | None:
    """Give what the condition refers to; None if that has no embedding, or no longer exists."""
    if leaf.text is not None:
        return written(embed(leaf.text))
    try:
        if leaf.profile is not None:
            return await embedding_of_profile(conn, tenant_id=tenant_id, ext_id=leaf.profile)
        return await centre_of_segment(conn, tenant_id=tenant_id, key=leaf.segment or "")
    except (NotFound, Conflict):
        return None
