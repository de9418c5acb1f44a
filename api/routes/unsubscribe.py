"""The link in every message: a page with a button, and the one click that mail programs send (RFC 8058).

Opening the page changes nothing, because programs that scan mail open every link.
"""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse

from api import throttle
from api.pages import HTML, page, unknown_link
from api.services import Services
from engine import clock
from engine.unsubscribe import PATH, PREFERENCES_PATH
from engine.withdrawals import withdraw
from rules.errors import NotFound, Unauthorized

router = APIRouter(tags=["unsubscribe"], dependencies=[Depends(throttle.by_address)])

Token = Annotated[str, Path(max_length=300, description="What stands at the end of the link in a message.")]

_FORM = """<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button type="submit">Ngừng nhận tin / Unsubscribe</button>
</form>"""


@router.get(PATH + "{token}", operation_id="showUnsubscribe", response_class=HTMLResponse, responses=HTML)
async def show_unsubscribe(token: Token, request: Request) -> HTMLResponse:
    """Show a page with a button; nothing changes before it is pressed."""
    services: Services = request.app.state.services
    try:
        services.links.verify(token)
    except Unauthorized:
        return unknown_link()
    return _said(
        "Ngừng nhận tin?",
        "Bấm nút để không nhận tin của chúng tôi qua kênh này nữa.",
        "Press the button to receive no more of our messages on this channel.",
        after=_FORM + _choose_instead(token),
    )


@router.post(PATH + "{token}", operation_id="unsubscribe", response_class=HTMLResponse, responses=HTML)
async def unsubscribe(token: Token, request: Request) -> HTMLResponse:
    """Withdraw the person's consent on the channel of the message, at once; pressing again changes nothing."""
    services: Services = request.app.state.services
    try:
        asked = services.links.verify(token)
        async with services.db.transaction(asked.tenant_id) as conn:
            await withdraw(conn, asked, at=clock.now())
    except (Unauthorized, NotFound):
        return unknown_link()
    return _said(
        "Đã ngừng nhận tin",
        "Bạn sẽ không nhận tin của chúng tôi qua kênh này nữa.",
        "You are unsubscribed: you will receive no more of our messages on this channel.",
        after=_choose_instead(token),
    )


def _choose_instead(token: str) -> str:
    return (
        f'<p><a href="{escape(PREFERENCES_PATH + token)}">Chọn loại tin muốn nhận '
        '<span lang="en">/ Choose what you receive</span></a></p>'
    )


def _said(title: str, vietnamese: str, english: str, *, after: str) -> HTMLResponse:
    body = f'<p>{escape(vietnamese)}</p>\n<p lang="en" class="second">{escape(english)}</p>\n{after}'
    return page(title, body)
