"""The process that runs the model: HTTP on loopback, one thread for the model, a short queue in front of it.

So the model never blocks a worker's event loop, however many workers share it, and a crash of llama.cpp loses nothing
that cannot be asked again.
"""

import asyncio
import hmac
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from aiohttp import web

from engine.think.contract import ModelRefused, ModelUnavailable
from engine.think.functiongemma import wire
from engine.think.functiongemma.model import FunctionGemma
from rules.errors import LeoError

# A request behind this many others would not be answered in time.
MOST_WAITING = 64
Work: TypeAlias = Callable[[float], dict[str, Any]]


class Server:
    """The routes over one model. `token` is what each request has to bring."""

    def __init__(self, model: FunctionGemma, *, token: str) -> None:
        self._model, self._token = model, token
        # llama.cpp's context is for one thread at a time.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._waiting = 0

    def app(self) -> web.Application:
        """Give the application; its clean-up ends the thread and frees the model."""
        app = web.Application(client_max_size=wire.LARGEST, middlewares=[self._admit])
        app.router.add_get("/health", self._health)
        app.router.add_post("/choose", self._choose)
        app.router.add_post("/call", self._call)
        app.on_shutdown.append(self._end)
        app.on_cleanup.append(self._close)
        return app

    @web.middleware
    async def _admit(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        brought = request.headers.get("Authorization", "")
        if not hmac.compare_digest(brought.encode(), f"Bearer {self._token}".encode()):
            return _refusal(401, "unauthorized", "The token is missing or wrong.")
        response: web.StreamResponse = await handler(request)
        return response

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"model": self._model.model, "waiting": self._waiting})

    async def _choose(self, request: web.Request) -> web.Response:
        def choose(document: Mapping[str, Any]) -> tuple[float, Work]:
            question, within_s = wire.read_question(document)
            return within_s, lambda left_s: wire.answer_document(self._model.choose(question, within_s=left_s))

        return await self._answer(request, choose)

    async def _call(self, request: web.Request) -> web.Response:
        def call(document: Mapping[str, Any]) -> tuple[float, Work]:
            asked, within_s = wire.read_request(document)
            return within_s, lambda left_s: wire.reply_document(self._model.call(asked, within_s=left_s))

        return await self._answer(request, call)

    async def _answer(
        self, request: web.Request, read: Callable[[Mapping[str, Any]], tuple[float, Work]]
    ) -> web.Response:
        arrived = time.monotonic()
        try:
            within_s, work = read(json.loads(await request.text()))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            return _refusal(422, "invalid_input", f"The request cannot be read: {type(error).__name__}.")
        if self._waiting >= MOST_WAITING:
            return _refusal(503, "busy", f"{MOST_WAITING} questions are waiting already.", retry_after=1)
        self._waiting += 1
        try:
            document = await asyncio.get_running_loop().run_in_executor(
                self._thread, _in_time, work, arrived + within_s
            )
        except TimeoutError:
            return _refusal(504, "timeout", "The model had no time left.")
        except LeoError as error:
            return _refusal(_status(error), error.code, error.message)
        finally:
            self._waiting -= 1
        return web.json_response(document)

    async def _end(self, _app: web.Application) -> None:
        self._model.context.end()

    async def _close(self, _app: web.Application) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._model.close()


def _in_time(work: Work, ends: float) -> dict[str, Any]:
    """Do it in the remaining time: the caller waits no longer, and has left by then."""
    left_s = ends - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return work(left_s)


def _status(error: LeoError) -> int:
    if isinstance(error, ModelRefused):
        return 409
    return 503 if isinstance(error, ModelUnavailable) else 422


def _refusal(status: int, code: str, message: str, *, retry_after: int | None = None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return web.json_response({"code": code, "message": message}, status=status, headers=headers)


async def serve(
    model: FunctionGemma, *, token: str, host: str, port: int, stop: asyncio.Event, ready: Callable[[str], None]
) -> None:
    """Serve until `stop` is set; `ready` gets the URL. Raises OSError if it cannot listen."""
    runner = web.AppRunner(Server(model, token=token).app(), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        at = runner.addresses[0]
        ready(f"http://{at[0]}:{at[1]}")
        await stop.wait()
    finally:
        await runner.cleanup()
