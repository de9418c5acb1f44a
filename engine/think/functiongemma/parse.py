"""Reading calls back from a model's output, as pieces, so that a brace inside a text is just text."""

import json
import re
from collections.abc import Sequence
from typing import Any

from engine.think.contract import Call
from engine.think.functiongemma.render import Mark, Piece

MOST_NESTED = 16
MOST_CALLS = 16
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,99}")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?")
_WORDS = {"true": True, "false": False, "null": None}


class Unreadable(ValueError):
    """The model's output is not a call, and why."""


def parse(pieces: Sequence[Piece]) -> tuple[Call, ...]:
    """Read the calls, one after another; raises Unreadable for anything else between or inside them."""
    reader = _Reader(pieces)
    calls: list[Call] = []
    while not reader.is_over():
        if len(calls) == MOST_CALLS:
            raise Unreadable(f"more than {MOST_CALLS} calls")
        calls.append(reader.call())
    if not calls:
        raise Unreadable("no call")
    return tuple(calls)


class _Reader:
    """Reads from left to right: `_at` is the piece, `_in` the place inside it if it is a text."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._at = 0
        self._in = 0
        self._nested = 0

    def is_over(self) -> bool:
        return self._here() is None

    def call(self) -> Call:
        self._mark(Mark.CALL)
        self._expect("call:")
        name = self._match(_NAME, "a name")
        arguments = self._object()
        self._mark(Mark.CALL_END)
        return Call(name, arguments)

    def _object(self) -> dict[str, Any]:
        self._expect("{")
        found: dict[str, Any] = {}
        while not self._accept("}"):
            if found:
                self._expect(",")
            name = self._match(_NAME, "a name")
            if name in found:
                raise Unreadable(f"{name} stands twice")
            self._expect(":")
            found[name] = self._value()
        return found

    def _list(self) -> list[Any]:
        self._expect("[")
        found: list[Any] = []
        while not self._accept("]"):
            if found:
                self._expect(",")
            found.append(self._value())
        return found

    def _value(self) -> Any:
        self._nested += 1
        if self._nested > MOST_NESTED:
            raise Unreadable(f"nested more than {MOST_NESTED} times")
        value = self._plain()
        self._nested -= 1
        return value

    def _plain(self) -> Any:
        here = self._here()
        if here is Mark.QUOTE:
            return self._quoted()
        rest = self._rest()
        if rest.startswith("{"):
            return self._object()
        if rest.startswith("["):
            return self._list()
        for word, value in _WORDS.items():
            if self._accept(word):
                return value
        return json.loads(self._match(_NUMBER, "a value"))

    def _quoted(self) -> str:
        self._mark(Mark.QUOTE)
        here = self._here()
        text = ""
        if isinstance(here, str) and not isinstance(here, Mark):
            text = self._rest()
            self._at, self._in = self._at + 1, 0
        self._mark(Mark.QUOTE)
        return text

    def _here(self) -> Piece | None:
        """The piece at this place; a text that was read to its end is behind us."""
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            if isinstance(piece, Mark) or self._in < len(piece):
                return piece
            self._at, self._in = self._at + 1, 0
        return None

    def _rest(self) -> str:
        here = self._here()
        return here[self._in :] if here is not None and not isinstance(here, Mark) else ""

    def _mark(self, mark: Mark) -> None:
        if self._here() is not mark:
            raise Unreadable(f"{mark} is missing")
        self._at, self._in = self._at + 1, 0

    def _accept(self, text: str) -> bool:
        if not self._rest().startswith(text):
            return False
        self._in += len(text)
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise Unreadable(f"{text!r} is missing before {self._rest()[:20]!r}")

    def _match(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self._rest())
        if found is None:
            raise Unreadable(f"{what} is missing before {self._rest()[:20]!r}")
        self._in += found.end()
        return found[0]
