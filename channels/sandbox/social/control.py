"""What a test or an operator asks of the social emulators: who was heard of, applications, tokens."""

from collections.abc import Mapping

from aiohttp import web

from channels.sandbox.control import read_json
from channels.sandbox.social.base import Town
from channels.sandbox.social.facebook import GraphApi
from channels.sandbox.social.zalo import ZaloApi
from rules.errors import InvalidInput

HEARD_REMEDY = 'Post {"channel": "zalo_oa"|"facebook", "address": "...", "hours_ago": 200} (null: never).'


class SocialControl:
    """The endpoints below `/_sandbox/social`."""

    def __init__(self, town: Town, zalo: ZaloApi, graph: GraphApi) -> None:
        self._town = town
        self._zalo = zalo
        self._graph = graph

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/_sandbox/social/heard", self.heard),
            web.post("/_sandbox/social/apps", self.apps),
            web.post("/_sandbox/social/revoke", self.revoke),
            web.get("/_sandbox/social/tokens", self.tokens),
        ]

    async def heard(self, request: web.Request) -> web.Response:
        """Set when somebody was last heard of."""
        given = await read_json(request)
        hours_ago = given.get("hours_ago") if isinstance(given, Mapping) else False
        if isinstance(hours_ago, bool) or not isinstance(hours_ago, int | float | None):
            raise InvalidInput("Who was heard of is wrong.", remedy=HEARD_REMEDY)
        self._town.windows.hear(str(given.get("channel")), str(given.get("address")), hours_ago=hours_ago)
        return web.json_response({"heard": hours_ago})

    async def apps(self, request: web.Request) -> web.Response:
        """Register an application and give the tokens that its consent page would give."""
        app = self._town.tokens.register(await read_json(request))
        return web.json_response(self._graph.grant(app) if app.kind == "facebook" else self._zalo.grant(app))

    async def revoke(self, request: web.Request) -> web.Response:
        """End a token, as a changed password or a removed app does."""
        given = await read_json(request)
        self._town.tokens.revoke(given.get("token") if isinstance(given, Mapping) else None)
        return web.json_response({"revoked": True})

    async def tokens(self, _request: web.Request) -> web.Response:
        """List every token with how often it was used and refused."""
        return web.json_response({"tokens": self._town.tokens.listed()})
