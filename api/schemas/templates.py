"""Templates, and what one would look like for a person."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from api.schemas.base import Document, Input, Key, LongText, Output, example
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


LIMITS = {"most": 3, "title": 20, "answers": 13, "reply": 1000, "text": 640, "https": False}


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

    model_config = example(LIMITS)
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
