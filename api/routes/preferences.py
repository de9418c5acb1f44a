"""The preference page: what a person receives, per channel and purpose, chosen without an account or scripts."""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse

from api import throttle
from api.pages import HTML, page, unknown_link
from api.services import Services
from engine import clock, preferences
from engine.preferences import Preference
from engine.unsubscribe import PREFERENCES_PATH
from rules.errors import NotFound, Unauthorized
from rules.words import Channel

router = APIRouter(tags=["unsubscribe"], dependencies=[Depends(throttle.by_address)])

Token = Annotated[str, Path(max_length=300, description="What stands at the end of the link in a message.")]
Language = Annotated[str | None, Query(max_length=5, description="vi or en; the person's own if absent.")]

MOST_FIELDS = 500
_WORDS: Mapping[str, Mapping[str, str]] = {
    "vi": {
        "title": "Bạn muốn nhận tin gì?",
        "lead": "Đánh dấu những loại tin bạn muốn nhận, rồi bấm Lưu.",
        "save": "Lưu lựa chọn",
        "stop": "Ngừng nhận mọi tin",
        "saved": "Đã lưu lựa chọn của bạn.",
        "other": "English",
        "marketing": "Ưu đãi và tin mới",
        "service": "Thông báo dịch vụ",
        "transactional": "Đơn hàng và giao dịch",
    },
    "en": {
        "title": "What would you like to receive?",
        "lead": "Tick what you want to receive, then press Save.",
        "save": "Save my choice",
        "stop": "Stop all messages",
        "saved": "Your choice is saved.",
        "other": "Tiếng Việt",
        "marketing": "Offers and news",
        "service": "Service messages",
        "transactional": "Orders and transactions",
    },
}
_CHANNELS: Mapping[Channel, tuple[str, str]] = {
    Channel.EMAIL: ("Thư điện tử", "E-mail"),
    Channel.ZALO_OA: ("Tin nhắn Zalo", "Zalo messages"),
    Channel.ZALO_TEMPLATE: ("Thông báo Zalo", "Zalo notifications"),
    Channel.FACEBOOK: ("Messenger", "Messenger"),
    Channel.TELEGRAM: ("Telegram", "Telegram"),
    Channel.APP_PUSH: ("Thông báo trong ứng dụng", "App notifications"),
    Channel.WEB_PUSH: ("Thông báo trình duyệt", "Browser notifications"),
    Channel.CHAT: ("Hộp thư trên trang web", "Inbox on the web site"),
}


@router.get(PREFERENCES_PATH + "{token}", operation_id="showPreferences", response_class=HTMLResponse, responses=HTML)
async def show_preferences(token: Token, request: Request, lang: Language = None) -> HTMLResponse:
    """Show what a person receives, as a form; nothing changes before the form is sent."""
    services: Services = request.app.state.services
    try:
        asked = services.links.verify(token)
        async with services.db.transaction(asked.tenant_id) as conn:
            found = await preferences.read(conn, asked)
    except (Unauthorized, NotFound):
        return unknown_link()
    return _form(found, token, lang)


@router.post(
    PREFERENCES_PATH + "{token}", operation_id="choosePreferences", response_class=HTMLResponse, responses=HTML
)
async def choose_preferences(token: Token, request: Request, lang: Language = None) -> HTMLResponse:
    """Store what a person chose: `shown` lists the fields of the form, `wanted` those that were ticked."""
    services: Services = request.app.state.services
    given = _fields(await request.body())
    at = clock.now()
    try:
        asked = services.links.verify(token)
        async with services.db.transaction(asked.tenant_id) as conn:
            if "stop" in given:
                await preferences.stop(conn, asked, at=at)
            else:
                shown, wanted = given.get("shown", []), given.get("wanted", [])
                await preferences.choose(conn, asked, shown=shown, wanted=wanted, at=at)
            found = await preferences.read(conn, asked)
    except (Unauthorized, NotFound):
        return unknown_link()
    return _form(found, token, lang, is_saved=True)


def _fields(body: bytes) -> Mapping[str, list[str]]:
    """Read a form; a body that is not a form has no fields."""
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}


def _form(found: preferences.Preferences, token: str, lang: str | None, *, is_saved: bool = False) -> HTMLResponse:
    own = "vi" if found.locale.startswith("vi") else "en"
    language = lang if lang is not None and lang in _WORDS else own
    other = "en" if language == "vi" else "vi"
    words = _WORDS[language]
    groups = groupby(found.items, key=lambda one: one.channel)
    sets = "\n".join(_fieldset(channel, items, words, is_english=language == "en") for channel, items in groups)
    here = escape(PREFERENCES_PATH + token)
    body = f"""{f'<p role="status">{words["saved"]}</p>' if is_saved else ""}
<p>{words["lead"]}</p>
<form method="post" action="{here}?lang={language}">
{sets}
<p><button type="submit">{words["save"]}</button></p>
<p><button type="submit" name="stop" value="all" class="plain">{words["stop"]}</button></p>
</form>
<p class="second"><a href="{here}?lang={other}" lang="{other}" hreflang="{other}">{words["other"]}</a></p>"""
    return page(words["title"], body, locale=language)


def _fieldset(channel: Channel, items: Iterable[Preference], words: Mapping[str, str], *, is_english: bool) -> str:
    rows = "\n".join(
        f'<label><input type="hidden" name="shown" value="{escape(one.name)}">'
        f'<input type="checkbox" name="wanted" value="{escape(one.name)}"{" checked" if one.granted else ""}>'
        f"{escape(words.get(one.purpose, one.purpose))}</label>"
        for one in items
    )
    return f"<fieldset><legend>{escape(_CHANNELS[channel][is_english])}</legend>\n{rows}</fieldset>"
