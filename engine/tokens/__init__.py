"""OAuth tokens per tenant and channel: renewed before they end, by one worker at a time, committed before use.

One that is refused for good pauses its channel with the reason; whoever mends it, by connecting again or by `renew`,
lets it go on.
"""

from engine.tokens.renew import Renewal, renew, renew_due
from engine.tokens.store import Listed, ask, begin, list_tokens

__all__ = ["Listed", "Renewal", "ask", "begin", "list_tokens", "renew", "renew_due"]
