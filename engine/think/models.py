"""The models that the settings name, behind one gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.settings import Settings
from engine.think.contract import Model
from engine.think.functiongemma.client import ServedFunctionGemma
from engine.think.functiongemma.wire import token_of
from engine.think.gateway import Gateway
from engine.think.gemini import Gemini
from engine.think.prices import price_of
from rules.words import Arbiter


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Gateway]:
    """Give the gateway, which warms up meanwhile, and close it at the end."""
    gateway = build(settings)
    loading = [asyncio.create_task(model.load()) for model in gateway.models.values() if isinstance(model, Gemini)]
    try:
        yield gateway
    finally:
        await asyncio.gather(*loading)
        await gateway.close()


def build(settings: Settings) -> Gateway:
    """Give the gateway; it has no model if none is configured. Nothing is asked or loaded yet."""
    models: dict[Arbiter, Model] = {}
    if settings.model_url is not None:
        models[Arbiter.FUNCTIONGEMMA] = ServedFunctionGemma(settings.model_url, token=token_of(settings))
    if settings.gemini_api_key is not None:
        models[Arbiter.GEMINI] = Gemini(
            api_key=settings.gemini_api_key.get_secret_value(),
            model=settings.gemini_model,
            url=settings.gemini_url,
            price=price_of(settings.gemini_model),
        )
    return Gateway(models, at_once=settings.model_at_once)
