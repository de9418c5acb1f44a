"""The library as the explorer offers it: audit queries by their search phrases."""

from collections.abc import Sequence

from graph.library import Audit, audits


def library() -> Sequence[Audit]:
    """Give every audit query, by name."""
    return tuple(audits().values())
