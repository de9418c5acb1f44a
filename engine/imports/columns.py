"""What the columns of a CSV file mean: by their own names, by headings in common use, or by a mapping.

Columns are ext_id (required), name, locale, zone, email, phone, zalo_id, facebook_psid, telegram_id, consent (for every
channel), consent_<channel> and consent_at; any other is an attribute named after its heading. A heading that ends with
:number, :bool, :date or :list gives the type of its attribute, which is otherwise text.
"""

import tomllib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import cache, partial
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from engine.imports import cells
from rules.errors import InvalidInput
from rules.words import Channel

FIELDS = ("ext_id", "name", "locale", "zone")
ADDRESSES: Mapping[str, Channel] = {
    "email": Channel.EMAIL,
    "phone": Channel.ZALO_TEMPLATE,
    "zalo_id": Channel.ZALO_OA,
    "facebook_psid": Channel.FACEBOOK,
    "telegram_id": Channel.TELEGRAM,
}
CONSENTS: Mapping[str, Channel | None] = {"consent": None, **{f"consent_{channel}": channel for channel in Channel}}
CONSENT_AT = "consent_at"
_KNOWN = frozenset({*FIELDS, *ADDRESSES, *CONSENTS, CONSENT_AT})
_REMEDY = "Rename a column, or say what it is in a file of columns (leo import --columns)."


class Part(Enum):
    """The place in a document where the cells of a column go."""

    FIELD = auto()
    ADDRESS = auto()
    CONSENT = auto()
    CONSENT_AT = auto()
    ATTRIBUTE = auto()


