"""Who is in a segment and why, and who came and went."""

from typing import Self

from pydantic import AwareDatetime

from api.schemas.base import Document, Output, example
from engine.segments import Explanation
from rules.words import Cause, Change

_PERSON = {"profile_id": 101, "ext_id": "kh-42", "joined_at": "2026-05-01T02:00:00Z"}
_CHANGE = {
    "refresh_id": 601,
    "ext_id": "kh-42",
    "change": "joined",
    "at": "2026-05-01T02:00:00Z",
    "cause": "event",
    "version": 1,
}


class ChangeOut(Output):
    """Somebody who joined or left; `ext_id` is null if the profile no longer exists."""

    model_config = example(_CHANGE)
    refresh_id: int
    ext_id: str | None
    change: Change
    at: AwareDatetime
    cause: Cause
    version: int


class ChangePage(Output):
    """The newest first; `next` is the `before` of the page that follows."""

    model_config = example({"items": [_CHANGE], "next": None})
    items: list[ChangeOut]
    next: int | None


class MemberOut(Output):
    model_config = example(_PERSON)
    profile_id: int
    ext_id: str
    joined_at: AwareDatetime


class MemberPage(Output):
    model_config = example({"items": [_PERSON], "next": None})
    items: list[MemberOut]
    next: int | None


class ExplainedOut(Output):
    """Whether a person satisfies the rule now, with the result of each condition and what was found.

    `explained` is {"text", "holds", "found"?, "evidence"?, "parts"?: [the same for each part]}. `member_since` is null
    if the person was not in the segment at its last refresh; `changed_at` is when they last joined or left.
    """

    model_config = example(
        {
            "ext_id": "kh-42",
            "key": "hue-vang",
            "version": 1,
            "holds": False,
            "member_since": None,
            "changed_at": None,
            "explained": {
                "text": "all of these hold",
                "holds": False,
                "parts": [
                    {"text": 'city is "Huế"', "holds": True, "found": 'found "Huế"', "evidence": {"value": "Huế"}},
                    {"text": 'tier is "vàng"', "holds": False, "found": "nothing is there"},
                ],
            },
        }
    )
    ext_id: str
    key: str
    version: int
    holds: bool
    member_since: AwareDatetime | None
    changed_at: AwareDatetime | None
    explained: Document

    @classmethod
    def of(cls, explanation: Explanation) -> Self:
        return cls(
            ext_id=explanation.ext_id,
            key=explanation.key,
            version=explanation.version,
            holds=explanation.holds,
            member_since=explanation.member_since,
            changed_at=explanation.changed_at,
            explained=explanation.explained.to_document(),
        )
