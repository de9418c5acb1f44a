"""Templates, and what one would look like for a person."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field

from api.schemas.base import Document, ExtId, FaultOut, Input, Key, LongText, Output, example
from engine.campaigns import Preview
from rules.words import Channel, TemplateStatus

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
    "body_mjml": None,
    "data": {},
    "translations": {
        "en": {
            "subject": "{{ profile.name | given_name }}, your offer",
            "body_text": "Hello {{ profile.name | given_name }},\n\nUnsubscribe: {{ unsubscribe_url }}\n",
            "body_html": None,
            "body_mjml": None,
            "data": {},
        }
    },
    "approved_by": None,
    "approved_at": None,
    "created_at": "2026-05-01T02:00:00Z",
    "button_limits": None,
    "revision": "9b0b2f4e4b7f0d0a",
    "saved_by": "marketing (API key 11)",
    "saved_at": "2026-05-01T02:00:00Z",
}


_LIMITS = {"most": 3, "title": 20, "answers": 13, "reply": 1000, "text": 640, "https": False}


class ContentIn(Input):
    """What a template says in one language; MJML is converted to HTML when it is saved."""

    model_config = example({"subject": "Your offer", "body_text": "Hello {{ profile.name | given_name }}"})
    subject: Annotated[str, Field(max_length=1000)] | None = None
    body_text: LongText | None = None
    body_html: LongText | None = None
    body_mjml: LongText | None = None
    data: Document = Field(default_factory=dict, description="What its channel alone knows; texts in it are Liquid.")


class TemplateIn(ContentIn):
    """Content for one channel, in Liquid; another text under a known key is its next version."""

    model_config = example({name: _TEMPLATE[name] for name in ("key", "channel", "locale", "subject", "body_text")})
    key: Key
    channel: Channel
    locale: Key = "vi"
    translations: dict[Key, ContentIn] = Field(
        default_factory=dict, description="The same in other languages; a person's language picks.", max_length=20
    )


class ButtonLimitsOut(Output):
    """The limits of a message's buttons on a channel: how many, and how long.

    `answers`: how many if all of them are answers. `reply` is in bytes, 0 if buttons cannot answer; `text` is in
    characters of the text above them, 0 if that has no limit of its own. `https`: only addresses with that scheme.
    """

    model_config = example(_LIMITS)
    most: int
    title: int
    answers: int
    reply: int
    text: int
    https: bool


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
    body_mjml: str | None
    data: Document
    translations: dict[str, Document]
    approved_by: str | None
    approved_at: AwareDatetime | None
    created_at: AwareDatetime
    button_limits: ButtonLimitsOut | None = Field(description="Of `data.buttons`; null where the channel has none.")
    revision: str = Field(description="What to send as `If-Match` to change it only where it still is this.")
    saved_by: str | None
    saved_at: AwareDatetime


class TemplatePage(Output):
    model_config = example({"items": [_TEMPLATE], "next": None})
    items: list[TemplateOut]
    next: int | None


class PreviewIn(Input):
    """The person to render it for; without a campaign it counts as advertising."""

    model_config = example({"ext_id": "kh-1", "campaign": "uu-dai-thang-5"})
    ext_id: ExtId
    campaign: Key | None = Field(default=None, description="The campaign's key.")
    locale: Key | None = Field(default=None, description="Instead of the person's language.")
    event: Document | None = Field(default=None, description="What first asked; else the person's newest event.")


class MeasureOut(Output):
    """How much of a channel's limit is used."""

    model_config = example({"part": "subject", "count": "octets", "used": 41, "most": 998})
    part: str
    count: str
    used: int
    most: int


_PREVIEW = {
    "template_id": 251,
    "key": "uu-dai-thang",
    "version": 1,
    "channel": "email",
    "status": "draft",
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


class PreviewOut(Output):
    """What the person would get; a missing value is shown in it as ⟦profile.tier⟧."""

    model_config = example(_PREVIEW)
    template_id: int
    key: str
    version: int
    channel: Channel
    status: TemplateStatus
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
    def of(cls, found: Preview) -> Self:
        template, written = found.template, found.written
        return cls(
            template_id=template.template_id,
            key=template.key,
            version=template.version,
            channel=template.channel,
            status=template.status,
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
        )


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


LACKING = {
    "template_id": 251,
    "template": "uu-dai v1 (email)",
    "name": "profile.attributes.tier",
    "people": 12,
    "looked_at": 128,
    "examples": ["KH-0007", "KH-0031"],
}


class LackingOut(Output):
    """How many of the people looked at lack a value that a template prints; they are not sent it."""

    model_config = example(LACKING)
    template_id: int
    template: str
    name: str
    people: int
    looked_at: int
    examples: list[str]


class LackingList(Output):
    model_config = example({"items": [LACKING]})
    items: list[LackingOut]
