"""Segments, snapshots, templates, campaigns and their runs."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from api.schemas.base import Document, Id, Ids, Input, Key, LongText, Name, Output, example
from engine.snapshots import Snapshot
from rules.words import CampaignStatus, Channel, Lane, RunKind, TemplateStatus

_RULE = {"all": [{"attribute": "city", "is": "Huế"}, {"attribute": "tier", "is": "vàng"}]}
_SEGMENT = {
    "segment_id": 201,
    "key": "hue-vang",
    "name": "Huế, hạng vàng",
    "version": 1,
    "rule": _RULE,
    "size": 128,
    "refreshed_at": "2026-05-01T02:00:00Z",
    "created_at": "2026-05-01T02:00:00Z",
}
_SNAPSHOT = {
    "snapshot_id": 401,
    "segment_id": 201,
    "segment_version": 1,
    "member_count": 128,
    "members_hash": "9b0b2f4e4b7f0d0a5f1d6d0c7f3f4c1d2e8a9b0c1d2e3f405162738495a6b7c8",
    "created_at": "2026-05-01T02:00:00Z",
}
_TEMPLATE = {
    "template_id": 251,
    "key": "uu-dai-thang",
    "version": 1,
    "channel": "email",
    "status": "draft",
    "locale": "vi",
    "subject": "{{ profile.name }} ơi, ưu đãi của bạn",
    "body_text": "Chào {{ profile.name }},\n\nNgừng nhận thư: {{ unsubscribe_url }}\n",
    "body_html": None,
    "created_at": "2026-05-01T02:00:00Z",
}
_CAMPAIGN = {
    "campaign_id": 301,
    "key": "uu-dai-thang-5",
    "name": "Ưu đãi tháng 5",
    "purpose": "marketing",
    "status": "active",
    "segment_id": 201,
    "policy_id": None,
    "trigger_type": None,
    "starts_at": None,
    "ends_at": "2026-06-01T00:00:00Z",
    "priority": 0,
    "control_share": 0.1,
    "resend": False,
    "created_at": "2026-05-01T02:00:00Z",
    "template_ids": [251],
}
_RUN = {"run_id": 501, "campaign_id": 301, "kind": "snapshot", "lane": "bulk", "people": 128, "batches": 1}


class SegmentIn(Input):
    """A segment; sending a known key with another rule makes its next version."""

    model_config = example({"key": "hue-vang", "name": "Huế, hạng vàng", "rule": _RULE})
    key: Key
    name: Name
    rule: Document


class SegmentOut(Output):
    model_config = example(_SEGMENT)
    segment_id: int
    key: str
    name: str
    version: int
    rule: Document
    size: int
    refreshed_at: AwareDatetime | None
    created_at: AwareDatetime


class SegmentPage(Output):
    model_config = example({"items": [_SEGMENT], "next": None})
    items: list[SegmentOut]
    next: int | None


class SnapshotIn(Input):
    model_config = example({"segment": "hue-vang"})
    segment: Key = Field(description="The segment's key.")


class SnapshotOut(Output):
    """The immutable list of who was in the segment; `members_hash` is SHA-256 over their ids, in hex."""

    model_config = example(_SNAPSHOT)
    snapshot_id: int
    segment_id: int
    segment_version: int
    member_count: int
    members_hash: str
    created_at: AwareDatetime

    @classmethod
    def of(cls, snapshot: Snapshot) -> "SnapshotOut":
        return cls(
            snapshot_id=snapshot.snapshot_id,
            segment_id=snapshot.segment_id,
            segment_version=snapshot.segment_version,
            member_count=snapshot.member_count,
            members_hash=snapshot.members_hash.hex(),
            created_at=snapshot.created_at,
        )


class TemplateIn(Input):
    """Content for one channel, in Liquid; another text under a known key is its next version."""

    model_config = example({name: _TEMPLATE[name] for name in ("key", "channel", "locale", "subject", "body_text")})
    key: Key
    channel: Channel
    subject: Annotated[str, Field(max_length=1000)] | None = None
    body_text: LongText | None = None
    body_html: LongText | None = None
    locale: Key = "vi"


class TemplateOut(Output):
    model_config = example(_TEMPLATE)
    template_id: int
    key: str
    version: int
    channel: Channel
    status: TemplateStatus
    locale: str
    subject: str | None
    body_text: str | None
    body_html: str | None
    created_at: AwareDatetime


class TemplatePage(Output):
    model_config = example({"items": [_TEMPLATE], "next": None})
    items: list[TemplateOut]
    next: int | None


class CampaignIn(Input):
    """A campaign; it decides for the people of a segment when it is activated, or at each event of `trigger_type`."""

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
    starts_at: AwareDatetime | None
    ends_at: AwareDatetime | None
    priority: int
    control_share: float
    resend: bool
    created_at: AwareDatetime
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
    """What an activation started; a campaign that waits for events has neither snapshot nor run."""

    model_config = example({"campaign": _CAMPAIGN, "snapshot": _SNAPSHOT, "run": _RUN})
    campaign: CampaignOut
    snapshot: SnapshotOut | None
    run: RunOut | None
