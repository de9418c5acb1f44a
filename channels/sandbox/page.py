"""What would have been sent, as a page: a list for each channel, every message much as the person would see it.

Nothing in a message runs here: names and texts are escaped, a mail's HTML is in a frame that may do nothing, and the
page's own policy lets it load nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from importlib import resources
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from channels.buttons import is_web
from channels.sandbox.record import Record
from rules.words import Channel

MOST_SHOWN = 200
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
BUBBLES = frozenset({Channel.TELEGRAM, Channel.ZALO_OA, Channel.ZALO_TEMPLATE, Channel.FACEBOOK, Channel.CHAT})
STYLE = resources.files("channels.sandbox").joinpath("page.css").read_text(encoding="utf-8")


class Page:
    """Shows what the record contains; `search` looks in addresses, titles, texts and event ids."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/", self.show), web.get("/_sandbox/page", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """`GET /?channel=email&search=...`: the newest first, at most 200."""
        channel = request.query.get("channel", "")
        search = request.query.get("search", "").strip()[:200]
        found = [line for line in self._record.newest() if _is_meant(line, channel, search.casefold())]
        counts = self._record.stats()["messages"]
        body = "".join(_article(line, self._record.html_of(line["number"])) for line in found[:MOST_SHOWN])
        text = _page(_head(counts, channel, search, len(found)), body or _none(search))
        return web.Response(text=text, content_type="text/html", headers=HEADERS)


def _is_meant(line: Mapping[str, Any], channel: str, search: str) -> bool:
    if channel and line["channel"] != channel:
        return False
    places = (line["address"], line["subject"], line["text"], line["event_id"])
    return not search or any(search in str(place or "").casefold() for place in places)


def _head(counts: Mapping[str, int], channel: str, search: str, found: int) -> str:
    links = "".join(
        _link(name, count, channel, search) for name, count in [("", sum(counts.values())), *counts.items()]
    )
    return (
        "<header><h1>What would have been sent</h1>"
        "<p>The sandbox took these messages in place of the providers. Nobody got any of them.</p>"
        f"<nav>{links}</nav>"
        f'<form><input type="hidden" name="channel" value="{escape(channel)}">'
        f'<input type="search" name="search" value="{escape(search)}" aria-label="Search" '
        'placeholder="Address, words or delivery"><button>Search</button></form>'
        f"<p>{min(found, MOST_SHOWN)} of {found} shown, the newest first.</p></header>"
    )


def _link(name: str, count: int, channel: str, search: str) -> str:
    where = escape("?" + urlencode({"channel": name, "search": search}))
    current = ' aria-current="page"' if name == channel else ""
    return f'<a href="{where}"{current}>{escape(name or "all")} {count}</a>'


def _article(line: Mapping[str, Any], html: str | None) -> str:
    at = datetime.fromtimestamp(line["at"], ZONE)
    facts = [
        f"<span>{escape(str(line['channel']))}</span><b>{escape(str(line['address']))}</b>",
        f"<time>{at:%H:%M:%S %d/%m/%Y}</time><span>no. {line['number']}</span>",
        f"<span title='{escape(str(line['event_id']))}'>{escape(str(line['event_id'])[:12])}</span>",
    ]
    return f"<article><p>{''.join(facts)}</p><div class=shown>{_shown(line, html)}</div></article>"


def _shown(line: Mapping[str, Any], html: str | None) -> str:
    title = f"<h2>{escape(str(line['subject']))}</h2>" if line["subject"] else ""
    words = f'<p class="words">{escape(str(line["text"]))}</p>{_buttons(line.get("buttons", ()))}'
    if html is not None:
        return f'{title}<iframe sandbox="" title="The mail" srcdoc="{escape(html)}"></iframe>'
    if line["channel"] in BUBBLES:
        return f'<div class="bubble">{title}{words}</div>'
    if line["channel"] in (Channel.APP_PUSH, Channel.WEB_PUSH):
        return f'<div class="notice">{title}{words}</div>'
    return title + words


def _buttons(pressed: Sequence[Mapping[str, str]]) -> str:
    """Show buttons; only web addresses can be followed."""
    shown = (
        f'<a class="button" rel="noreferrer" href="{escape(one["url"])}">{escape(one["title"])}</a>'
        if is_web(one.get("url", ""))
        else f'<span class="button" title="{escape(one.get("reply", ""))}">{escape(one["title"])}</span>'
        for one in pressed
    )
    return f'<p class="buttons">{"".join(shown)}</p>' if pressed else ""


def _none(search: str) -> str:
    words = "Nothing here has these words." if search else "Nothing has come yet."
    return f'<p class="none">{words}</p>'


def _page(head: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Sandbox: what would have been sent</title><style>{STYLE}</style>{head}<main>{body}</main></html>"
    )
