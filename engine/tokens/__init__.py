"""OAuth tokens per tenant and channel: renewed before they end, by one worker at a time, committed before use.

A token that is refused for good pauses its channel with the reason; connecting again, or `renew`, lets the channel
continue.
"""

from engine.tokens.renew import Renewal, renew, renew_due
from engine.tokens.store import Listed, ask, begin, list_tokens

__all__ = ["Listed", "Renewal", "ask", "begin", "list_tokens", "renew", "renew_due"]
