"""Where a worker serves its own metrics, and that it is alive: /metrics and /healthz, on a port of LEO_METRICS_PORT.

They are served by the loop that does the work, so a worker that hangs does not answer.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from engine.db import Database
from engine.metrics import CONTENT_TYPE, Page, admit
from engine.settings import Settings
from rules.errors import Forbidden, Unauthorized, Unavailable
from rules.words import Lane

# So that one setting serves both a realtime and a bulk worker on one host.
OFFSET = {Lane.REALTIME: 0, Lane.BULK: 1}


@asynccontextmanager
async def told(settings: Settings, db: Database, *, lane: Lane) -> AsyncIterator[None]:
    """Serve until the end if the settings name a port; raises Unavailable if the port is taken."""
    if settings.metrics_port is None:
        yield
        return
    page = Page(db)

    async def metrics(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            admit(settings, client=request.remote, headers=headers)
        except (Unauthorized, Forbidden) as error:
            status = 401 if isinstance(error, Unauthorized) else 403
            return web.json_response({"detail": error.message, "remedy": error.remedy}, status=status)
        return web.Response(body=await page.text(), headers={"Content-Type": CONTENT_TYPE})

    async def healthz(request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "ok", "lane": lane})

    app = web.Application(client_max_size=1024)
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await _listen(runner, settings.metrics_host, settings.metrics_port + OFFSET[lane])
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise Unavailable(
            f"The worker cannot tell its metrics on {host}:{port}: {error.strerror or error}.",
            remedy="End the program that uses the port, or set LEO_METRICS_PORT to another.",
        ) from error
