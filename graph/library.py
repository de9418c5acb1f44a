"""The library of audit queries in `cypher/library/`: what each answers, its search phrases, and what it is given.

    // Everything that was decided for one person, newest first.
    // kind: read
    // params: ext_id
    // returns: at text, campaign text, decided json
    // en: journey of customer {ext_id}
    // vi: hành trình của khách hàng {ext_id}

Each is a query that the guard lets through as it would a user's, so that it can be opened, changed and run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from graph import guard
from graph.cypher import CypherFileError, parse
from rules.errors import InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query: a text, a number or an instant (ISO 8601, UTC), and what people call it."""

    name: str
    kind: str
    en: str
    vi: str


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        one.name: one
        for one in (
            Parameter("ext_id", "text", "customer's id", "mã khách hàng"),
            Parameter("event_id", "number", "number of the event", "số của sự kiện"),
            Parameter("decision_id", "number", "number of the decision", "số của quyết định"),
            Parameter("delivery_id", "number", "number of the message", "số của lượt gửi"),
            Parameter("campaign", "text", "campaign's key", "mã chiến dịch"),
            Parameter("segment", "text", "segment's key", "mã phân khúc"),
            Parameter("product", "text", "product's key", "mã sản phẩm"),
            Parameter("since", "instant", "since when", "kể từ lúc"),
            Parameter("more_than", "number", "how many", "bao nhiêu"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Audit:
    """One query of the library. `phrases` are by language; a parameter's name in braces stands for its value."""

    name: str
    purpose: str
    phrases: Mapping[str, str]
    parameters: tuple[Parameter, ...]
    columns: tuple[str, ...]
    text: str


@cache
def audits() -> Mapping[str, Audit]:
    """Give every query of `cypher/library/`, by name; raises CypherFileError on one that cannot be used."""
    found = sorted((f for f in files("cypher").joinpath("library").iterdir() if f.name.endswith(".cypher")), key=str)
    read = (_read(file.name.removesuffix(".cypher"), file.read_text(encoding="utf-8")) for file in found)
    return MappingProxyType({one.name: one for one in read})


def audit(name: str) -> Audit:
    """Give one query; raises NotFound."""
    found = audits().get(name)
    if found is None:
        raise NotFound(f"The library has no query {name[:60]!r}.", remedy=f"There are: {', '.join(audits())}.")
    return found


def _read(name: str, text: str) -> Audit:
    header = parse(name, text)
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("//")).strip()
    try:
        query = guard.read(body)
    except InvalidInput as error:
        raise CypherFileError(f"{name}.cypher: {error.message}", remedy=error.remedy) from error
    columns = tuple(column for column, _ in header.columns)
    unknown = sorted(query.parameters - PARAMETERS.keys())
    if header.kind != "read" or columns != query.columns or unknown or header.phrases.keys() != {"en", "vi"}:
        raise CypherFileError(
            f"{name}.cypher: a query of the library reads, returns {query.columns}, has a phrase en and vi, and takes"
            f" parameters that graph/library.py describes; {unknown} are not.",
            remedy="Correct its header.",
        )
    return Audit(
        name=name,
        purpose=header.purpose,
        phrases=header.phrases,
        parameters=tuple(PARAMETERS[one] for one in sorted(query.parameters, key=body.index)),
        columns=columns,
        text=body,
    )
