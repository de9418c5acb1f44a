"""Act: due messages are claimed, sent through their channels' adapters, and their results are written down.

The order is what makes it safe: `sending` and an attempt row, commit, call, result. If the log cannot be written, no
provider is called; if a worker dies in between, its lease ends and the message becomes `uncertain`, and is never
blindly sent again.
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