@dataclass(frozen=True, slots=True)
class Column:
    heading: str
    part: Part
    name: str
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """How to read a file's columns: `mapped` gives what a heading stands for, empty to leave it out.

    `zone` is that of dates without one, `at` the instant of consents without a date.
    """

    zone: ZoneInfo
    at: datetime
    mapped: Mapping[str, str]

    def under(self, headings: Sequence[str]) -> "Sheet":
        """Give the reader of the rows below these headings; raises InvalidInput if they cannot be used."""
        plain = [unicodedata.normalize("NFC", heading).strip() for heading in headings]
        unknown = [heading for heading in self.mapped if heading not in plain]
        if unknown:
            raise InvalidInput(
                f"The file has no column {unknown[0]!r}.", remedy=f"It has {', '.join(filter(None, plain))}."
            )
        own = {name for heading in plain if (name := self.mapped.get(heading, heading)) in _KNOWN}
        columns = [self._column(heading, own) for heading in plain]
        _check(columns)
        return Sheet(tuple(columns), self.at)

    def _column(self, heading: str, own: set[str]) -> Column | None:
        name = self.mapped.get(heading)
        if name is None:
            recognised = _recognised().get(_bare(heading))
            # A column with exactly the name comes first; other headings that could mean the same become attributes.
            name = heading if heading in _KNOWN or recognised is None or recognised in own else recognised
        return _known(heading, name, self.zone) or _attribute(heading, name)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The columns of one file; columns that are left out are None."""

    columns: tuple[Column | None, ...]
    at: datetime

    def fits(self, row: Sequence[str]) -> bool:
        """Whether it has a cell for each column, and nothing beyond."""
        return len(row) >= len(self.columns) and not any(row[len(self.columns) :])

    def document(self, row: Sequence[str]) -> dict[str, Any]:
        """Give what a row says about a person; an empty cell says nothing. Raises InvalidInput naming the column.

        A consent without a date has `is_dated` false and the instant of the import.
        """
        if not self.fits(row):
            raise InvalidInput(f"It has {len(row)} cells, the headings are {len(self.columns)}.", remedy=_REMEDY)
        found: dict[Part, list[tuple[str, Any]]] = {part: [] for part in Part}
        for column, cell in zip(self.columns, row, strict=False):
            text = cell.strip()
            if column is not None and text:
                found[column.part].append((column.name, _read(column, text)))
        return self._document(found)

    def _document(self, found: Mapping[Part, Sequence[tuple[str, Any]]]) -> dict[str, Any]:
        document: dict[str, Any] = dict(found[Part.FIELD])
        if found[Part.ATTRIBUTE]:
            document["attributes"] = dict(found[Part.ATTRIBUTE])
        if found[Part.ADDRESS]:
            document["addresses"] = [
                {"channel": ADDRESSES[name], "value": value} for name, value in found[Part.ADDRESS]
            ]
        given = dict(found[Part.CONSENT_AT]).get(CONSENT_AT)
        if found[Part.CONSENT]:
            document["consents"] = [
                {"channel": CONSENTS[name], "granted": granted, "at": given or self.at, "is_dated": given is not None}
                for name, granted in found[Part.CONSENT]
            ]
        return document


def mapping(text: str) -> dict[str, str]:
    """Read a mapping file: TOML, with a line `"heading" = "column"` each, empty to leave one out.

    Raises InvalidInput.
    """
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(
            f"The file of columns is no TOML: {error}.", remedy='Write lines such as "Mobile" = "phone".'
        ) from error
    wrong = [heading for heading, name in read.items() if not isinstance(name, str)]
    if wrong:
        raise InvalidInput(f"The column {wrong[0]!r} is mapped to no name.", remedy='Write "heading" = "column".')
    return {unicodedata.normalize("NFC", heading).strip(): name.strip() for heading, name in read.items()}


def _known(heading: str, name: str, zone: ZoneInfo) -> Column | None:
    if name in FIELDS:
        return Column(heading, Part.FIELD, name, str)
    if name in ADDRESSES:
        return Column(heading, Part.ADDRESS, name, str)
    if name in CONSENTS:
        return Column(heading, Part.CONSENT, name, cells.yes_or_no)
    if name == CONSENT_AT:
        return Column(heading, Part.CONSENT_AT, name, partial(cells.instant, zone=zone))
    return None


def _attribute(heading: str, name: str) -> Column | None:
    stem, _, kind = name.rpartition(":")
    if kind in cells.KINDS and stem.strip():
        return Column(heading, Part.ATTRIBUTE, _attribute_name(stem), cells.KINDS[kind])
    return Column(heading, Part.ATTRIBUTE, name, str) if name else None


def _attribute_name(stem: str) -> str:
    return _recognised().get(_bare(stem), stem.strip())


def _read(column: Column, text: str) -> Any:
    try:
        return column.read(text)
    except ValueError as error:
        raise InvalidInput(f"In the column {column.heading!r}, {text[:60]!r}: {error}.", remedy=_REMEDY) from error


def _check(columns: Sequence[Column | None]) -> None:
    seen: dict[tuple[Part, str], str] = {}
    for column in filter(None, columns):
        place = (column.part, column.name)
        # A person may well have two addresses of one kind.
        if place in seen and column.part is not Part.ADDRESS:
            raise InvalidInput(f"{seen[place]!r} and {column.heading!r} are both {column.name}.", remedy=_REMEDY)
        seen[place] = column.heading
    if (Part.FIELD, "ext_id") not in seen:
        there = ", ".join(repr(column.heading) for column in columns if column is not None)
        raise InvalidInput(f"No column is ext_id, a person's own key; there are {there[:200]}.", remedy=_REMEDY)


@cache
def _recognised() -> Mapping[str, str]:
    """Give the column or attribute that a normalised heading stands for."""
    lists = tomllib.loads(files(__package__).joinpath("headings.toml").read_text(encoding="utf-8"))
    names = {_bare(name): name for name in (*_KNOWN, *lists["attributes"])}
    headings = {_bare(heading): name for part in lists.values() for name, given in part.items() for heading in given}
    return {**headings, **names}


def _bare(heading: str) -> str:
    """Give a heading in lower case without accents, spaces and punctuation."""
    parted = unicodedata.normalize("NFD", heading.casefold().replace("đ", "d"))
    return "".join(one for one in parted if one.isalnum())
