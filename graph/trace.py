"""The one Cypher path behind every trace: as a parametrised statement, and as text for psql."""

from collections.abc import Sequence
from typing import LiteralString

from graph.cypher import library

_PATH = library()["trace"]


def path(graph: str) -> LiteralString:
    """Give the statement of the path in `graph`; `$1` is what `parameters` gives."""
    return _PATH.sql(graph)


def parameters(*, profile_id: int, decision_ids: Sequence[int] | None, newest: int) -> str:
    """Give `$1`: whose decisions, which of them (None: all), and how many at most, newest first."""
    return _PATH.arguments(_values(profile_id=profile_id, decision_ids=decision_ids, newest=newest))


def literal_path(graph: str, *, profile_id: int, decision_ids: Sequence[int] | None, newest: int) -> LiteralString:
    """Give the same statement with its values written into it."""
    return _PATH.literal(graph, **_values(profile_id=profile_id, decision_ids=decision_ids, newest=newest))


def _values(*, profile_id: int, decision_ids: Sequence[int] | None, newest: int) -> dict[str, object]:
    chosen = None if decision_ids is None else list(decision_ids)
    return {"profile_id": profile_id, "decision_ids": chosen, "newest": newest}
