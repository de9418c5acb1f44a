"""Embeddings of people and texts, made here and now: no model is downloaded and none is asked.

`hash-384-v1` hashes words and parts of words into 384 numbers. Two texts are near each other when they share words, or
words that are spelt alike: "sách thiếu nhi" and "sach thieu nhi", "laptop" and "laptops". It knows no meaning: "shoes"
and "sneakers" are strangers, and a word in two languages is two words. All words share 384 places, so a distance is
rough: texts without a common word come out around 1, give or take 0.1.
"""

import asyncio
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.db import Transaction
from engine.queries import queries
from rules.conditions.fold import fold
from rules.errors import Conflict, NotFound

MODEL = "hash-384-v1"
DIMENSIONS = 384
# What is read of one person: beyond it texts are documents, and their words drown the others.
MOST_WORDS = 400
LONGEST_WORD = 40
# How long a transaction that changes people may last before its end is missed.
LONGEST_CHANGE = timedelta(minutes=10)

_SQL = queries("embeddings")
_WORD = re.compile(r"[^\W_]+")
_MARKS = "".join(map(chr, range(0x300, 0x370)))
_NO_MARKS = str.maketrans("đ", "d", _MARKS)
# The parts of a word together count twice as much as the whole, so that "laptops" is near "laptop".
_WHOLE_WEIGHT = 1.0
_PARTS_WEIGHT = 2.0
_PARTS = range(3, 6)
_NOTHING = "\x00"

# A key with one of these words in it is about who somebody is or how to reach them, not about what they like.
_KEY_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PERSONAL = frozenset(
    {
        *("name", "email", "mail", "phone", "mobile", "tel", "address", "street", "birth", "birthday", "dob", "ssn"),
        *("passport", "cccd", "cmnd", "id", "ids", "uid", "uuid", "key", "token", "hash", "ip", "password", "secret"),
        *("url", "uri", "link", "avatar", "photo", "note", "notes"),
    }
)


@dataclass(frozen=True, slots=True)
class Near:
    """A person and the cosine distance from what was asked for: 0 the same, 2 the opposite."""

    profile_id: int
    distance: float


def embed(text: str) -> tuple[float, ...]:
    """Give 384 numbers, a vector of length 1, the same on every machine; texts without a word share a place."""
    sums = [0.0] * DIMENSIONS
    words = [word[:LONGEST_WORD] for word in _WORD.findall(fold(unicodedata.normalize("NFC", text)))[:MOST_WORDS]]
    for word in words or [_NOTHING]:
        for place, weight in _features(word):
            sums[place] += weight
    length = math.sqrt(math.fsum(number * number for number in sums))
    return tuple(number / length for number in sums) if length else embed("")


@lru_cache(maxsize=65_536)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """Give where a word and its parts go, and with which weight; the parts are without marks, as many people type."""
    bare = f"<{unicodedata.normalize('NFD', word).translate(_NO_MARKS)}>"
    parts = [bare[at : at + size] for size in _PARTS for at in range(len(bare) - size + 1)]
    weight = _PARTS_WEIGHT / math.sqrt(len(parts) or 1)
    return (_hashed(f"={word}", _WHOLE_WEIGHT), *(_hashed(part, weight) for part in parts))


def _hashed(feature: str, weight: float) -> tuple[int, float]:
    """Give a place and a sign by chance of the feature alone, so that features which meet in a place cancel out."""
    number = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
    return number % DIMENSIONS, weight if number >> 63 else -weight


def profile_text(attributes: Mapping[str, Any]) -> str:
    """Give what of a person is embedded: the texts in the attributes, and in lists and objects among them.

    That is city, labels, keywords, interests, funnel stage and the like. What says who somebody is stays out: names,
    addresses, keys and links, by the words of the attribute's key, and texts with an `@`, a link or no letter.
    """
    return "\n".join(_texts(attributes))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            if "@" not in value and "://" not in value and any(map(str.isalpha, value)):
                yield value
        case Mapping():
            for key in sorted(value):
                if not _PERSONAL & {word.lower() for word in _KEY_WORD.findall(key)}:
                    yield from _texts(value[key])
        case list():
            for item in value:
                yield from _texts(item)


