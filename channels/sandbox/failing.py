"""A planned failure over HTTP: an answer in the provider's own form, no answer at all, or the connection cut."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from channels.sandbox.faults import PlannedFault

HANG_S = 600.0


async def fail(
    request: web.Request, fault: PlannedFault, answer: Callable[[PlannedFault], web.Response]
) -> web.StreamResponse:
    """Fail as planned; `answer` writes a reply as the provider would."""
    if fault.mode == "reply":
        response = answer(fault)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        response.headers.update({str(name): str(value) for name, value in dict(fault.headers).items()})
        return response
    if fault.mode == "hang":
        await asyncio.sleep(HANG_S)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
