"""Turning texts into vectors: the one embedder that a process uses, and a point in the space of its model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.embeddings import written
from rules.errors import InvalidInput

Vector = tuple[float, ...]

# How much of a text is read. Longer texts are documents, and models have limits too (Gemini: 2,048 tokens).
LONGEST = 6_000


class Embedder(Protocol):
    """Turns texts into vectors.

    `name` identifies the model and its version: vectors of two names are never compared.
    """

    @property
    def name(self) -> str: ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Give a vector of length 1 for each text, in their order; texts are read up to LONGEST characters.

        Raises ModelUnavailable, ModelRefused or TimeoutError. Never call it inside a transaction.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Point:
    """Where a text lies in the space of a model; `embedding` is written as pgvector reads it."""

    model: str
    embedding: str


async def locate(embedder: Embedder, text: str) -> Point:
    """Give the point of a text. Raises InvalidInput if it contains nothing, and what `embed` raises."""
    if not any(map(str.isalnum, text)):
        raise InvalidInput("The text to compare with has no word.", remedy="Say with some words what is looked for.")
    (vector,) = await embedder.embed([text])
    return Point(embedder.name, written(vector))
