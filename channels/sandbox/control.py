"""The control endpoints of the sandbox: look at what arrived, plan failures, choose outcomes."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from channels.contract import Secret
from channels.sandbox.callback import Callback, Sent, Target
from channels.sandbox.faults import Faults
from channels.sandbox.plan import Chances, Step
from channels.sandbox.record import Record
from channels.sandbox.telegram import BotApi
from rules.errors import InvalidInput, NotFound
from rules.words import OutcomeType

BODY_LIMIT = 67_108_864
OVERRIDE_REMEDY = 'Post {"<event_id or address>": ["read", {"type": "bought", "value": 9.5}], ...}.'
ACCOUNT_REMEDY = 'Post {"account": "<login>", "url": "http://...", "secret": "..."}.'


class Clearable(Protocol):
    """An emulator that forgets what was done to it."""

    def clear(self) -> None: ...


class Outcomes:
    """Decides the outcomes of a message: what was asked for by event_id or address, otherwise at random."""

    def __init__(self, chances: Chances, callback: Callback) -> None:
        self._chances = chances
        self._callback = callback
        self._asked: dict[str, list[tuple[OutcomeType, float | None]]] = {}

    def ask(self, document: Any) -> int:
        """Plan outcomes by event_id or address, for messages that arrive later; raises InvalidInput."""
        if not isinstance(document, Mapping):
            raise InvalidInput("Outcomes are an object.", remedy=OVERRIDE_REMEDY)
        asked = {str(key): _asked(key, outcomes) for key, outcomes in document.items()}
        self._asked |= asked
        return len(asked)

    def on_message(self, sent: Sent) -> None:
        asked = self._asked.get(sent.event_id, self._asked.get(sent.address))
        steps: list[Step] = (
            self._chances.plan(sent.event_id, sent.channel)
            if asked is None
            else self._chances.steps(sent.event_id, asked)
        )
        self._callback.schedule(sent, steps)

    def clear(self) -> None:
        self._asked.clear()


class Control:
    """What an operator or a test asks of the sandbox."""

    def __init__(
        self,
        *,
        record: Record,
        faults: Faults,
        outcomes: Outcomes,
        callback: Callback,
        more: Sequence[Clearable] = (),
    ) -> None:
        self._record = record
        self._faults = faults
        self._outcomes = outcomes
        self._callback = callback
        self._more = more

    async def messages(self, request: web.Request) -> web.Response:
        """`GET /_sandbox/messages?limit=100`: the newest messages, the oldest of them first."""
        limit = request.query.get("limit", "100")
        if not (limit.isascii() and limit.isdigit()):
            raise InvalidInput("The limit is no number.", remedy="Give a limit such as 100.")
        return web.json_response({"messages": self._record.last(int(limit))})

    async def stats(self, _request: web.Request) -> web.Response:
        """`GET /_sandbox/stats`: counts of messages, of repeated event_ids and of outcomes."""
        return web.json_response({**self._record.stats(), "outcomes": self._callback.stats()})

    async def faults(self, request: web.Request) -> web.Response:
        """`POST /_sandbox/faults`: one failure or a list of them."""
        document = await read_json(request)
        given = document if isinstance(document, list) else [document]
        for fault in given:
            self._faults.add(fault)
        return web.json_response({"planned": len(given)})

    async def outcomes(self, request: web.Request) -> web.Response:
        """`POST /_sandbox/outcomes`: the outcomes of coming messages, by event_id or address."""
        return web.json_response({"asked": self._outcomes.ask(await read_json(request))})

    async def accounts(self, request: web.Request) -> web.Response:
        """`POST /_sandbox/accounts`: where the outcomes of a mail login go, as set on a mail provider's web page."""
        document = await read_json(request)
        names = ("account", "url", "secret")
        if not isinstance(document, Mapping) or not all(isinstance(document.get(n), str) for n in names):
            raise InvalidInput("An account is wrong.", remedy=ACCOUNT_REMEDY)
        self._callback.connect(document["account"], Target(url=document["url"], secret=Secret(document["secret"])))
        return web.json_response({"connected": document["account"]})

    async def reset(self, _request: web.Request) -> web.Response:
        """`POST /_sandbox/reset`: forget messages, failures, outcomes, counts and changes; the record file stays."""
        parts: tuple[Clearable, ...] = (self._record, self._faults, self._outcomes, self._callback, *self._more)
        for part in parts:
            part.clear()
        return web.json_response({"reset": True})


def application(control: Control, bot: BotApi, more: Iterable[web.AbstractRouteDef]) -> web.Application:
    """Join the Bot API, the control endpoints and more of both sorts."""
    app = web.Application(middlewares=[_told], client_max_size=BODY_LIMIT)
    app.router.add_route("*", "/bot{token}/{method}", bot.handle)
    app.router.add_get("/_sandbox/messages", control.messages)
    app.router.add_get("/_sandbox/stats", control.stats)
    app.router.add_post("/_sandbox/faults", control.faults)
    app.router.add_post("/_sandbox/outcomes", control.outcomes)
    app.router.add_post("/_sandbox/accounts", control.accounts)
    app.router.add_post("/_sandbox/reset", control.reset)
    app.router.add_routes(more)
    return app


@web.middleware
async def _told(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn a caller's mistake into 422, or 404, with its sentence."""
    try:
        return await handler(request)
    except InvalidInput as error:
        return web.json_response({"error": error.code, "detail": str(error)}, status=422)
    except NotFound as error:
        return web.json_response({"error": error.code, "detail": str(error)}, status=404)


def _asked(key: Any, outcomes: Any) -> list[tuple[OutcomeType, float | None]]:
    given = outcomes if isinstance(outcomes, list) else [None]
    pairs = [(item.get("type"), item.get("value")) if isinstance(item, Mapping) else (item, None) for item in given]
    for name, value in pairs:
        if name not in set(OutcomeType) or not isinstance(value, int | float | None):
            raise InvalidInput(f"The outcomes of {key} are wrong.", remedy=OVERRIDE_REMEDY)
    return [(OutcomeType(str(name)), value) for name, value in pairs]


async def read_json(request: web.Request) -> Any:
    """Give what was posted; raises InvalidInput."""
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The request is no JSON.", remedy="Post JSON.") from error
