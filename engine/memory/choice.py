"""Which embedder a process uses: Gemini if a model of it is named, otherwise the local one."""

import importlib

from engine.memory.contract import Embedder
from engine.memory.local import LocalEmbedder
from engine.settings import Settings
from rules.errors import Misconfigured


def embedder_of(settings: Settings) -> Embedder:
    """Give the embedder of these settings, to be closed at the end; raises Misconfigured if the key is missing."""
    if settings.embedding_model is None:
        return LocalEmbedder()
    if settings.gemini_api_key is None:
        raise Misconfigured(
            f"LEO_EMBEDDING_MODEL is {settings.embedding_model}, and there is no key for Gemini.",
            remedy="Set LEO_GEMINI_API_KEY, or unset LEO_EMBEDDING_MODEL to embed locally.",
        )
    # Importing google-genai takes two seconds, so it is loaded only if it is used.
    gemini = importlib.import_module("engine.memory.gemini")
    embedder: Embedder = gemini.GeminiEmbedder(
        api_key=settings.gemini_api_key.get_secret_value(),
        model=settings.embedding_model,
        url=settings.gemini_url,
    )
    return embedder
