"""Gemini's embeddings: texts in batches, 384 numbers each, scaled to length 1 again."""

import math
from collections.abc import Sequence
from typing import Any

import httpx
from google import genai
from google.genai import errors, types

from engine.embeddings import DIMENSIONS
from engine.memory.contract import LONGEST, Vector
from engine.think.contract import ModelRefused, ModelUnavailable
from engine.think.gemini import translated

# Gemini takes at most 100 texts in a call of batchEmbedContents.
AT_ONCE = 100
WITHIN_S = 30.0
_REMEDY = "See docs/models.md; what is not embedded yet is tried again within a minute."


class GeminiEmbedder:
    """Asks `model` (gemini-embedding-001 or -2) for 384 of its numbers, the size of the database's vectors.

    The first numbers of such a model's vector are a vector of their own, but not of length 1 until scaled.
    """

    def __init__(self, *, api_key: str, model: str, url: str | None = None, within_s: float = WITHIN_S) -> None:
        # Our own client: which one google-genai takes depends on what else is installed, and so do its errors.
        self._http = httpx.AsyncClient(timeout=within_s)
        options = types.HttpOptions(base_url=url, timeout=round(within_s * 1000), httpx_async_client=self._http)
        self._client = genai.Client(api_key=api_key, http_options=options)
        self._model = model

    @property
    def name(self) -> str:
        return f"{self._model}:{DIMENSIONS}"

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Give a vector for each text; raises ModelUnavailable or ModelRefused."""
        found: list[Vector] = []
        for first in range(0, len(texts), AT_ONCE):
            found += await self._embed(texts[first : first + AT_ONCE])
        return found

    async def close(self) -> None:
        self._client.close()
        await self._http.aclose()

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        # Each text as a content of its own: newer models make a single vector of all plain texts in a call.
        contents: Any = [types.Content(parts=[types.Part(text=text[:LONGEST] or " ")]) for text in texts]
        config = types.EmbedContentConfig(output_dimensionality=DIMENSIONS)
        try:
            reply = await self._client.aio.models.embed_content(model=self._model, contents=contents, config=config)
        except errors.APIError as error:
            raise translated(error) from error
        except httpx.TimeoutException as error:
            raise ModelUnavailable("Gemini took too long to embed texts.", remedy=_REMEDY) from error
        except httpx.HTTPError as error:
            raise ModelUnavailable("Gemini could not be reached to embed texts.", remedy=_REMEDY) from error
        except ValueError as error:  # not JSON, or JSON of another shape
            raise ModelUnavailable("Gemini's answer to texts cannot be read.", remedy=_REMEDY) from error
        given = [one.values or [] for one in reply.embeddings or []]
        if [len(one) for one in given] != [DIMENSIONS] * len(texts):
            raise ModelRefused(
                f"Gemini's {self._model} did not give {DIMENSIONS} numbers for each of {len(texts)} texts.",
                remedy="Set a model of embeddings, such as gemini-embedding-001.",
            )
        return [_of_length_1(one) for one in given]


def _of_length_1(numbers: Sequence[float]) -> Vector:
    length = math.hypot(*numbers)
    if not math.isfinite(length) or not length:
        raise ModelRefused("Gemini gave a vector without a direction.", remedy="Set another model of embeddings.")
    return tuple(number / length for number in numbers)
