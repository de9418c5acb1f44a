"""A callback URL that keeps what it is told, and can be down for a while."""

from typing import Any

from aiohttp import web


class WebhookServer:
    """Listens on loopback; answers `status` and keeps every request."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> "WebhookServer":
        app = web.Application(client_max_size=67_108_864)
        app.router.add_post("/hook", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        return web.json_response({}, status=self.status)

    @property
    def accepted(self) -> list[Any]:
        return self.requests if self.status == 200 else []
