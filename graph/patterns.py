"""Graph patterns of segments: queries that give the ids of people, from `cypher/patterns/` or written inline.

A pattern becomes one sub-select that a larger statement can hold:

    p.profile_id IN (SELECT profile_id FROM ag_catalog.cypher('leo_acme', $leo$...$leo$, %(graph_1)s) AS ...)

AGE finds nobody, and raises nothing, where a label or a parameter is missing, so both are checked here.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import LiteralString

from graph import guard
from graph.cypher import GRAPH_NAME, CypherFileError, parse, quoted
from rules.conditions.nodes import Pattern, Scalar
from rules.errors import InvalidInput, NotFound
from rules.faults import Fault

_COLUMNS = (("profile_id", "bigint"),)
_PEOPLE = "leo_people"
_PERSON = "leo_person"


@dataclass(frozen=True, slots=True)
class Named:
    """A pattern of the library: what it finds, in one sentence, and its parameters."""

    name: str
    purpose: str
    parameters: frozenset[str]
    query: guard.Guarded


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pattern with its values, ready for any tenant's graph."""

    query: guard.Guarded
    text: str
    values: Mapping[str, Scalar | list[int]]

    def sql(self, graph: str, placeholder: str = "pattern") -> LiteralString:
        """Give a SELECT of `profile_id`, in which a person may occur more than once.

        It takes one parameter, `argument()`, under the name `placeholder`. Raises InvalidInput on a name that is not
        one of our graphs.
        """
        return _wrapped(graph, self.text, placeholder)

    def argument(self) -> str:
        return json.dumps(dict(self.values), ensure_ascii=False)

    @property
    def is_narrow(self) -> bool:
        """Whether `among` can look only at the people asked for; a LIMIT, or a find by the whole, needs everybody."""
        return self._found_in is not None

    def among(self, profile_ids: Collection[int]) -> "Prepared":
        """Give the same pattern for a few people, or for everybody if it is not narrow: so join the result.

        The ids are compared inside the query, where the pattern finds the person. By the time a condition outside sees
        the column, AGE has built a vertex from the row and no index fits (100,000 people: 150 ms for one). A single id
        is compared with `=`, because the planner takes a list for a hundred ids (15 ms instead of 1).
        """
        match = self._found_in
        if match is None:
            return self
        people = sorted(set(profile_ids))
        if len(people) == 1:
            return Prepared(self.query, self._with_condition(match, f"${_PERSON}"), {**self.values, _PERSON: people[0]})
        text = self._with_condition(match, _PERSON, before=f"UNWIND ${_PEOPLE} AS {_PERSON} ")
        return Prepared(self.query, text, {**self.values, _PEOPLE: people})

    @property
    def _found_in(self) -> guard.Match | None:
        return self.query.found_in.get(self.query.returned[0].variable or "")

    def _with_condition(self, match: guard.Match, person: str, *, before: str = "") -> str:
        text = self.query.text
        begin, end = match.condition or (match.end, match.end)
        wanted = f"{self.query.returned[0].variable}.profile_id = {person}"
        condition = f"{wanted} AND ({text[begin:end]})" if match.condition else f" WHERE {wanted}"
        return f"{text[: match.begin]}{before}{text[match.begin : begin]}{condition}{text[end:]}"


def pattern(leaf: Pattern) -> Prepared:
    """Look up or check the query of a condition, with its values.

    Raises NotFound if the library has no pattern of that name; InvalidInput on Cypher that is not a bounded read of
    people's ids, and on values other than those the query uses.
    """
    query = _named(leaf.name).query if leaf.name is not None else _written(leaf.cypher or "")
    values = dict(leaf.values)
    if values.keys() != query.parameters:
        wrong, wanted = (", ".join(sorted(one)) for one in (values.keys() ^ query.parameters, query.parameters))
        raise InvalidInput(
            f"The graph pattern {leaf.name or 'written inline'} does not take these values: {wrong}.",
            remedy=f"Give it under `with`: {wanted or 'nothing'}.",
            fault=Fault(
                "pattern.values", "rule", {"name": leaf.name or "cypher", "wrong": wrong, "wanted": wanted or "∅"}
            ),
        )
    return Prepared(query, query.text, MappingProxyType(values))


@cache
def library() -> Mapping[str, Named]:
    """Give every pattern of `cypher/patterns/`, by name; raises CypherFileError on one that cannot be used."""
    found = sorted((f for f in files("cypher").joinpath("patterns").iterdir() if f.name.endswith(".cypher")), key=str)
    read = (_read(file.name.removesuffix(".cypher"), file.read_text(encoding="utf-8")) for file in found)
    return MappingProxyType({one.name: one for one in read})


def _read(name: str, text: str) -> Named:
    """Read one file: the header as in graph.cypher, then a query that the guard accepts as it would a user's."""
    header = parse(name, text)
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("//")).strip()
    try:
        query = _people(body)
    except InvalidInput as error:
        raise CypherFileError(f"{name}.cypher: {error.message}", remedy=error.remedy) from error
    if header.columns != _COLUMNS or header.kind != "read" or header.parameters != query.parameters:
        raise CypherFileError(
            f"{name}.cypher: a pattern reads, and returns profile_id bigint.", remedy="Correct its header."
        )
    return Named(name, header.purpose, header.parameters, query)


def _named(name: str) -> Named:
    found = library().get(name)
    if found is None:
        known = ", ".join(library())
        raise NotFound(
            f"There is no graph pattern {name!r}.",
            remedy=f"There are: {known}.",
            fault=Fault("pattern.unknown", "rule", {"name": name, "known": known}),
        )
    return found


def _written(text: str) -> guard.Guarded:
    """Read a query written in a rule; anything wrong with it is a fault of the rule."""
    try:
        return _people(text)
    except InvalidInput as error:
        fault = None if error.fault is None else replace(error.fault, where="rule")
        raise InvalidInput(error.message, remedy=error.remedy, fault=fault) from error


def _people(text: str) -> guard.Guarded:
    query = guard.read(text)
    first, *others = query.returned
    if others or (first.label, first.property) != ("Profile", "profile_id"):
        raise InvalidInput(
            "A graph pattern returns the ids of people and nothing else.",
            remedy="End it like this: RETURN p.profile_id, where p is a Profile.",
            fault=Fault("pattern.returns", "rule"),
        )
    return query


def _wrapped(graph: str, text: str, placeholder: str) -> LiteralString:
    if not GRAPH_NAME.fullmatch(graph):
        raise InvalidInput(f"{graph!r} is no graph of ours.", remedy="Pass the tenant's graph_name.")
    if not placeholder.isidentifier():
        raise InvalidInput(f"{placeholder!r} is no name of a placeholder.", remedy="Use letters, digits and _.")
    # psycopg reads %% as a single percent sign; a bare % would begin a placeholder.
    body = quoted(text.replace("%", "%%"))
    # Only a checked identifier, and text between quotes that do not occur in it, are written into the statement.
    return (
        f"SELECT profile_id FROM ag_catalog.cypher('{graph}', {body}, %({placeholder})s)\n"  # noqa: S608
        f"AS (profile_id bigint) WHERE (SELECT leo_graph()) = '{graph}'"
    )
