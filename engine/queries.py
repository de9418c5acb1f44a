"""Named SQL: each `engine/sql/<file>.sql` holds queries under `-- name: <name>` headings.

A heading may be followed by comment lines, which say what the query is for, and then by one statement. Parameters are
psycopg's `%(name)s`. A file without any heading is one script (bootstrap.sql).
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import LiteralString

_HEADING = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)$", re.MULTILINE)
_PACKAGED = "schema.sql"


def parse(text: str, *, file: str) -> dict[str, LiteralString]:
    """Split `text` at its headings; raises ValueError on a duplicate or an empty query."""
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    found: dict[str, LiteralString] = {}
    for heading, end in zip(headings, ends, strict=True):
        name = heading["name"]
        body = text[heading.end() : end].strip()
        if name in found or not body:
            raise ValueError(f"{file}: query {name} is empty or is there twice")
        # The text comes only from files of this package and never from input, which is what LiteralString promises.
        found[name] = body
    if not found:
        raise ValueError(f"{file}: no `-- name:` heading")
    return found


@cache
def queries(stem: str) -> Mapping[str, LiteralString]:
    """Give the queries of `engine/sql/<stem>.sql` by name."""
    text = files("engine").joinpath("sql", f"{stem}.sql").read_text(encoding="utf-8")
    return MappingProxyType(parse(text, file=f"{stem}.sql"))


@cache
def script(stem: str) -> LiteralString:
    """Give the whole text of `engine/sql/<stem>.sql`."""
    return files("engine").joinpath("sql", f"{stem}.sql").read_text(encoding="utf-8")


@cache
def schema() -> LiteralString:
    """Give schema.sql, which is next to this module in a wheel and at the top level in a checkout."""
    packed = files("engine").joinpath(_PACKAGED)
    if packed.is_file():
        return packed.read_text(encoding="utf-8")
    return files("rules").joinpath("..", _PACKAGED).read_text(encoding="utf-8")
