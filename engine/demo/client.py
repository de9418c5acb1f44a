"""The demo as a client: it speaks to the API and the sandbox over HTTP, as a user's own system would."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport

from rules.errors import LeoError, Unavailable

TIMEOUT_S = 60.0


class Client:
    """One base URL, one bearer key."""

    def __init__(self, client: httpx.AsyncClient, name: str) -> None:
        self._client = client
        self._name = name

    @classmethod
    @asynccontextmanager
    async def open(cls, base_url: str, *, name: str, key: str | None = None) -> AsyncIterator["Client"]:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(
            base_url=base_url, headers=headers, timeout=TIMEOUT_S, transport=AiohttpTransport()
        ) as client:
            yield cls(client, name)

    async def get(self, path: str) -> Any:
        return await self._ask("GET", path, None, {})

    async def post(self, path: str, document: Any, *, key: str | None = None) -> Any:
        """Post JSON; `key` is the Idempotency-Key. Raises Unavailable, or LeoError with the problem that came back."""
        return await self._ask("POST", path, document, {} if key is None else {"Idempotency-Key": key})

    async def is_up(self, path: str) -> bool:
        try:
            return (await self._client.get(path, timeout=2.0)).is_success
        except httpx.HTTPError:
            return False

    async def _ask(self, method: str, path: str, document: Any, headers: Mapping[str, str]) -> Any:
        try:
            answer = await self._client.request(method, path, json=document, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"The {self._name} does not answer {method} {path}: {type(error).__name__}.",
                remedy="Read its log below LEO_HOME.",
            ) from error
        if answer.is_success:
            return answer.json()
        raise LeoError(
            f"The {self._name} refused {method} {path}: {answer.status_code} {answer.text[:300]}",
            remedy="Run: leo doctor",
        )
