"""A local server that answers generateContent as Google's does, its failures included; what is next is queued."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Stub:
    """`answers` are given in turn, the last one for good; `asked` are the bodies that came, `headers` theirs."""

    url: str = ""
    answers: deque[Any] = field(default_factory=deque)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def says(self, *answers: Any) -> None:
        self.answers = deque(answers)


def calls(*made: tuple[str, dict[str, Any]], finish: str = "STOP") -> dict[str, Any]:
    parts = [{"functionCall": {"name": name, "args": arguments}} for name, arguments in made]
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
        "usageMetadata": {"promptTokenCount": 120, "candidatesTokenCount": 14, "totalTokenCount": 134},
        "modelVersion": "001",
    }


def failure(code: int, status: str, *details: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "status": status, "message": "said", "details": list(details)}}


RETRY_IN_53S = failure(
    429,
    "RESOURCE_EXHAUSTED",
    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "53s"},
)
SPENT = failure(
    429,
    "RESOURCE_EXHAUSTED",
    {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
    },
)
BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 120}}
MALFORMED = {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]}
TEXT = {"candidates": [{"content": {"role": "model", "parts": [{"text": "I would send it."}]}, "finishReason": "STOP"}]}


@asynccontextmanager
async def serving() -> AsyncIterator[Stub]:
    """Serve on a port of 127.0.0.1 that is free."""
    stub = Stub()

    async def answer(request: web.Request) -> web.StreamResponse:
        stub.paths.append(request.path)
        stub.headers.append(dict(request.headers))
        stub.asked.append(await request.json())
        given = stub.answers.popleft() if len(stub.answers) > 1 else stub.answers[0]
        if given == "slow":
            await asyncio.sleep(30)
        if given == "cut":
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b'{"cand')
            if request.transport is not None:
                request.transport.close()
            return response
        if isinstance(given, str):
            return web.Response(text=given, status=500 if given.startswith("<html") else 200, content_type="text/html")
        status, document = given if isinstance(given, tuple) else (200, given)
        return web.Response(text=json.dumps(document), status=status, content_type="application/json")

    app = web.Application()
    app.router.add_post("/{version}/models/{model}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    stub.url = f"http://127.0.0.1:{port}"
    try:
        yield stub
    finally:
        await runner.cleanup()
