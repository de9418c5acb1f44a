"""Act: messages that are due are claimed, sent through their channels' adapters, and what came of it is written down.

The order is what makes it safe: `sending` and an attempt row, commit, call, result. Where the log cannot be written no
provider is called; where a worker dies in between, its lease ends and the message becomes `uncertain`, never sent again
blindly.
"""

from engine.dispatch.adapters import Adapters
from engine.dispatch.claim import Claim, claim_within
from engine.dispatch.gates import pause_channel, resume_channel
from engine.dispatch.leases import GivenUp, PutAside, give_up_leases, lease_owners, put_aside
from engine.dispatch.send import MOST_CLAIMED, Dispatched, dispatch_due

__all__ = [
    "MOST_CLAIMED",
    "Adapters",
    "Claim",
    "Dispatched",
    "GivenUp",
    "PutAside",
    "claim_within",
    "dispatch_due",
    "give_up_leases",
    "lease_owners",
    "pause_channel",
    "put_aside",
    "resume_channel",
]