async def embed_profiles(conn: Transaction, *, tenant_id: UUID, most: int = 1000) -> int:
    """Embed at most `most` people who have no embedding or changed since, the newest changes first.

    Gives how many were looked at: as many as `most` means that there may be more. Whose text is as it was is not
    embedded again, who is merged or deleted loses the embedding.
    """
    values = {"model": MODEL, "longest": LONGEST_CHANGE, "most": most}
    rows = await (await conn.execute(_SQL["stale"], values)).fetchall()
    if not rows:
        return 0
    # Half a second for a thousand: whoever shares this process goes on meanwhile.
    people = await asyncio.to_thread(lambda: [_embedded(row) for row in rows if row["is_active"]])
    gone = [row["profile_id"] for row in rows if not row["is_active"]]
    await conn.execute(_SQL["write"], {"tenant_id": tenant_id, "model": MODEL, "people": Jsonb(people), "gone": gone})
    return len(rows)


def _embedded(row: Mapping[str, Any]) -> dict[str, Any]:
    text = profile_text(row["attributes"])
    text_hash = sha256(text.encode()).digest()
    is_same = row["is_current"] and row["text_hash"] == text_hash
    embedding = None if is_same else written(embed(text))
    return {"profile_id": row["profile_id"], "embedding": embedding, "text_hash": text_hash.hex()}


async def centre_segment(conn: Transaction, *, tenant_id: UUID, segment_id: int) -> bool:
    """Set a segment's centre to the mean of its members' embeddings; gives whether it has one. Raises NotFound."""
    values = {"tenant_id": tenant_id, "segment_id": segment_id, "model": MODEL}
    row = await (await conn.execute(_SQL["centre"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no segment {segment_id}.", remedy="List them: GET /segments.")
    return bool(row["has_centre"])


async def centre_compared(conn: Transaction, *, tenant_id: UUID) -> int:
    """Bring the centres up to date that rules of the tenant ask for; gives how many there are."""
    rows = await (await conn.execute(_SQL["compared_with"], {"tenant_id": tenant_id})).fetchall()
    for row in rows:
        await centre_segment(conn, tenant_id=tenant_id, segment_id=row["segment_id"])
    return len(rows)


async def embedding_of_profile(conn: Transaction, *, tenant_id: UUID, ext_id: str) -> str:
    """Give a person's embedding as pgvector writes it; raises NotFound, Conflict while there is none."""
    values = {"tenant_id": tenant_id, "ext_id": ext_id, "model": MODEL}
    row = await (await conn.execute(_SQL["of_profile"], values)).fetchone()
    return _there(row, f"profile {ext_id!r}", "The worker embeds people within minutes of a change: try again.")


async def centre_of_segment(conn: Transaction, *, tenant_id: UUID, key: str) -> str:
    """Give a segment's centre as pgvector writes it; raises NotFound, Conflict while no member is embedded."""
    values = {"tenant_id": tenant_id, "key": key, "model": MODEL}
    row = await (await conn.execute(_SQL["of_segment"], values)).fetchone()
    return _there(row, f"segment {key!r}", "The worker embeds people within minutes of a change: try again.")


def _there(row: Mapping[str, Any] | None, what: str, remedy: str) -> str:
    if row is None:
        raise NotFound(f"There is no {what}.", remedy="Check its key.")
    if row["embedding"] is None:
        raise Conflict(f"The {what} has no embedding yet.", remedy=remedy)
    return str(row["embedding"])


async def nearest(conn: Transaction, *, embedding: str, most: int) -> list[Near]:
    """Give the active people nearest to an embedding, exactly, the nearest first."""
    values = {"embedding": embedding, "model": MODEL, "most": most}
    rows = await (await conn.execute(_SQL["nearest"], values)).fetchall()
    return [Near(**row) for row in rows]


def written(embedding: Sequence[float]) -> str:
    """Write an embedding as pgvector reads it. Nine digits are more than its four bytes a number keep."""
    return f"[{','.join(f'{number:.9g}' for number in embedding)}]"
