"""Inline keyboards as Telegram's server reads them: what it refuses, in its words, and what a person would see.

The texts follow td/telegram/ReplyMarkup.cpp and telegram-bot-api/Client.cpp (channels/facts/telegram.toml, T2 and T3).
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from channels import facts
from channels.sandbox.entities import EntityError

FACTS = facts.load("telegram")
_PREFIX = "Bad Request: can't parse inline keyboard button: "


def read(markup: Any) -> list[dict[str, str]]:
    """Give the buttons of a `reply_markup`, row by row; raises EntityError with the server's description."""
    if isinstance(markup, str) and markup:
        try:
            markup = json.loads(markup)
        except (ValueError, RecursionError) as error:
            raise EntityError("Bad Request: can't parse reply keyboard markup JSON object") from error
    if markup in (None, ""):
        return []
    if not isinstance(markup, Mapping):
        raise EntityError("Bad Request: object expected as reply markup")
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise EntityError('Bad Request: field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    return [_button(button) for row in rows for button in row]


def _button(button: Any) -> dict[str, str]:
    if not isinstance(button, Mapping):
        raise EntityError(f"{_PREFIX}InlineKeyboardButton must be an Object")
    title, url, data = button.get("text"), button.get("url"), button.get("callback_data")
    if not isinstance(title, str):
        raise EntityError(f'{_PREFIX}Can\'t find field "text"')
    if url:
        return {"title": title, "url": _url(str(url))}
    if not isinstance(data, str):
        raise EntityError(f"{_PREFIX}Text buttons are unallowed in the inline keyboard")
    if not 0 < len(data.encode("utf-8", "replace")) <= FACTS.limit("button_reply_octets"):
        raise EntityError("Bad Request: BUTTON_DATA_INVALID")
    return {"title": title, "reply": data}


def _url(url: str) -> str:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https", "tg", "ton"):
        raise EntityError(f"Bad Request: inline keyboard button URL '{url}' is invalid: Unsupported URL protocol")
    if parts.scheme in ("http", "https") and "." not in host:
        raise EntityError(f"Bad Request: inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    return url
