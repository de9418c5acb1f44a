"""What a template, saved or being written, would look like for a person."""

from typing import Annotated, Any, Self

from pydantic import Field

from api.schemas.base import Document, ExtId, FaultOut, Input, Key, Output, example
from api.schemas.templates import ContentIn
from engine.campaigns import Preview, Tried
from rules.words import Channel, TemplateStatus

_ASKED = "What first asked; else the person's newest event."


class PreviewIn(Input):
    """The person to render it for; without a campaign it counts as advertising."""

    model_config = example({"ext_id": "kh-1", "campaign": "uu-dai-thang-5"})
    ext_id: ExtId
    campaign: Key | None = Field(default=None, description="The campaign's key.")
    locale: Key | None = Field(default=None, description="Instead of the person's language.")
    event: Document | None = Field(default=None, description=_ASKED)


class DraftIn(ContentIn):
    """What is being written, and for whom to write it; nothing of it is kept."""

    model_config = example(
        {"channel": "telegram", "body_text": "Chào {{ profile.name }}", "ext_id": "kh-1", "read_in": "vi"}
    )
    key: Key = "draft"
    channel: Channel
    locale: Key = "vi"
    translations: dict[Key, ContentIn] = Field(default_factory=dict, max_length=20)
    ext_id: ExtId
    campaign: Key | None = Field(default=None, description="The campaign's key.")
    read_in: Key | None = Field(default=None, description="The language to write it in, instead of the person's.")
    event: Document | None = Field(default=None, description=_ASKED)


class MeasureOut(Output):
    """How much of a channel's limit is used."""

    model_config = example({"part": "subject", "count": "octets", "used": 41, "most": 998})
    part: str
    count: str
    used: int
    most: int


_WRITTEN = {
    "channel": "email",
    "ext_id": "kh-1",
    "address": "mai@khach.example",
    "locale": "vi",
    "written_in": "vi",
    "zone": "Asia/Ho_Chi_Minh",
    "could_leave": True,
    "missing": [],
    "problems": [],
    "faults": [],
    "subject": "[QC] Mai ơi, ưu đãi của bạn",
    "text": "Chào Mai,\n\nNgừng nhận thư: https://leo.example/unsubscribe/...\n",
    "html": None,
    "data": {},
    "advertising": True,
    "label_added": "[QC]",
    "refusal_added": False,
    "measures": [{"part": "subject", "count": "octets", "used": 41, "most": 998}],
}


class WrittenOut(Output):
    """What the person would get; a missing value is shown in it as ⟦profile.tier⟧."""

    model_config = example(_WRITTEN)
    channel: Channel
    ext_id: str
    address: str | None
    locale: str
    written_in: str | None
    zone: str
    could_leave: bool
    missing: list[str]
    problems: list[str]
    faults: list[FaultOut] = Field(description="The same as `problems`, by kind and in each language.")
    subject: str | None
    text: str | None
    html: str | None
    data: Document
    advertising: bool
    label_added: str | None
    refusal_added: bool
    measures: list[MeasureOut]

    @classmethod
    def of(cls, found: Tried, **more: Any) -> Self:
        written = found.written
        return cls(
            channel=found.channel,
            ext_id=found.ext_id,
            address=found.address,
            locale=found.locale,
            written_in=written.locale if written else None,
            zone=found.zone,
            could_leave=found.could_leave,
            missing=list(found.missing),
            problems=[one.say().en for one in found.problems],
            faults=[FaultOut.of(one) for one in found.problems],
            subject=written.subject if written else None,
            text=written.text if written else None,
            html=written.html if written else None,
            data=dict(written.data) if written else {},
            advertising=found.is_advertising,
            label_added=written.label if written else None,
            refusal_added=written.refusal if written else False,
            measures=[MeasureOut.model_validate(one) for one in found.measures],
            **more,
        )


class PreviewOut(WrittenOut):
    """The same of a version that is saved."""

    model_config = example({**_WRITTEN, "template_id": 251, "key": "uu-dai-thang", "version": 1, "status": "draft"})
    template_id: int
    key: str
    version: int
    status: TemplateStatus

    @classmethod
    def of_preview(cls, found: Preview) -> Self:
        one = found.template
        return cls.of(found, template_id=one.template_id, key=one.key, version=one.version, status=one.status)


class TrialIn(PreviewIn):
    """The same, with an address in the sandbox; the person receives nothing."""

    model_config = example({"ext_id": "kh-1", "address": "me@shop.example"})
    address: Annotated[str, Field(min_length=1, max_length=2048)]


_TRIAL = {"status": "accepted", "reason": "accepted", "code": "250 2.0.0", "detail": "Ok", "provider_id": None}


class TrialOut(Output):
    """What the sandbox answered."""

    model_config = example(_TRIAL)
    status: str
    reason: str
    code: str
    detail: str
    provider_id: str | None
