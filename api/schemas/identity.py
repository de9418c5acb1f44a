"""Profiles that may be one person, and merges."""

from typing import Annotated

from annotated_types import Len
from pydantic import AwareDatetime

from api.schemas.base import MOST_ITEMS, ExtId, Input, Name, Output, example


class MemberOut(Output):
    """`history` counts events, messages and outcomes."""

    profile_id: int
    ext_id: str
    name: str | None
    created_at: AwareDatetime
    is_consenting: bool
    history: int


class PairOut(Output):
    duplicate_id: int
    profile: str
    other: str
    channel: str


class ProposalOut(Output):
    """Profiles that may be one person, the one to keep, and how certain that is."""

    members: list[MemberOut]
    channels: list[str]
    pairs: list[PairOut]
    refused: list[PairOut]
    winner: str
    confidence: str


_MEMBER = {
    "profile_id": 1042,
    "ext_id": "kh-000042",
    "name": "Trần Thị Mai",
    "created_at": "2026-05-01T02:00:00Z",
    "is_consenting": True,
    "history": 31,
}


class ProposalPage(Output):
    model_config = example(
        {
            "items": [
                {
                    "members": [
                        _MEMBER,
                        {**_MEMBER, "profile_id": 2077, "ext_id": "web-77", "is_consenting": False, "history": 2},
                    ],
                    "channels": ["email"],
                    "pairs": [{"duplicate_id": 90012, "profile": "kh-000042", "other": "web-77", "channel": "email"}],
                    "refused": [],
                    "winner": "kh-000042",
                    "confidence": "Strong: 2 profiles share an e-mail address; with the same name.",
                }
            ],
            "next": None,
        }
    )
    items: list[ProposalOut]
    next: int | None


class CrowdOut(Output):
    channel: str
    value: str
    people: int


class FoundOut(Output):
    """`crowds` are addresses that too many profiles share; they propose nothing."""

    model_config = example(
        {
            "new": 12,
            "withdrawn": 1,
            "crowds": [{"channel": "zalo_template", "value": "+842838123456", "people": 214}],
        }
    )
    new: int
    withdrawn: int
    crowds: list[CrowdOut]


class MergeIn(Input):
    """Profiles, by ext_id, that are to redirect to the one in the path."""

    model_config = example({"losers": ["web-77"], "reason": "the same person, said so on the phone"})
    losers: Annotated[list[ExtId], Len(1, MOST_ITEMS)]
    reason: Name


class MergedOut(Output):
    """How many profiles redirect elsewhere now, and how many queued messages were cancelled."""

    model_config = example({"redirected": 1, "cancelled": 0})
    redirected: int
    cancelled: int


class RefusedOut(Output):
    model_config = example({"duplicate_id": 90012, "status": "refused"})
    duplicate_id: int
    status: str
