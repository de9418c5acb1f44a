"""Telegram's MarkdownV2: escaping ordinary text, and what a reader sees of it, by the official server's rules.

The rules and the wording of errors follow td/telegram/MessageEntity.cpp (channels/facts/telegram.toml, T3).
"""

import re

# Each of these needs a backslash to stand for itself in ordinary text (T1, section MarkdownV2 style).
RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_TEXT = re.compile(r"([_*\[\]()~`>#+\-=|{}.!\\])")
_PLAIN = re.compile(r"[^_*\[\]()~`>#+\-=|{}.!\\]+")
_LANGUAGE = re.compile(r"[^\s`]*\n")
_NAMES = {
    "*": "Bold", "_": "Italic", "__": "Underline", "~": "Strikethrough", "||": "Spoiler",
    "[": "TextUrl", "![": "CustomEmoji", "`": "Code", "```": "Pre",
}  # fmt: skip
_ENDS = {**{mark: mark for mark in _NAMES}, "[": "]", "![": "]"}
_LITERAL = frozenset({"`", "```"})
_LAST_ESCAPABLE = 126


class MarkupError(ValueError):
    """What the server would say, without its prefix."""


def escape(text: str) -> str:
    """Make ordinary text appear as it is written."""
    return _TEXT.sub(r"\\\1", text)


def read(markup: str) -> str:
    """Give the text that is left after entities are parsed; raises MarkupError."""
    return _Reader(markup).read()


class _Reader:
    def __init__(self, markup: str) -> None:
        self.markup = markup
        self.at = 0
        self.parts: list[str] = []
        self.open: list[tuple[str, int]] = []

    def read(self) -> str:
        while self.at < len(self.markup):
            self._step()
        if self.open:
            mark, start = self.open[-1]
            raise MarkupError(f"Can't find end of {_NAMES[mark]} entity at byte offset {self._offset(start)}")
        return "".join(self.parts)

    def _step(self) -> None:
        letter = self.markup[self.at]
        following = self.markup[self.at + 1 : self.at + 2]
        if letter == "\\" and following and 0 < ord(following) <= _LAST_ESCAPABLE:
            self._take(following, 2)
        elif self._is_inside(_LITERAL):
            self._literal()
        elif (plain := _PLAIN.match(self.markup, self.at)) is not None:
            self._take(plain.group(), len(plain.group()))
        elif letter not in RESERVED:
            self._take(letter, 1)
        else:
            self._mark()

    def _is_inside(self, marks: frozenset[str]) -> bool:
        return bool(self.open) and self.open[-1][0] in marks

    def _literal(self) -> None:
        mark = self.open[-1][0]
        if self.markup.startswith(mark, self.at):
            self.open.pop()
            self.at += len(mark)
        else:
            self._take(self.markup[self.at], 1)

    def _mark(self) -> None:
        mark = self._mark_here()
        if self.open and mark is not None and _ENDS[self.open[-1][0]] == mark:
            opened, _ = self.open.pop()
            self.at += len(mark)
            if opened in ("[", "!["):
                self._skip_link()
        elif mark in _NAMES:
            self.open.append((str(mark), self.at))
            self.at += len(str(mark))
            language = _LANGUAGE.match(self.markup, self.at) if mark == "```" else None
            self.at = self.at if language is None else language.end()
        elif self.markup[self.at] == ">" and (self.at == 0 or self.markup[self.at - 1] == "\n"):
            self.at += 1
        else:
            letter = self.markup[self.at]
            raise MarkupError(f"Character '{letter}' is reserved and must be escaped with the preceding '\\'")

    def _mark_here(self) -> str | None:
        """Give the longest mark that begins here; two underscores are greedily read as one mark."""
        for mark in ("```", "__", "||", "![", "*", "_", "~", "[", "`", "]"):
            if self.markup.startswith(mark, self.at):
                return mark
        return None

    def _skip_link(self) -> None:
        """Skip `(address)`, which no reader sees; without it the text is the address."""
        if not self.markup.startswith("(", self.at):
            return
        start = self.at
        self.at += 1
        while self.at < len(self.markup) and self.markup[self.at] != ")":
            self.at += 2 if self.markup[self.at] == "\\" else 1
        if self.at >= len(self.markup):
            raise MarkupError(f"Can't find end of a URL at byte offset {self._offset(start)}")
        self.at += 1

    def _take(self, text: str, length: int) -> None:
        self.parts.append(text)
        self.at += length

    def _offset(self, position: int) -> int:
        return len(self.markup[:position].encode("utf-8", "replace"))
