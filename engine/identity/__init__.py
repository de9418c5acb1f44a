"""Identity: profiles that are one person are found, merged and unmerged, and no person is written to twice."""

from engine.identity.duplicates import Crowd, Found, find_duplicates, refuse
from engine.identity.merges import Merged, merge, merge_profiles, unmerge
from engine.identity.proposals import Member, Pair, Proposal, proposals
from engine.identity.roots import redirect_roots

__all__ = [
    "Crowd",
    "Found",
    "Member",
    "Merged",
    "Pair",
    "Proposal",
    "find_duplicates",
    "merge",
    "merge_profiles",
    "proposals",
    "redirect_roots",
    "refuse",
    "unmerge",
]
