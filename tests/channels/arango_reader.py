"""The real python-arango against a sandbox's CDP, without its own retries, so that a test sees each answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from arango.client import ArangoClient
from arango.cursor import Cursor
from arango.exceptions import CursorNextError
from arango.http import DefaultHTTPClient
from arango.request import Request
from arango.response import Response

from tests.channels.sandbox_process import SandboxProcess

# The worlds of the fixtures `odd` and `plain`.
ODD, PLAIN = "odd", "plain"


class Reader:
    """Asks the queries of the sync, by name."""

    def __init__(self, client: ArangoClient, database: str, username: str, password: str) -> None:
        self.client = client
        self.db = client.db(database, username=username, password=password)

    async def ask(self, name: str, *, batch: int = 1000, count: bool = False, **values: Any) -> list[Any]:
        """Give all items of an answer, page by page as the client does."""
        return await asyncio.to_thread(lambda: list(self.cursor(name, batch=batch, count=count, **values)))

    def cursor(self, name: str, *, batch: int = 1000, count: bool = False, **values: Any) -> Cursor:
        query = f"/* leo:{name} */ RETURN 1"
        return cast("Cursor", self.db.aql.execute(query, bind_vars=values, batch_size=batch, count=count))

    async def send(self, request: Request) -> Response:
        """Give an answer as it came."""
        return cast("Response", await asyncio.to_thread(self.db.conn.send_request, request))

    async def changed(self, n: int = 1000, ts: str = "", key: str = "") -> AsyncIterator[list[dict[str, Any]]]:
        """Give people page by page, each from where the one before ended, as a sync goes on."""
        while page := await self.ask("profiles_changed", ts=ts, key=key, n=n):
            yield page
            ts, key = time_of(page[-1]), page[-1]["_key"]

    async def people(self) -> dict[str, dict[str, Any]]:
        return {person["_key"]: person async for page in self.changed() for person in page}

    async def person(self, key: str) -> dict[str, Any] | None:
        return next(iter(await self.ask("profiles_by_key", keys=[key])), None)


def time_of(document: Mapping[str, Any]) -> str:
    return document.get("updatedAt") or ""


@asynccontextmanager
async def reading(
    sandbox: SandboxProcess, database: str, *, username: str = "root", password: str = "", timeout_s: float = 20
) -> AsyncIterator[Reader]:
    http = DefaultHTTPClient(request_timeout=timeout_s, retry_attempts=0)
    client = ArangoClient(hosts=sandbox.base_url, http_client=http, resolver_max_tries=1)
    try:
        yield Reader(client, database, username, password)
    finally:
        client.close()


async def gone(fetch: Callable[[], Any]) -> None:
    """Expect the cursor to be gone."""
    with pytest.raises(CursorNextError) as caught:
        await asyncio.to_thread(fetch)
    assert (caught.value.http_code, caught.value.error_code) == (404, 1600)
