"""What surrounds every request, in one plain ASGI layer: its id, a limit on its body, and an answer to every error."""

import asyncio
import logging
import re
import time
import uuid

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems, throttle
from engine import lines, tracing
from engine.metrics import count

BODY_LIMIT = 1_048_576
# Longer than a phone on a bad line takes for 1 MB, and the longest that a client dripping bytes can hold a connection.
BODY_S = 60.0
# Browsers call these paths from another origin (a tenant's web site), which has to be able to read errors too.
OPEN_TO_SITES = "/inbox/"
REQUEST_ID_HEADER = "X-Request-ID"
_TOO_LARGE = f"The body is larger than {BODY_LIMIT} octets."
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WATCHING = frozenset({"/healthz", "/readyz", "/metrics"})
_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

log = logging.getLogger(__name__)


class Envelope:
    """Give each request an id (the caller's if it is usable), refuse bodies over 1 MB, and answer unforeseen errors."""

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
        with (
            lines.about(request=request_id),
            tracing.span("request", parent=request.headers.get("traceparent"), request=request_id) as span,
        ):
            status = await self._answer(request, receive, send, time.perf_counter())
            if span is not None:
                span.update_name(f"{_method(scope)} {_route(scope)}")
                span.set_attribute("http.response.status_code", status)

    async def _answer(self, request: Request, receive: Receive, send: Send, began: float) -> int:
        """Have the request answered; give the status of the answer, or 0 if the caller had left before."""
        scope, status = request.scope, 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _tell(scope, status, time.perf_counter() - began)
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = scope["leo.request_id"]
                headers.update(throttle.headers(scope))
                if scope["path"].startswith(OPEN_TO_SITES):
                    headers["Access-Control-Allow-Origin"] = "*"
            await send(message)

        try:
            if _declared_length(request) > BODY_LIMIT:
                response = problems.problem(
                    request, 413, code="too_large", detail=_TOO_LARGE, remedy="Send less at once."
                )
                await response(scope, receive, send_with_id)
                return status
            await self._app(scope, _limited(receive), send_with_id)
        except Exception:
            log.exception("a request failed", extra={"method": _method(scope), "route": _route(scope)})
            if status:
                raise
            await problems.unexpected(request)(scope, receive, send_with_id)
        return status


def _route(scope: Scope) -> str:
    """Name the route by its template: paths contain people's keys, and there are unboundedly many of them."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _method(scope: Scope) -> str:
    """Name the method; a client may send any word as one."""
    return str(scope["method"]) if scope["method"] in _METHODS else "other"


def _tell(scope: Scope, status: int, seconds: float) -> None:
    """Count the answer and log it; requests that only monitor us are logged only if somebody wants to see all."""
    method, route = _method(scope), _route(scope)
    count.request(method=method, route=route, status=status, seconds=seconds)
    level = logging.DEBUG if route in _WATCHING else logging.INFO
    extra = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
    log.log(level, "request answered", extra=extra)


def _declared_length(request: Request) -> int:
    declared = request.headers.get("Content-Length", "0")
    return int(declared) if declared.isascii() and declared.isdigit() else 0


def _limited(receive: Receive) -> Receive:
    received, is_whole = 0, False
    until = asyncio.get_running_loop().time() + BODY_S

    async def limited() -> Message:
        nonlocal received, is_whole
        try:
            # Once the body has arrived, only the caller's disconnecting is waited for.
            async with asyncio.timeout_at(None if is_whole else until):
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(408, detail=f"The body did not come within {BODY_S:g} s.") from error
        is_whole = is_whole or not message.get("more_body", False)
        received += len(message.get("body", b""))
        if received > BODY_LIMIT:
            raise HTTPException(413, detail=_TOO_LARGE)
        return message

    return limited
