"""Reading a file of people line by line, whatever its size: each line gives a document, or why it gives none."""

import csv
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO

from engine.imports.columns import Columns, Sheet
from rules.errors import InvalidInput

LONGEST_LINE = 1_048_576
# So many lines a row may span: behind a quotation mark that is never closed no more than these are read twice.
MOST_OF_A_ROW = 100
# What is told of a refused line.
LONGEST_ORIGINAL = 500
# In order of preference if a heading line has equally many of two.
DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')
# Excel writes this above the headings to name its delimiter.
_NAMED_DELIMITER = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_REMEDY = "Give a CSV file in UTF-8 whose first line names its columns."
_UNCLOSED = "a quotation mark is opened and not closed"


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or several lines that one quoted cell spans; `number` is the first.

    It has a document or a reason for none.
    """

    number: int
    original: str
    document: Mapping[str, Any] | None
    reason: str | None = None


class Numbered(Iterator[str]):
    """The numbered lines of a text; no more than LONGEST_LINE characters of one are ever in memory.

    `first` and `original` are the number and the beginning of what was read since the last `begin()`. A line that is
    longer is passed over with a ValueError, and so is what makes a row longer than MOST_OF_A_ROW lines.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._number = 0
        self._ahead: deque[str] = deque()
        self._taken: list[str] = []
        self.first = 0
        self.original = ""

    def begin(self) -> None:
        self.first = self._number + 1
        self.original = ""
        self._taken.clear()

    def peek(self) -> str:
        """Give the next line without taking it; empty at the end."""
        if not self._ahead:
            self._ahead.append(self._text.readline(LONGEST_LINE))
            if _is_cut(self._ahead[0]):
                self._pass_over()
        return self._ahead[0]

    def give_back(self) -> None:
        """Put back what was taken since `begin()`, but for its first line."""
        again = self._taken[1:]
        self._ahead.extendleft(reversed(again))
        self._number -= len(again)
        self._taken.clear()

    def __next__(self) -> str:
        if len(self._taken) >= MOST_OF_A_ROW:
            raise ValueError(_UNCLOSED)
        line = self.peek()
        if not line:
            raise StopIteration
        self._ahead.popleft()
        self._taken.append(line)
        self._number += 1
        if len(self.original) < LONGEST_ORIGINAL:
            self.original = (self.original + line[:LONGEST_ORIGINAL])[:LONGEST_ORIGINAL]
        if _is_cut(line):
            raise ValueError(f"it is longer than {LONGEST_LINE} characters")
        return line

    def _pass_over(self) -> None:
        while (rest := self._text.readline(LONGEST_LINE)) and not rest.endswith("\n"):
            pass

    def read(self, document: Mapping[str, Any]) -> Line:
        return Line(self.first, self._shown(), document)

    def refused(self, reason: str) -> Line:
        return Line(self.first, self._shown(), None, reason)

    def _shown(self) -> str:
        """Give the original with bytes that are not UTF-8 spelled out, so that it can be printed and stored."""
        return self.original.rstrip("\r\n").encode("utf-8", "backslashreplace").decode()


def _is_cut(line: str) -> bool:
    return len(line) == LONGEST_LINE and not line.endswith("\n")


def read_json(text: TextIO) -> Iterator[Line]:
    """Read JSON Lines: one document per line, as POST /profiles takes it."""
    lines = Numbered(text)
    while lines.peek():
        lines.begin()
        try:
            line = next(lines)
            if line.isspace():
                continue
            _check_encoding(line)
            document = json.loads(line, parse_constant=_not_finite)
        except (ValueError, RecursionError) as error:
            yield lines.refused(f"It cannot be read as JSON: {error}.")
            continue
        yield lines.read(document) if isinstance(document, dict) else lines.refused("It is no JSON object.")


def read_csv(text: TextIO, columns: Columns) -> Iterator[Line]:
    """Read CSV below a line of headings; raises InvalidInput if that line cannot be used."""
    lines = Numbered(text)
    reader = csv.reader(lines, delimiter=_delimiter(lines), strict=True)
    sheet = columns.under(_headings(reader))
    while lines.peek():
        lines.begin()
        try:
            row = next(reader)
        except (csv.Error, ValueError) as error:
            yield lines.refused(f"It cannot be read as CSV: {_said(error)}.")
            lines.give_back()
            continue
        if any(map(str.strip, row)):
            yield _row(lines, sheet, row)


def _row(lines: Numbered, sheet: Sheet, row: Sequence[str]) -> Line:
    try:
        _check_encoding("\n".join(row))
        return lines.read(sheet.document(row))
    except ValueError as error:
        return lines.refused(f"It cannot be read as CSV: {error}.")
    except InvalidInput as error:
        refused = lines.refused(error.message)
    if not sheet.fits(row):
        # Its quotation mark was closed by that of another line, whose people are their own.
        lines.give_back()
    return refused


def _said(error: Exception) -> str:
    return _UNCLOSED if str(error) == "unexpected end of data" else str(error)


def _delimiter(lines: Numbered) -> str:
    """Give the delimiter of the cells: the one that is named, else the most frequent outside quotes in the headings."""
    first = lines.peek()
    if (named := _NAMED_DELIMITER.fullmatch(first)) is not None:
        next(lines)
        return named[1]
    bare = _QUOTED.sub("", first)
    return max(DELIMITERS, key=bare.count)


def _headings(reader: Iterator[list[str]]) -> Sequence[str]:
    try:
        headings = next(reader, [])
        _check_encoding("\n".join(headings))
    except (csv.Error, ValueError) as error:
        raise InvalidInput(f"The headings cannot be read: {error}.", remedy=_REMEDY) from error
    if not headings:
        raise InvalidInput("There is no line of headings.", remedy=_REMEDY)
    return headings


def _check_encoding(text: str) -> None:
    """Raise ValueError if a byte was not UTF-8; the file is opened so that such a byte becomes a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it is not UTF-8") from None


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
