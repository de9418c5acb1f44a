"""What a rule can name: attributes, events and purposes as the newest people have them, and the graph patterns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from graph import patterns

_SQL = queries("segments")
# Whoever picks from a list reads no more: 500 people with 25 attributes each and 60 types of 100,000 events take 50 ms.
_MOST = {"people": 500, "deep": 3, "names": 300, "values": 20, "letters": 60, "types": 200, "events": 20}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What lists to pick from are made of.

    `attributes` are {"path": [names], "kind": text, date, number, flag or list, "values": [what several people share]},
    `events` {"type", "attributes": [names]}, `patterns` those of the library.
    """

    attributes: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    purposes: Sequence[str]
    patterns: Sequence[patterns.Named]


async def vocabulary(conn: Transaction, *, tenant_id: UUID) -> Vocabulary:
    """Look at the newest people and events of the tenant; a name that only older ones have is not found."""
    row = await (await conn.execute(_SQL["vocabulary"], {"tenant_id": tenant_id, **_MOST})).fetchone() or {}
    return Vocabulary(patterns=tuple(patterns.library().values()), **row)
