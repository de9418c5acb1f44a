"""What turns texts into vectors: the one embedder that a process works with, and a point in the space of its model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.embeddings import written
from rules.errors import InvalidInput

Vector = tuple[float, ...]

# What is read of one text. Longer ones are documents, and models bound them too (Gemini: 2,048 tokens).
LONGEST = 6_000


class Embedder(Protocol):
    """Turns texts into vectors. `name` names the model and its version: vectors of two names are never compared."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Give a vector of length 1 for each text, in their order; texts are read up to LONGEST characters.

        Raises ModelUnavailable, ModelRefused or TimeoutError. Never call it inside a transaction.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Point:
    """Where a text stands in the space of a model; `embedding` is written as pgvector reads it."""

    model: str
    embedding: str


async def locate(embedder: Embedder, text: str) -> Point:
    """Give the point of a text. Raises InvalidInput where it says nothing, and what `embed` raises."""
    if not any(map(str.isalnum, text)):
        raise InvalidInput("The text to compare with has no word.", remedy="Say with some words what is looked for.")
    (vector,) = await embedder.embed([text])
    return Point(embedder.name, written(vector))
