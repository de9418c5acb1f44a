"""Words, numbers, texts and marks of a query and where each stands; what is none of them is refused.

Narrower than AGE's own scanner on purpose, so that both see the same words: names are ASCII, a run of operator signs is
one operator, a `$` begins a parameter and never stands inside a name, and there are no comments to hide anything in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn, cast

from graph.guard.words import MOST_CHARACTERS, WRITES
from rules.errors import InvalidInput
from rules.faults import Fault, Value

Kind = Literal["name", "parameter", "string", "number", "mark", "end"]

# AGE reads the escapes of JSON; the text 0 and halves of pairs are no characters to PostgreSQL.
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
# Texts of a query hold tabs and new lines, and no other character of control.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_WHY_NOT = {
    "::": ("Casts with '::' are not taken.", "Use toInteger, toFloat, toString or toBoolean."),
    "..": ("Ranges with '..' are not taken.", "Write a pattern of fixed length, or a list."),
    "`": ("Names in backticks are not taken.", "Use a name of letters, digits and underscores."),
    ";": ("A query is one statement and has no ';'.", "Send the statements one by one."),
    "{": ("Maps in '{}' are not taken.", "Compare with WHERE, as in: WHERE p.ext_id = $ext_id."),
    "}": ("Maps in '{}' are not taken.", "Compare with WHERE, as in: WHERE p.ext_id = $ext_id."),
    "$": ("A '$' has to begin the name of a parameter.", "Write it as $name, in small letters, after a space."),
    "'": ("This text does not end, or holds an unknown escape.", r"End it with ' and write \ as \\."),
    '"': ("This text does not end, or holds an unknown escape.", r'End it with " and write \ as \\.'),
    "|": ("An edge has one kind.", "Write a MATCH for each kind."),
    "--": ("Comments and edges without brackets are not taken.", "Write an edge as -[:KIND]->."),
    "-->": ("An edge is written with brackets.", "Write it as -[:KIND]->."),
    "<--": ("An edge is written with brackets.", "Write it as <-[:KIND]-."),
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the query, at the offset `at`; `end` stands behind the last one."""

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
        """The word after `here`; at the end, the end."""
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
            self.refuse_here(f"{word} is expected here, not {self._shown()}.")
        return self.take()

    def refuse_here(
        self, sentence: str, *, remedy: str = "See the words a query may have in docs/graph.md."
    ) -> NoReturn:
        """Say why the query ends here; a word that writes is named as such."""
        if self.here.kind == "name" and self.here.text.upper() in WRITES:
            sentence, remedy = f"{self.here.text.upper()} is not taken: queries only read.", "Leave it out."
        self.refuse(sentence, at=self.here.at, remedy=remedy)

    def refuse(self, sentence: str, *, at: int, remedy: str) -> NoReturn:
        """Raise InvalidInput with line and column, both counted from 1."""
        line = self._text.count("\n", 0, at) + 1
        column = at - (self._text.rfind("\n", 0, at) + 1) + 1
        values: dict[str, Value] = {"line": line, "column": column, "said": sentence, "remedy": remedy}
        fault = Fault("cypher.refused", "query", values)
        raise InvalidInput(f"Cypher, line {line}, column {column}: {sentence}", remedy=remedy, fault=fault)

    def _shown(self) -> str:
        return "the end" if self.here.kind == "end" else repr(self.here.text[:40])

    def _read(self) -> Iterator[Token]:
        if len(self._text) > MOST_CHARACTERS:
            self.refuse(
                f"The query has {len(self._text):,} characters.", at=0, remedy=f"Write at most {MOST_CHARACTERS:,}."
            )
        if found := _UNPRINTABLE.search(self._text):
            self.refuse(f"The character {found[0]!r} is not taken.", at=found.start(), remedy="Remove it.")
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
            self.refuse("Comments are not taken.", at=at, remedy="Leave them out.")
        sentence, remedy = _WHY_NOT.get(
            text, (f"{text!r} is not taken here.", "Put spaces around operators, and other characters into quotes.")
        )
        self.refuse(sentence, at=at, remedy=remedy)
