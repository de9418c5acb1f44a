"""Cypher files: one query each in `cypher/*.cypher`, a header that this module reads, then plain Cypher.

    // A person's journey, newest first.
    // kind: read
    // params: profile_id
    // returns: at text, what text, detail json
    MATCH (p:Profile) WHERE p.profile_id = $profile_id ...

AGE answers an unknown label and a missing parameter with no rows instead of an error, so both are checked here: labels
against the schema's when the files are loaded, parameters each time a query runs. Column types are the five that
psycopg reads without a parser of its own: text, bigint, double precision, boolean, json.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, LiteralString, cast

from rules.errors import InvalidInput, LeoError

COLUMN_TYPES = frozenset({"text", "bigint", "double precision", "boolean", "json"})
GRAPH_NAME = re.compile(r"^leo_[a-z][a-z0-9_]{2,40}$")

_HEADER = re.compile(r"^// (?P<key>kind|params|returns|en|vi): (?P<value>.*)$")
_PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*)")
_LABELS = re.compile(r"[(\[]\s*\w*\s*:\s*([A-Za-z_]+(?:\s*\|\s*[A-Za-z_]+)*)")
_NOT_CODE = re.compile(r"//[^\n]*|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_PARAMETER_OR_NOT_CODE = re.compile(rf"(?:{_NOT_CODE.pattern})|\$(?P<name>[a-z_][a-z0-9_]*)")
_BODY_QUOTE = "$cypher$"


class CypherFileError(LeoError):
    """A .cypher file that cannot be used; the message names the file and the fault."""

    code = "cypher_file"


@dataclass(frozen=True, slots=True)
class CypherQuery:
    """One file: `text` is the whole of it, `columns` pairs a name with its type."""

    name: str
    purpose: str
    kind: Literal["read", "write"]
    parameters: frozenset[str]
    columns: tuple[tuple[str, str], ...]
    labels: frozenset[str]
    text: LiteralString
    # How people would ask the question in words, by language; empty for a query that nobody asks for directly.
    phrases: Mapping[str, str] = field(default_factory=dict)

    def sql(self, graph: str) -> LiteralString:
        """Wrap the text for one tenant's graph; `$1` is the map of parameters, as one JSON text.

        The condition is the tenant border: a graph that is not the current tenant's gives no rows. Raises InvalidInput
        on a name that is not one of our graphs, because AGE does not take the name as a parameter.
        """
        return self._wrapped(graph, self.text, argument=", $1")

    def literal(self, graph: str, **values: Any) -> LiteralString:
        """Give the same statement with its values written into it, for a person to paste into psql.

        Raises InvalidInput on parameters that the query does not declare, and on a text that would end the quotes.
        """
        self.arguments(values)
        filled = _PARAMETER_OR_NOT_CODE.sub(
            lambda found: json.dumps(values[found["name"]], ensure_ascii=False) if found["name"] else found[0],
            self.text,
        )
        if _BODY_QUOTE in filled:
            raise InvalidInput(f"{_BODY_QUOTE} cannot be written into a query.", remedy="Pass it as a parameter.")
        return self._wrapped(graph, filled, argument="")

    def _wrapped(self, graph: str, text: LiteralString, *, argument: LiteralString) -> LiteralString:
        if not GRAPH_NAME.fullmatch(graph):
            raise InvalidInput(f"{graph!r} is no graph of ours.", remedy="Pass the tenant's graph_name.")
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self.columns)
        # Only file text and a checked identifier; see the pattern above.
        return (
            f"SELECT * FROM ag_catalog.cypher('{graph}', {_BODY_QUOTE}\n{text}\n{_BODY_QUOTE}{argument})\n"  # noqa: S608
            f"AS ({columns})\nWHERE (SELECT leo_graph()) = '{graph}'"
        )

    def arguments(self, given: Mapping[str, Any]) -> str:
        """Give `$1`: exactly the declared parameters, as JSON. Raises InvalidInput naming those that differ."""
        if given.keys() != self.parameters:
            wrong = ", ".join(sorted(given.keys() ^ self.parameters))
            raise InvalidInput(f"Query {self.name} does not take these parameters: {wrong}.", remedy="See its header.")
        return json.dumps(dict(given), ensure_ascii=False)


def quoted(text: str) -> str:
    """Put the text between dollar quotes that do not occur in it: a query may contain any text, even `$leo$`."""
    number = 0
    while f"$leo{number}$" in text:
        number += 1
    return f"$leo{number}$\n{text}\n$leo{number}$"


def parse(name: str, text: str) -> CypherQuery:
    """Read one file; raises CypherFileError if its header is missing or says something unknown."""
    header: dict[str, str] = {}
    purpose: list[str] = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        found = _HEADER.match(line)
        if found:
            # A long list continues on another line with the same key.
            said = (header.get(found["key"]), found["value"].strip().rstrip(","))
            header[found["key"]] = ", ".join(filter(None, said))
        else:
            purpose.append(line.removeprefix("//").strip())
    code = _NOT_CODE.sub(" ", text)
    used = frozenset(_PARAMETER.findall(code))
    kind = header.get("kind")
    declared = frozenset(filter(None, (word.strip() for word in header.get("params", "").split(","))))
    columns = tuple(_column(name, part) for part in header.get("returns", "").split(",") if part.strip())
    if kind not in {"read", "write"} or not columns or not purpose:
        raise CypherFileError(
            f"{name}.cypher: the header needs a sentence, kind and returns.", remedy="See graph/cypher.py."
        )
    if used != declared:
        raise CypherFileError(
            f"{name}.cypher: params differ from those used: {sorted(used ^ declared)}.", remedy="Declare them."
        )
    if _BODY_QUOTE in text:
        raise CypherFileError(f"{name}.cypher: {_BODY_QUOTE} cannot be in a query.", remedy="Remove it.")
    return CypherQuery(
        name=name,
        purpose=" ".join(purpose),
        kind=cast("Literal['read', 'write']", kind),
        parameters=declared,
        columns=columns,
        labels=frozenset(label.strip() for found in _LABELS.findall(code) for label in found.split("|")),
        # The text comes only from files of this package, which is what LiteralString promises.
        text=text.rstrip(),
        phrases={language: header[language] for language in ("en", "vi") if language in header},
    )


def _column(name: str, part: str) -> tuple[str, str]:
    column, _, kind = part.strip().partition(" ")
    if kind not in COLUMN_TYPES:
        raise CypherFileError(
            f"{name}.cypher: column {column} has type {kind!r}.", remedy=f"Use one of {sorted(COLUMN_TYPES)}."
        )
    return column, kind


@cache
def library() -> Mapping[str, CypherQuery]:
    """Give every query of `cypher/`, by name."""
    found = sorted((f for f in files("cypher").iterdir() if f.name.endswith(".cypher")), key=lambda f: f.name)
    parsed = (parse(file.name.removesuffix(".cypher"), file.read_text(encoding="utf-8")) for file in found)
    return MappingProxyType({query.name: query for query in parsed})
