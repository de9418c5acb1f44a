"""The words, numbers, texts and marks of a query, each with its place; anything else is refused.

Deliberately narrower than AGE's own scanner, so that both see the same words: names are ASCII, a run of operator signs
is one operator, `$` starts a parameter and never occurs inside a name, and there are no comments to hide anything in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn, cast

from graph.guard.words import MOST_CHARACTERS, WRITES
from rules.errors import InvalidInput
from rules.faults import Fault, Value

Kind = Literal["name", "parameter", "string", "number", "mark", "end"]

# AGE reads JSON's escapes; the NUL character and unpaired surrogates are not characters to PostgreSQL.
_ESCAPE = r"\\(?:[\\/'\"bfnrt]|u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4})"
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<parameter>(?<![A-Za-z0-9_])\$[a-z_][a-z0-9_]*(?!\$))"
    r"|(?P<number>(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?(?![A-Za-z0-9_]|\.(?!\.)))"
    rf"|(?P<string>'(?:[^'\\]|{_ESCAPE})*'|\"(?:[^\"\\]|{_ESCAPE})*\")"
    r"|(?P<mark>[-+*/%^=<>!~|&?@#]+|::|\.\.|[()\[\],.:{};`])"
)
_MARKS = frozenset({*"()[],.:", *"+-*/%^=<>", "<>", "<=", ">=", "->", "<-"})
# Texts in a query may contain tabs and line breaks, but no other control characters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# Kinds of rules/faults/cypher.py, with what to write instead.
_WHY_NOT = {
    "::": ("no_cast", "Use toInteger, toFloat, toString or toBoolean."),
    "..": ("no_range", "Write a pattern of fixed length, or a list."),
    "`": ("no_backtick", "Use a name of letters, digits and underscores."),
    ";": ("no_semicolon", "Send the statements one by one."),
    "{": ("no_map", "Compare with WHERE, as in: WHERE p.ext_id = $ext_id."),
    "}": ("no_map", "Compare with WHERE, as in: WHERE p.ext_id = $ext_id."),
    "$": ("lonely_dollar", "Write it as $name, in small letters, after a space."),
    "'": ("open_text", r"End it with ' and write \ as \\."),
    '"': ("open_text", r'End it with " and write \ as \\.'),
    "|": ("one_kind", "Write a MATCH for each kind."),
    "--": ("no_bare_edge", "Write an edge as -[:KIND]->."),
    "-->": ("no_brackets", "Write it as -[:KIND]->."),
    "<--": ("no_brackets", "Write it as <-[:KIND]-."),
}
_APART = "Put spaces around operators, and other characters into quotes."
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the query at the offset `at`; `end` is the offset after it."""

    kind: Kind
    text: str
    at: int

    @property
    def until(self) -> int:
        return self.at + len(self.text)

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these words (in capitals) or marks."""
        return self.kind in {"name", "mark"} and self.text.upper() in words


class Cursor:
    """The words of a query, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._read())
        self._next = 0

    @property
    def here(self) -> Token:
        return self._tokens[self._next]

    @property
    def following(self) -> Token:
        """The word after `here`; at the end, the end marker."""
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)]

    @property
    def before(self) -> Token:
        """The word that was taken last."""
        return self._tokens[self._next - 1]

    def take(self) -> Token:
        taken = self.here
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return taken

    def accept(self, *words: str) -> bool:
        """Take these words, one after the other, or none of them."""
        begun = self._next
        for word in words:
            if not self.here.is_word(word):
                self._next = begun
                return False
            self.take()
        return True

    def expect(self, word: str) -> Token:
        if not self.here.is_word(word):
            if self.here.kind == "end":
                self.refuse_here("expected_at_end", wanted=word)
            self.refuse_here("expected", wanted=word, found=self.here.text[:_SHOWN])
        return self.take()

    def refuse_here(
        self, kind: str, *, remedy: str = "See the words a query may have in docs/graph.md.", **values: Value
    ) -> NoReturn:
        """Say why the query cannot go on here; a word that writes is named as such."""
        if self.here.kind == "name" and self.here.text.upper() in WRITES:
            self.refuse("only_read", at=self.here.at, remedy="Leave it out.", word=self.here.text.upper())
        self.refuse(kind, at=self.here.at, remedy=remedy, **values)

    def refuse(self, kind: str, *, at: int, remedy: str, **values: Value) -> NoReturn:
        """Raise InvalidInput with line and column, both counted from 1; `kind` is one of rules/faults/cypher.py."""
        line = self._text.count("\n", 0, at) + 1
        column = at - (self._text.rfind("\n", 0, at) + 1) + 1
        fault = Fault(f"cypher.{kind}", "query", {"line": line, "column": column, **values})
        raise InvalidInput(fault.say().en, remedy=remedy, fault=fault)

    def _read(self) -> Iterator[Token]:
        if len(self._text) > MOST_CHARACTERS:
            self.refuse(
                "too_long",
                at=0,
                remedy=f"Write at most {MOST_CHARACTERS:,}.",
                count=len(self._text),
                most=MOST_CHARACTERS,
            )
        if found := _UNPRINTABLE.search(self._text):
            self.refuse("unprintable", at=found.start(), remedy="Remove it.", text=found[0])
        at = 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            kind = cast("Kind | Literal['space']", match.lastgroup) if match else None
            if match is None or kind is None or (kind == "mark" and match[0] not in _MARKS):
                self._refuse_unknown(match[0] if match else self._text[at], at)
            if kind != "space":
                yield Token(kind, match[0], at)
            at = match.end()
        yield Token("end", "", at)

    def _refuse_unknown(self, text: str, at: int) -> NoReturn:
        if text.startswith(("//", "/*")):
            self.refuse("no_comment", at=at, remedy="Leave them out.")
        if text not in _WHY_NOT:
            self.refuse("unknown_sign", at=at, remedy=_APART, text=text)
        kind, remedy = _WHY_NOT[text]
        self.refuse(kind, at=at, remedy=remedy)
