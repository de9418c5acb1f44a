"""What surrounds every request, in one plain ASGI layer: its id, a limit on its body, no error left unanswered."""

import logging
import re
import time
import uuid

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from engine.metrics import count

BODY_LIMIT = 1_048_576
REQUEST_ID_HEADER = "X-Request-ID"
_TOO_LARGE = f"The body is larger than {BODY_LIMIT} octets."
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

log = logging.getLogger(__name__)


class Envelope:
    """Give each request an id (the caller's where it is usable), refuse bodies over 1 MB, answer what is unforeseen."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get(REQUEST_ID_HEADER, "")
        request_id = given if _USABLE_ID.fullmatch(given) else uuid.uuid4().hex
        scope["leo.request_id"] = request_id
        has_started = False
        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                _count(scope, message["status"], time.perf_counter() - began)
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        try:
            if _declared_length(request) > BODY_LIMIT:
                response = problems.problem(
                    request, 413, code="too_large", detail=_TOO_LARGE, remedy="Send less at once."
                )
                await response(scope, receive, send_with_id)
                return
            await self._app(scope, _limited(receive), send_with_id)
        except Exception:
            log.exception("request %s: %s %s", request_id, request.method, request.url.path)
            if has_started:
                raise
            await problems.unexpected(request)(scope, receive, send_with_id)


def _count(scope: Scope, status: int, seconds: float) -> None:
    """Count by the route's template: paths hold keys of people, and there is no end of them."""
    route = getattr(scope.get("route"), "path", "unmatched")
    # Any word may stand for a method.
    method = scope["method"] if scope["method"] in _METHODS else "other"
    count.request(method=method, route=route, status=status, seconds=seconds)


def _declared_length(request: Request) -> int:
    declared = request.headers.get("Content-Length", "0")
    return int(declared) if declared.isascii() and declared.isdigit() else 0


def _limited(receive: Receive) -> Receive:
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_LIMIT:
            raise HTTPException(413, detail=_TOO_LARGE)
        return message

    return limited
