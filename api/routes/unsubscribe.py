"""The link in every message: a page with a button, and the one click that mail programs send (RFC 8058).

Opening the page changes nothing: programs that scan mail open every link.
"""

from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse

from api.services import Services
from engine.unsubscribe import PATH
from engine.withdrawals import withdraw
from rules.errors import NotFound, Unauthorized

router = APIRouter(tags=["unsubscribe"])

Token = Annotated[str, Path(max_length=300, description="What stands at the end of the link in a message.")]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_PAGE = """<!doctype html>
<html lang="vi">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 17px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto; padding: 0 1.2rem; color: #1b1f24; }}
h1 {{ font-size: 1.4rem; }}
button {{ font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #0b5cad; color: #fff; }}
[lang=en] {{ color: #57606a; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{vietnamese}</p>
<p lang="en">{english}</p>
{form}
</body>
</html>
"""
_FORM = """<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button type="submit">Ngừng nhận tin / Unsubscribe</button>
</form>"""
_HTML: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"example": "<!doctype html>..."}}}}


@router.get(PATH + "{token}", operation_id="showUnsubscribe", response_class=HTMLResponse, responses=_HTML)
async def show_unsubscribe(token: Token, request: Request) -> HTMLResponse:
    """Show a page with a button; nothing is changed before it is pressed."""
    services: Services = request.app.state.services
    try:
        services.links.verify(token)
    except Unauthorized:
        return _unknown()
    return _page(
        "Ngừng nhận tin?",
        "Bấm nút để không nhận tin của chúng tôi qua kênh này nữa.",
        "Press the button to receive no more of our messages on this channel.",
        form=_FORM,
    )


@router.post(PATH + "{token}", operation_id="unsubscribe", response_class=HTMLResponse, responses=_HTML)
async def unsubscribe(token: Token, request: Request) -> HTMLResponse:
    """Withdraw the person's consent on the channel of the message, at once and as often as it is pressed."""
    services: Services = request.app.state.services
    try:
        asked = services.links.verify(token)
        async with services.db.transaction(asked.tenant_id) as conn:
            await withdraw(conn, asked, at=datetime.now(UTC))
    except (Unauthorized, NotFound):
        return _unknown()
    return _page(
        "Đã ngừng nhận tin",
        "Bạn sẽ không nhận tin của chúng tôi qua kênh này nữa.",
        "You are unsubscribed: you will receive no more of our messages on this channel.",
    )


def _unknown() -> HTMLResponse:
    return _page(
        "Liên kết không đúng",
        "Liên kết này không hợp lệ. Hãy mở lại liên kết trong tin nhắn.",
        "This link is not valid. Open the link from the message again.",
        status=HTTPStatus.NOT_FOUND,
    )


def _page(
    title: str, vietnamese: str, english: str, *, form: str = "", status: HTTPStatus = HTTPStatus.OK
) -> HTMLResponse:
    text = _PAGE.format(title=escape(title), vietnamese=escape(vietnamese), english=escape(english), form=form)
    return HTMLResponse(text, status_code=status, headers=_HEADERS)
