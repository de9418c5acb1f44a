"""What providers' callbacks look like: their signatures and what they tell, as pure functions beside the facts.

Adapters hand on to these; nothing here knows a setting or a tenant. `verify` raises SignatureInvalid, `read`
InvalidInput where the body is no callback of the provider; what we have no word for is left out.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


@runtime_checkable
class Greeted(Protocol):
    """An adapter whose provider asks, before it tells anything, whether the address is ours (Facebook)."""

    def greet(self, query: Mapping[str, str]) -> str:
        """Give the text to answer with; raises SignatureInvalid where somebody else asks."""
        ...
