"""Writing one statement from the named parts of engine/sql/conditions.sql; every value becomes a parameter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.sql import SQL, Composable, Composed, Placeholder

from engine.queries import queries
from rules.conditions.nodes import Like

_PARTS: Final = queries("conditions")
NOTHING: Final = SQL("")


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule is evaluated in: the tenant's graph and date, the instant, the embeddings that likeness refers to."""

    tenant_id: UUID
    graph: str
    now: datetime
    today: date
    embeddings: Mapping[Like, str] = field(default_factory=dict)


def part(name: str, /, **parts: Composable) -> Composed:
    """Fill in a named part."""
    return SQL(_PARTS[name]).format(**parts)


class Writer:
    """Collects the parameters of one statement; `people` are those it is about, None for everybody."""

    def __init__(self, context: Context, people: Sequence[int] | None) -> None:
        self.context = context
        self.people = people
        self.values: dict[str, Any] = {} if people is None else {"people": list(people)}

    def value(self, value: Any) -> Placeholder:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return Placeholder(name)

    def among(self, row: LiteralString) -> Composable:
        """Limit a sub-select, whose alias for people is `row`, to those the statement is about."""
        return NOTHING if self.people is None else part("among", row=SQL(row))
