"""What templates are made of: what each channel carries, and the names that can be printed."""

from typing import Literal, Self

from pydantic import Field

from api.schemas.base import Output, example
from api.schemas.templates import LIMITS, ButtonLimitsOut
from engine.campaigns import Content
from rules.words import Channel

_MOST = {"part": "subject", "count": "octets", "most": 998}
_FIELD = {"name": "buttons", "kind": "buttons", "most": None, "declared": None, "buttons": LIMITS}
_CONTENT = {
    "channel": "email",
    "parts": ["subject", "text", "html"],
    "needs": ["subject"],
    "limits": [_MOST],
    "fields": [{"name": "reply_to", "kind": "text", "most": 254, "declared": None, "buttons": None}],
    "label": "[QC]",
}
_MEASURED = frozenset({"text", "url", "parameters"})
_NAME = {
    "group": "profile",
    "name": "city",
    "writes": "profile.city",
    "kind": "string",
    "is_attribute": True,
    "event": None,
    "has": 912,
    "looked_at": 1000,
}


class MostOut(Output):
    """The most of one part, or of the `message` as its reader sees it; what it counts is characters or octets."""

    model_config = example(_MOST)
    part: str
    count: Literal["characters", "octets"]
    most: int


class DataFieldOut(Output):
    """A key of `data` that the channel knows: text, url, flag, buttons, or the parameters of a provider's template.

    `most`: characters of a text or a url, or how many parameters; `declared`: the key that says what these may be.
    """

    model_config = example(_FIELD)
    name: str
    kind: Literal["text", "url", "flag", "buttons", "parameters"]
    most: int | None
    declared: str | None
    buttons: ButtonLimitsOut | None


class ContentOut(Output):
    """What a message carries on one channel: its parts, those it cannot go without, its limits, its own data."""

    model_config = example(_CONTENT)
    channel: Channel
    parts: list[str]
    needs: list[str] = Field(description="Parts, and keys of `data`.")
    limits: list[MostOut]
    fields: list[DataFieldOut]
    label: str | None = Field(description="What the law puts before the subject of advertising.")

    @classmethod
    def of(cls, content: Content) -> Self:
        fields = [
            DataFieldOut.model_validate(
                {
                    "name": name,
                    "kind": one.kind,
                    "most": one.most if one.kind in _MEASURED else None,
                    "declared": one.declared or None,
                    "buttons": one.buttons if one.kind == "buttons" else None,
                }
            )
            for name, one in content.fields.items()
        ]
        return cls(
            channel=content.channel,
            parts=list(content.parts),
            needs=list(content.needs),
            limits=[MostOut.model_validate(one) for one in content.limits],
            fields=fields,
            label=content.advertising.label if content.advertising else None,
        )


class ContentList(Output):
    model_config = example({"items": [_CONTENT]})
    items: list[ContentOut]


class NameOut(Output):
    """One value that a template can print; `writes` is how Liquid names it.

    `has` of the `looked_at` newest people, or events of the type `event`, have it; null where it is always there.
    `is_attribute`: what you record of people and events, not what LEO knows by itself.
    """

    model_config = example(_NAME)
    group: Literal["profile", "campaign", "event", "link"]
    name: str
    writes: str
    kind: Literal["string", "number", "boolean", "array"]
    is_attribute: bool
    event: str | None
    has: int | None
    looked_at: int | None


class NameList(Output):
    model_config = example({"items": [_NAME]})
    items: list[NameOut]
