"""Snapshots: who was in a segment at an instant, counted again and compared."""

from typing import Self

from pydantic import AwareDatetime, Field

from api.schemas.base import Document, Input, Key, Output, example
from engine.snapshots import Compared, Snapshot, Verified

_HASH = "9b0b2f4e4b7f0d0a5f1d6d0c7f3f4c1d2e8a9b0c1d2e3f405162738495a6b7c8"
SNAPSHOT = {
    "snapshot_id": 401,
    "segment_id": 201,
    "segment_version": 1,
    "rule": {"attribute": "city", "is": "Huế"},
    "text": {"en": 'city is "Huế"', "vi": "city là “Huế”"},
    "key": "thang-5",
    "member_count": 128,
    "members_hash": _HASH,
    "created_at": "2026-05-01T02:00:00Z",
}
_LATER = {**SNAPSHOT, "snapshot_id": 402, "key": "thang-6", "created_at": "2026-06-01T02:00:00Z"}
_MEMBER = {"profile_id": 101, "ext_id": "kh-42"}


class SnapshotIn(Input):
    model_config = example({"segment": "hue-vang", "key": "thang-5"})
    segment: Key = Field(description="The segment's key.")
    key: Key | None = Field(default=None, description="Your own name for it: sent again it gives the same snapshot.")


class SnapshotOut(Output):
    """The immutable list of who was in the segment; `members_hash` is SHA-256 over their ids, in hex."""

    model_config = example(SNAPSHOT)
    snapshot_id: int
    segment_id: int
    segment_version: int
    rule: Document
    text: dict[str, str]
    key: str | None
    member_count: int
    members_hash: str
    created_at: AwareDatetime

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        return cls(
            snapshot_id=snapshot.snapshot_id,
            segment_id=snapshot.segment_id,
            segment_version=snapshot.segment_version,
            rule=dict(snapshot.rule),
            text=dict(snapshot.rule_text),
            key=snapshot.key,
            member_count=snapshot.member_count,
            members_hash=snapshot.members_hash.hex(),
            created_at=snapshot.created_at,
        )


class SnapshotPage(Output):
    model_config = example({"items": [SNAPSHOT], "next": None})
    items: list[SnapshotOut]
    next: int | None


class SnapshotMemberOut(Output):
    """A member; `ext_id` is null if the profile has been erased since."""

    model_config = example(_MEMBER)
    profile_id: int
    ext_id: str | None


class SnapshotMemberPage(Output):
    model_config = example({"items": [_MEMBER], "next": None})
    items: list[SnapshotMemberOut]
    next: int | None


class VerifiedOut(Output):
    """A snapshot counted and hashed again; `is_whole` if both match its header."""

    model_config = example(
        {"snapshot": SNAPSHOT, "member_count": 128, "members_hash": _HASH, "is_whole": True},
    )
    snapshot: SnapshotOut
    member_count: int
    members_hash: str
    is_whole: bool

    @classmethod
    def of(cls, verified: Verified) -> Self:
        return cls(
            snapshot=SnapshotOut.of(verified.snapshot),
            member_count=verified.member_count,
            members_hash=verified.members_hash.hex(),
            is_whole=verified.is_whole,
        )


class ComparedOut(Output):
    """Counts who is only in `second` (joined), only in `first` (left) and in both; the samples are ext_ids."""

    model_config = example(
        {
            "first": SNAPSHOT,
            "second": _LATER,
            "joined": 5,
            "left": 2,
            "stayed": 126,
            "joined_sample": ["kh-77", "kh-90"],
            "left_sample": ["kh-42"],
        }
    )
    first: SnapshotOut
    second: SnapshotOut
    joined: int
    left: int
    stayed: int
    joined_sample: list[str]
    left_sample: list[str]

    @classmethod
    def of(cls, compared: Compared) -> Self:
        return cls(
            first=SnapshotOut.of(compared.first),
            second=SnapshotOut.of(compared.second),
            joined=compared.joined,
            left=compared.left,
            stayed=compared.stayed,
            joined_sample=list(compared.joined_sample),
            left_sample=list(compared.left_sample),
        )
