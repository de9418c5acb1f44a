"""Reading Telegram's HTML as the official server does, with its error texts; the emulator judges by it.

The texts and the order of checks follow td/telegram/MessageEntity.cpp (see channels/facts/telegram.toml, T3); what that
accepts silently (unknown attributes, unknown references) is accepted here.
"""

import re
from html import unescape

TAGS = frozenset(
    {
        *("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote"),
        *("tg-spoiler", "span", "tg-emoji", "tg-time"),
    }
)
START = re.compile(r"<([^\s>/]*)((?:\s+[^\s=>]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+))?)*)\s*>")
END = re.compile(r"</([^\s>]*)\s*>")
SPOILER = re.compile(r"class\s*=\s*[\"']?tg-spoiler")
REFERENCE = re.compile(r"&(?:lt|gt|amp|quot|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});")
PREFIX = "Bad Request: can't parse entities: "


class EntityError(ValueError):
    """The description the official server would answer."""


def parse(html: str) -> str:
    """Give the text left when entities are parsed; raises EntityError with the server's own words."""
    parts: list[str] = []
    open_tags: list[str] = []
    position = 0
    while (bracket := html.find("<", position)) >= 0:
        parts.append(html[position:bracket])
        offset = len(html[:bracket].encode("utf-8", "replace"))
        if html.startswith("</", bracket):
            position = _close(html, bracket, offset, open_tags)
        else:
            position = _open(html, bracket, offset, open_tags)
    parts.append(html[position:])
    if open_tags:
        raise EntityError(f'{PREFIX}Can\'t find end tag corresponding to start tag "{open_tags[-1]}"')
    return REFERENCE.sub(lambda found: unescape(found.group()), "".join(parts))


def _open(html: str, start: int, offset: int, open_tags: list[str]) -> int:
    name = re.match(r"[^\s>]*", html[start + 1 :])
    tag = name.group().lower() if name else ""
    if start + 1 + len(tag) >= len(html):
        raise EntityError(f"{PREFIX}Unclosed start tag at byte offset {offset}")
    if tag not in TAGS:
        raise EntityError(f'{PREFIX}Unsupported start tag "{tag}" at byte offset {offset}')
    found = START.match(html, start)
    if found is None:
        raise EntityError(f"{PREFIX}Unclosed start tag at byte offset {offset}")
    if tag == "span" and not SPOILER.search(found.group(2)):
        raise EntityError(f'{PREFIX}Tag "span" must have class "tg-spoiler" at byte offset {offset}')
    open_tags.append(tag)
    return found.end()


def _close(html: str, start: int, offset: int, open_tags: list[str]) -> int:
    if not open_tags:
        raise EntityError(f"{PREFIX}Unexpected end tag at byte offset {offset}")
    found = END.match(html, start)
    if found is None:
        raise EntityError(f"{PREFIX}Unclosed end tag at byte offset {offset}")
    expected, tag = open_tags.pop(), found.group(1).lower()
    if tag not in ("", expected):
        raise EntityError(
            f'{PREFIX}Unmatched end tag at byte offset {offset}, expected "</{expected}>", found "</{tag}>"'
        )
    return found.end()
