"""Gemini's batchEmbedContents over real HTTP: a vector of each text's length and letters, or an error it is told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SECRET = "key-that-nobody-may-see"


@dataclass(slots=True)
class GeminiStub:
    """`asked` holds each call's body; while `failure` is set it is the answer."""

    url: str = ""
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    failure: tuple[int, str] | None = None
    dimensions: int | None = None
    is_silent: bool = False

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers["x-goog-api-key"])
        if self.is_silent:
            await asyncio.Event().wait()
        if self.failure is not None:
            status, text = self.failure
            return web.Response(status=status, text=text, content_type="application/json")
        vectors = [self._vector(one) for one in body["requests"]]
        return web.json_response({"embeddings": [{"values": values} for values in vectors]})

    def _vector(self, one: Mapping[str, Any]) -> list[float]:
        text = "".join(part["text"] for part in one["content"]["parts"])
        values = [0.0] * (self.dimensions or one["outputDimensionality"])
        for letter in text.lower():
            values[ord(letter) % len(values)] += 2.0
        return values


@asynccontextmanager
async def gemini_stub() -> AsyncIterator[GeminiStub]:
    stub = GeminiStub()
    app = web.Application()
    app.router.add_post("/{version}/models/{call}", stub.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    stub.url = f"http://{host}:{port}"
    try:
        yield stub
    finally:
        await runner.cleanup()
