"""The control group: who is held back, so that a campaign's effect can be compared with doing nothing."""

import hashlib

_BITS = 53  # As many as a float holds exactly; with more, the highest values would round up to 1.0.


def position(profile_key: str, campaign_key: str) -> float:
    """Place a person in [0, 1) for a campaign: uniform, repeatable, and independent between campaigns."""
    digest = hashlib.sha256(f"{len(profile_key)}:{profile_key}{campaign_key}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> (64 - _BITS)) / (1 << _BITS)


def in_control(profile_key: str, campaign_key: str, share: float) -> bool:
    """Whether a person is in the `share` (0 to 1) that is held back; a larger share includes all of a smaller one."""
    return share > 0 and position(profile_key, campaign_key) < share
