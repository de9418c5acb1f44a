"""A rule as one SQL statement: who satisfies it, among everybody or among a few.

The tree is assembled from the named parts of engine/sql/conditions.sql. Everything a rule says, even names and paths,
becomes a parameter. Only a graph pattern's Cypher is text: it has passed graph/guard and is written between dollar tags
that do not occur in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Composable, Composed

from engine.segments.history import came_of, found, happened, like, member
from engine.segments.looks import attribute, consented, profile_field, reachable
from engine.segments.parts import Context, Writer, part
from rules.conditions import Rule
from rules.conditions.nodes import (
    All,
    Any_,
    Attribute,
    CameOf,
    Consented,
    Field,
    Happened,
    Like,
    Member,
    Node,
    Not,
    Pattern,
    Reachable,
)

_TRUE, _FALSE = SQL("true"), SQL("false")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement with one column, `profile_id`, and its parameters."""

    statement: Composed
    values: Mapping[str, Any]


def compile_rule(rule: Rule, context: Context, *, people: Sequence[int] | None = None) -> Compiled:
    """Give the statement for everybody, or only for `people`: then its cost does not grow with the number of others.

    Raises NotFound or InvalidInput if a graph pattern cannot be used.
    """
    writer = Writer(context, people)
    condition = _write(rule.tree, writer)
    return Compiled(part("everybody" if people is None else "several", rule=condition), writer.values)


def _write(node: Node, writer: Writer) -> Composable:
    return _WRITES[type(node)](node, writer)


def _all(node: All, writer: Writer) -> Composable:
    return _joined(node.parts, SQL(" AND "), writer) or _TRUE


def _any(node: Any_, writer: Writer) -> Composable:
    return _joined(node.parts, SQL(" OR "), writer) or _FALSE


def _joined(parts: tuple[Node, ...], word: SQL, writer: Writer) -> Composable | None:
    return SQL("({})").format(word.join(_write(one, writer) for one in parts)) if parts else None


def _not(node: Not, writer: Writer) -> Composable:
    return SQL("(NOT {})").format(_write(node.part, writer))


_WRITES: Mapping[type[Node], Callable[[Any, Writer], Composable]] = {
    All: _all,
    Any_: _any,
    Not: _not,
    Attribute: attribute,
    Field: profile_field,
    Consented: consented,
    Reachable: reachable,
    Happened: happened,
    CameOf: came_of,
    Member: member,
    Pattern: found,
    Like: like,
}
