"""Templates found by what they say: approved ones are embedded when they change, and proposed to a text or a person."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import unescape
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Database, Transaction
from engine.embeddings import profile_text, written
from engine.memory.contract import LONGEST, Embedder, Point
from engine.queries import queries
from rules.errors import Conflict, NotFound

MOST = 50

_SQL = queries("memory")
# What a template does and not what it says: Liquid, styles and scripts, comments, and HTML tags.
_UNSAID = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|<(style|script)\b.*?</\1\s*>|<!--.*?-->|<[a-z/!][^>]*>", re.DOTALL | re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An approved template and the cosine distance from what was asked for: 0 the same, 1 nothing in common."""

    template_id: int
    key: str
    version: int
    channel: str
    locale: str
    subject: str | None
    topics: tuple[str, ...]
    distance: float

    def to_document(self) -> dict[str, Any]:
        return asdict(self) | {"topics": list(self.topics)}


async def embed_templates(db: Database, embedder: Embedder, *, tenant_id: UUID, most: int = 100) -> int:
    """Embed at most `most` approved templates that are new or changed; gives how many there were.

    Texts are read in one transaction and vectors written in another, so that none is open while the embedder works.
    Raises the embedder's errors; then nothing is written.
    """
    async with db.transaction(tenant_id, read_only=True) as conn:
        values = {"tenant_id": tenant_id, "model": embedder.name, "most": most}
        rows = await (await conn.execute(_SQL["stale_templates"], values)).fetchall()
    if not rows:
        return 0
    vectors = await embedder.embed([template_text(row) for row in rows])
    given = [
        {"id": row["template_id"], "embedding": written(vector), "text_hash": row["text_hash"]}
        for row, vector in zip(rows, vectors, strict=True)
    ]
    async with db.transaction(tenant_id) as conn:
        values = {"tenant_id": tenant_id, "model": embedder.name, "given": Jsonb(given)}
        await conn.execute(_SQL["write_templates"], values)
    return len(rows)


def template_text(row: Mapping[str, Any]) -> str:
    """Give the text of a template that is embedded: topics, subject and text, or HTML without tags; no variables."""
    topics: Sequence[str] = row["topics"]
    body = row["body_text"] or row["body_html"] or ""
    said = unescape(_UNSAID.sub(" ", f"{row['subject'] or ''}\n{body}"))
    return "\n".join([*topics, " ".join(said.split())])[:LONGEST]


async def interests_of(conn: Transaction, *, tenant_id: UUID, ext_id: str) -> str:
    """Give the text of a person's interests, for `locate`; raises NotFound, Conflict if nothing is known.

    It is what engine.embeddings reads about a person: no name, no address, no key.
    """
    values = {"tenant_id": tenant_id, "ext_id": ext_id}
    row = await (await conn.execute(_SQL["interests"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no profile {ext_id!r}.", remedy="Check its key.")
    text = profile_text(row["attributes"])
    if not text:
        raise Conflict(
            f"Nothing is known of what profile {ext_id!r} likes.", remedy="Give it attributes, or compare with a text."
        )
    return text


async def propose_templates(
    conn: Transaction, *, tenant_id: UUID, near: Point, channel: str | None = None, most: int = 5
) -> list[Proposal]:
    """Give the approved templates nearest to a point, the newest version of each, the nearest first.

    Templates that the point's model has not embedded yet are missing.
    """
    values = {"tenant_id": tenant_id, "channel": channel, "most": min(most, MOST)} | asdict(near)
    rows = await (await conn.execute(_SQL["nearest_templates"], values)).fetchall()
    return [Proposal(**row | {"topics": tuple(row["topics"])}) for row in rows]
