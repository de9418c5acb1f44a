"""Reads Cypher that somebody else wrote and lets through what is plainly a bounded read.

AGE is no sandbox: its Cypher reaches every function of the server through casts and dotted names, writes even in a
read-only transaction before AGE 1.7, and fills the server's memory from one line. So nothing is searched for; a query
passes only where each word of it is one that this grammar has:

    [UNWIND $list | [literal, ...] AS name]
    MATCH pattern, ... [WHERE condition]
    ([OPTIONAL] MATCH pattern, ... [WHERE condition] | WITH [DISTINCT] ... [ORDER BY] [SKIP] [LIMIT] [WHERE])*
    RETURN [DISTINCT] expression [AS name], ... [ORDER BY] [SKIP] [LIMIT]

Patterns are nodes and directed edges of one hop, with labels, kinds and properties that the graph has, each sharing a
node with those before it. A query that passes can still be slow: whoever runs it sets a time-out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from graph.guard.clauses import Clauses, Column, Match
from graph.guard.scope import Elements
from graph.guard.words import EDGES, LABELS

__all__ = ["EDGES", "LABELS", "Column", "Guarded", "Match", "read"]


@dataclass(frozen=True, slots=True)
class Guarded:
    """A query that passed.

    `columns` names what RETURN gives, in order; `returned` says what each plainly is. `found_in` gives, for a node, the
    MATCH in which a condition on that node alone has the same effect as one on the whole result. There is no such MATCH
    behind OPTIONAL, or before a LIMIT or a SKIP.
    """

    text: str
    parameters: frozenset[str]
    columns: tuple[str, ...]
    returned: tuple[Column, ...]
    found_in: Mapping[str, Match]


def read(text: str, *, labels: Elements = LABELS, edges: Elements = EDGES) -> Guarded:
    """Let `text` through unchanged, or raise InvalidInput saying what is not accepted, and where.

    `labels` and `edges` give the properties of each label and of each kind of edge.
    """
    clauses = Clauses(text, labels=labels, edges=edges)
    clauses.read()
    found_in = {
        name: clauses.matches[variable.match]
        for name, variable in clauses.scope.variables.items()
        if variable.kind == "node"
        and variable.match >= clauses.cut_before
        and not clauses.matches[variable.match].is_optional
    }
    return Guarded(
        text=text,
        parameters=frozenset(clauses.scope.parameters),
        columns=tuple(column.name for column in clauses.columns),
        returned=tuple(clauses.columns),
        found_in=MappingProxyType(found_in),
    )
