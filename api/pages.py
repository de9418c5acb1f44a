"""The few pages for people without an account: plain HTML, readable without styles, scripts or cookies."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from typing import Any

from fastapi.responses import HTMLResponse

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
_PAGE_CONTENT: dict[str, Any] = {"text/html": {"example": "<!doctype html>..."}}
UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"description": "A page that says that this is no link of ours.", "content": _PAGE_CONTENT}
}
HTML: dict[int | str, dict[str, Any]] = {200: {"content": _PAGE_CONTENT}, **UNKNOWN}
_PAGE = """<!doctype html>
<html lang="{locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
body {{ font: 17px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 8vh auto; padding: 0 1.2rem; color: #1b1f24; }}
h1 {{ font-size: 1.4rem; }}
button {{ font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #0b5cad; color: #fff; }}
button.plain {{ background: #fff; color: #0b5cad; box-shadow: inset 0 0 0 1px #0b5cad; }}
button:focus-visible, a:focus-visible, input:focus-visible {{ outline: 3px solid #e8a200; outline-offset: 2px; }}
fieldset {{ border: 1px solid #c4cad1; border-radius: .4rem; margin: 0 0 1rem; padding: .4rem 1rem .8rem; }}
legend {{ font-weight: 600; padding: 0 .4rem; }}
label {{ display: block; padding: .35rem 0; }}
input[type=checkbox] {{ width: 1.1rem; height: 1.1rem; margin-right: .6rem; vertical-align: -.1rem; }}
[role=status] {{ background: #e6f4ea; padding: .6rem 1rem; border-radius: .4rem; }}
.second {{ color: #57606a; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def page(title: str, body: str, *, locale: str = "vi", status: HTTPStatus = HTTPStatus.OK) -> HTMLResponse:
    """Give a page; `title` is text and is escaped here, `body` is HTML."""
    text = _PAGE.format(locale=escape(locale), title=escape(title), body=body)
    return HTMLResponse(text, status_code=status, headers=dict(HEADERS))


def unknown_link() -> HTMLResponse:
    """Say, in both languages, that a link is not one of ours."""
    return page(
        "Liên kết không đúng",
        "<p>Liên kết này không hợp lệ. Hãy mở lại liên kết trong tin nhắn.</p>"
        '<p lang="en" class="second">This link is not valid. Open the link from the message again.</p>',
        status=HTTPStatus.NOT_FOUND,
    )
