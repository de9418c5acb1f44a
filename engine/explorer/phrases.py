"""The library as the explorer offers it: audit queries by their search phrases."""

from collections.abc import Sequence

from graph import library as shelf
from graph.library import Audit


def library() -> Sequence[Audit]:
    """Give every audit query, by name."""
    return tuple(shelf.audits().values())


def audit(name: str) -> Audit:
    """Give one; raises NotFound."""
    return shelf.audit(name)
