"""What an operator or a test asks of the generated CDP: to make worlds, look at them, and change them."""

from aiohttp import web

from channels.sandbox.arango import changes
from channels.sandbox.arango.server import ArangoApi
from channels.sandbox.arango.worlds import Worlds
from channels.sandbox.control import read_json


class ArangoControl:
    """The control endpoints of the CDP."""

    def __init__(self, worlds: Worlds, api: ArangoApi) -> None:
        self._worlds = worlds
        self._api = api

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/_sandbox/arango/stats", self._stats),
            web.post("/_sandbox/arango/worlds", self._create),
            web.get("/_sandbox/arango/worlds/{database}", self._manifest),
            web.post("/_sandbox/arango/worlds/{database}/changes", self._change),
        ]

    async def _stats(self, _request: web.Request) -> web.Response:
        """`GET /_sandbox/arango/stats`: requests by query, and how many items were returned."""
        return web.json_response(self._api.stats())

    async def _create(self, request: web.Request) -> web.Response:
        """`POST /_sandbox/arango/worlds`: make one, replacing any of that name; gives its manifest."""
        return web.json_response(self._worlds.create(await read_json(request)).manifest())

    async def _manifest(self, request: web.Request) -> web.Response:
        """`GET /_sandbox/arango/worlds/<database>`: what is in it now, and what a sync must arrive at."""
        return web.json_response(self._worlds.world(request.match_info["database"]).manifest())

    async def _change(self, request: web.Request) -> web.Response:
        """`POST /_sandbox/arango/worlds/<database>/changes`: see `changes.REMEDY`."""
        world = self._worlds.world(request.match_info["database"])
        return web.json_response({"changed": changes.apply(world, await read_json(request))})
