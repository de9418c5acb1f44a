"""What providers' callbacks look like: their signatures and their content, as pure functions next to the facts.

Adapters call these; nothing here knows a setting or a tenant. `verify` raises SignatureInvalid, `read` raises
InvalidInput if the body is not a callback of the provider; kinds of event that we have no word for are left out.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class Greeted(Protocol):
    """An adapter whose provider asks whether the address is ours before it sends callbacks (Facebook)."""

    def greet(self, query: Mapping[str, str]) -> str:
        """Give the text to answer with; raises SignatureInvalid if somebody else asks."""
        ...
