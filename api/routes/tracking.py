"""Where the links and the picture of a mail lead: on to the address that we signed, recording the outcome on the way.

Whoever clicked arrives, whether or not the outcome could be recorded.
"""

import base64
import logging
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import RedirectResponse

from api import throttle
from api.pages import UNKNOWN, unknown_link
from api.services import Services
from engine import clock
from engine.tracking import CLICK_PATH, OPEN_PATH, Mark, leads_through, record, visit_of
from rules.errors import LeoError, NotFound, Unauthorized

router = APIRouter(tags=["unsubscribe"], dependencies=[Depends(throttle.by_address)])

Token = Annotated[str, Path(max_length=2_400, description="What stands at the end of the link in a mail.")]

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
# One transparent pixel.
_PICTURE = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_REDIRECTED: dict[int | str, dict[str, Any]] = {302: {"description": "On to the address that the link was made for."}}
_GIF: dict[int | str, dict[str, Any]] = {200: {"content": {"image/gif": {"example": "GIF89a"}}}}

log = logging.getLogger(__name__)


@router.head(CLICK_PATH + "{token}", include_in_schema=False)
@router.get(
    CLICK_PATH + "{token}",
    operation_id="followLink",
    response_class=RedirectResponse,
    status_code=HTTPStatus.FOUND,
    responses=_REDIRECTED | UNKNOWN,
)
async def follow_link(token: Token, request: Request) -> Response:
    """Record, once, that a link of a mail was clicked, and redirect to the address in the signed token."""
    mark = _mark(token, request)
    if mark is None or mark.target is None or not leads_through(mark.target):
        return unknown_link()
    await _keep(mark, request)
    return RedirectResponse(mark.target, status_code=HTTPStatus.FOUND, headers=_HEADERS)


@router.head(OPEN_PATH + "{token}", include_in_schema=False)
@router.get(OPEN_PATH + "{token}", operation_id="showPicture", response_class=Response, responses=_GIF)
async def show_picture(token: Token, request: Request) -> Response:
    """Record, once, that a mail was opened, and give a picture of one transparent pixel."""
    mark = _mark(token, request)
    if mark is None or mark.target is not None:
        raise NotFound("There is no such picture.", remedy="Load it from the mail itself.")
    await _keep(mark, request)
    return Response(_PICTURE, media_type="image/gif", headers=_HEADERS)


def _mark(token: str, request: Request) -> Mark | None:
    services: Services = request.app.state.services
    try:
        return services.adapters.marks.verify(token)
    except Unauthorized:
        return None


async def _keep(mark: Mark, request: Request) -> None:
    services: Services = request.app.state.services
    seen = visit_of(mark, request.method, request.headers)
    if seen.machine is not None:
        log.info("a machine looked", extra={"machine": seen.machine, "is_click": mark.target is not None})
        return
    try:
        async with services.db.transaction(mark.tenant_id) as conn:
            await record(conn, mark, seen, at=clock.now())
    except LeoError as error:
        log.warning("a visit was not kept", extra={"code": error.code, "error": str(error)})
