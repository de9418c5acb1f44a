"""Campaigns and their runs."""

from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from api.schemas.base import Document, Id, Ids, Input, Key, Name, Output, Refused, example
from api.schemas.snapshots import SNAPSHOT, SnapshotOut
from api.schemas.templates import LACKING, LackingOut
from rules.expiry import LONGEST_MINUTES
from rules.words import CampaignStatus, Change, Lane, RunKind, RunStatus

_CAMPAIGN = {
    "campaign_id": 301,
    "key": "uu-dai-thang-5",
    "name": "Ưu đãi tháng 5",
    "purpose": "marketing",
    "status": "active",
    "segment_id": 201,
    "policy_id": None,
    "trigger_type": None,
    "trigger_segment": None,
    "trigger_change": None,
    "starts_at": None,
    "ends_at": "2026-06-01T00:00:00Z",
    "priority": 0,
    "control_share": 0.1,
    "resend": False,
    "budget": {"messages": 10000, "amount": None, "per": "campaign"},
    "good_for_minutes": None,
    "created_at": "2026-05-01T02:00:00Z",
    "revision": "9b0b2f4e4b7f0d0a",
    "saved_by": "marketing (API key 11)",
    "saved_at": "2026-05-01T02:00:00Z",
    "template_ids": [251],
}
_RUN = {"run_id": 501, "campaign_id": 301, "kind": "snapshot", "lane": "bulk", "people": 128, "batches": 1}


class CampaignBudget(Input):
    """What a campaign may spend, in total or per day of the tenant; `amount` is money, like a policy's costs."""

    model_config = example({"messages": 10000, "amount": 5000000, "per": "campaign"})
    messages: int | None = Field(default=None, ge=0, le=2**48 - 1)
    amount: float | None = Field(default=None, ge=0, le=1e12)
    per: Literal["campaign", "day"] = "campaign"

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.messages is None and self.amount is None:
            raise Refused("budget_is_empty", "a budget limits messages, amount or both")
        return self


class CampaignIn(Input):
    """A campaign; it decides for the people of a segment when it is activated, or at each event of `trigger_type`.

    With `trigger_segment` it decides for those who join or leave that segment after its activation.
    """

    model_config = example(
        {
            "key": "uu-dai-thang-5",
            "name": "Ưu đãi tháng 5",
            "segment": "hue-vang",
            "template_ids": [251],
            "policy": {"quiet_hours": {"start": "21:00", "end": "08:00"}},
            "ends_at": "2026-06-01T07:00:00+07:00",
            "control_share": 0.1,
        }
    )
    key: Key
    name: Name
    segment: Key | None = Field(default=None, description="The segment's key.")
    trigger_type: Key | None = None
    trigger_segment: Key | None = Field(default=None, description="The key of a segment; needs `trigger_change`.")
    trigger_change: Change | None = None
    template_ids: Ids = Field(default_factory=list, description="Templates in order of preference.")
    policy: Document | None = Field(
        default=None, description="Rules of this campaign alone; the tenant's default policy where it is left out."
    )
    purpose: Key = "marketing"
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    priority: int = Field(default=0, ge=-1000, le=1000)
    control_share: float = Field(default=0.0, ge=0.0, le=1.0)
    resend: bool = Field(default=False, description="At least once: a message whose fate is unknown is sent again.")
    budget: CampaignBudget | None = None
    good_for_minutes: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_MINUTES,
        description="So long after it was queued a message may still be sent, then it is `expired`; "
        "left out: a day for what answers an event, a week in bulk.",
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.trigger_segment is None) != (self.trigger_change is None):
            raise Refused("trigger_is_half", "trigger_segment and trigger_change come together")
        return self


class CampaignOut(Output):
    model_config = example(_CAMPAIGN)
    campaign_id: int
    key: str
    name: str
    purpose: str
    status: CampaignStatus
    segment_id: int | None
    policy_id: int | None
    trigger_type: str | None
    trigger_segment: str | None
    trigger_change: Change | None
    starts_at: AwareDatetime | None
    ends_at: AwareDatetime | None
    priority: int
    control_share: float
    resend: bool
    budget: Document | None
    good_for_minutes: int | None
    created_at: AwareDatetime
    revision: str = Field(description="What to send as `If-Match` to change it only where it still is this.")
    saved_by: str | None
    saved_at: AwareDatetime
    template_ids: list[Id]


class CampaignPage(Output):
    model_config = example({"items": [_CAMPAIGN], "next": None})
    items: list[CampaignOut]
    next: int | None


class RunOut(Output):
    model_config = example(_RUN)
    run_id: int
    campaign_id: int
    kind: RunKind
    lane: Lane
    people: int
    batches: int


class ActivatedOut(Output):
    """What an activation started; a campaign that waits for events has neither a snapshot nor a run.

    `lacking` counts people who cannot be written to because a value that a template prints is missing.
    """

    model_config = example({"campaign": _CAMPAIGN, "snapshot": SNAPSHOT, "run": _RUN, "lacking": [LACKING]})
    campaign: CampaignOut
    snapshot: SnapshotOut | None
    run: RunOut | None
    lacking: list[LackingOut]


_RUN_FIGURES = {
    "run_id": 501,
    "kind": "snapshot",
    "status": "finished",
    "lane": "bulk",
    "snapshot_id": 401,
    "forecast": {"people": 128, "arbiters": [{"arbiter": "functiongemma", "seconds": 0.8, "hours": 0.03, "cost": 0.0}]},
    "created_at": "2026-05-01T02:00:00Z",
    "finished_at": "2026-05-01T02:02:00Z",
    "decisions": 128,
    "arbiters": {"functiongemma": 90, "score": 2, "nobody": 36},
}


class RunFiguresOut(Output):
    """`arbiters` counts decisions by who chose; "nobody" if nothing could be sent."""

    model_config = example(_RUN_FIGURES)
    run_id: int
    kind: RunKind
    status: RunStatus
    lane: Lane
    snapshot_id: int | None
    forecast: Document | None = Field(description="What its models were forecast to take; null where none chooses.")
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    decisions: int
    arbiters: dict[str, int]


class RunFiguresList(Output):
    model_config = example({"items": [_RUN_FIGURES]})
    items: list[RunFiguresOut]
