"""Segments: what they ask, what a rule would find, and what a refresh changed."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from api.schemas.base import Document, Input, Key, LongText, Name, Output, Refused, example
from engine.ingest.fieldmap import names
from engine.segments import Diff, Segment, Version, Vocabulary, texts
from rules.conditions import parse
from rules.conditions.querybuilder import convert

_RULE = {"all": [{"attribute": "city", "is": "Huế"}, {"attribute": "tier", "is": "vàng"}]}
_TEXT = {
    "en": 'city is "Huế" and tier is "vàng"',
    "vi": "city là “Huế” và tier là “vàng”",
}
_QUERYBUILDER = {
    "condition": "AND",
    "rules": [{"id": "livingCity", "field": "livingCity", "type": "string", "operator": "equal", "value": "Huế"}],
}
_SEGMENT = {
    "segment_id": 201,
    "key": "hue-vang",
    "name": "Huế, hạng vàng",
    "version": 1,
    "rule": _RULE,
    "text": _TEXT,
    "event_types": [],
    "schedule": "0 6 * * *",
    "zone": "Asia/Ho_Chi_Minh",
    "due_at": "2026-05-01T23:00:00Z",
    "size": 128,
    "refreshed_at": "2026-05-01T02:00:00Z",
    "archived_at": None,
    "created_at": "2026-05-01T02:00:00Z",
    "revision": "9b0b2f4e4b7f0d0a",
    "saved_by": "marketing (API key 11)",
    "saved_at": "2026-05-01T02:00:00Z",
}
_DIFF = {"refresh_id": 601, "joined": 3, "left": 1, "size": 128}
_VERSION = {"version": 1, "rule": _RULE, "text": _TEXT, "created_at": "2026-05-01T02:00:00Z"}


class _Ruled(Input):
    """A rule of ours, or one of LEO CDP's that is converted to ours."""

    rule: Document | None = Field(default=None, description="A tree of conditions: GET /segments/rule-schema.")
    querybuilder: Document | LongText | None = Field(
        default=None, description="Instead of `rule`: LEO CDP's `jsonQueryRules` (jQuery QueryBuilder), or its text."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.rule is None) == (self.querybuilder is None):
            raise Refused("rule_or_querybuilder", "send either rule or querybuilder")
        return self

    def said(self) -> Document:
        """Give the rule in our language; raises InvalidInput naming what of a QueryBuilder rule we cannot express."""
        return convert(self.querybuilder, attributes=names()) if self.rule is None else self.rule


class SegmentIn(_Ruled):
    """A segment; saving a known key with another rule makes its next version."""

    model_config = example(
        {"key": "hue-vang", "name": "Huế, hạng vàng", "rule": _RULE, "schedule": "0 6 * * *", "zone": None}
    )
    key: Key
    name: Name
    schedule: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="When it is refreshed by itself: the five fields of cron."
    )
    zone: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="The clock of `schedule`; the tenant's where it is left out."
    )


class SegmentOut(Output):
    """A segment; `text` is its rule in each language, `event_types` are the events that may change its members."""

    model_config = example(_SEGMENT)
    segment_id: int
    key: str
    name: str
    version: int
    rule: Document
    text: dict[str, str]
    event_types: list[str]
    schedule: str | None
    zone: str | None
    due_at: AwareDatetime | None
    size: int
    refreshed_at: AwareDatetime | None
    archived_at: AwareDatetime | None
    created_at: AwareDatetime
    revision: str = Field(description="What to send as `If-Match` to change it only where it still is this.")
    saved_by: str | None
    saved_at: AwareDatetime

    @classmethod
    def of(cls, segment: Segment) -> Self:
        return cls(
            segment_id=segment.segment_id,
            key=segment.key,
            name=segment.name,
            version=segment.version,
            rule=dict(segment.rule),
            text=texts(parse(segment.rule)),
            event_types=list(segment.event_types),
            schedule=segment.schedule,
            zone=segment.zone,
            due_at=segment.due_at,
            size=segment.size,
            refreshed_at=segment.refreshed_at,
            archived_at=segment.archived_at,
            created_at=segment.created_at,
            revision=segment.revision,
            saved_by=segment.saved_by,
            saved_at=segment.saved_at,
        )


class SegmentPage(Output):
    model_config = example({"items": [_SEGMENT], "next": None})
    items: list[SegmentOut]
    next: int | None


class PreviewIn(_Ruled):
    """A rule to try; nothing is saved."""

    model_config = example({"rule": _RULE, "sample": 10})
    sample: int = Field(default=10, ge=0, le=100, description="So many of them are named.")


class SampledOut(Output):
    profile_id: int
    ext_id: str
    name: str | None


class PreviewOut(Output):
    """Who a rule finds now; `rule` is what a QueryBuilder's rule was converted to."""

    model_config = example(
        {
            "count": 128,
            "sample": [{"profile_id": 101, "ext_id": "kh-42", "name": "Trần Thị Mai"}],
            "took_ms": 12.5,
            "rule": _RULE,
            "text": _TEXT,
        }
    )
    count: int
    sample: list[SampledOut]
    took_ms: float
    rule: Document
    text: dict[str, str]


class RefreshedOut(Output):
    """What a refresh changed, and how many are in the segment now."""

    model_config = example(_DIFF)
    refresh_id: int
    joined: int
    left: int
    size: int

    @classmethod
    def of(cls, diff: Diff) -> Self:
        return cls(refresh_id=diff.refresh_id, joined=diff.joined, left=diff.left, size=diff.size)


class VersionOut(Output):
    """A rule that the segment has or had."""

    model_config = example(_VERSION)
    version: int
    rule: Document
    text: dict[str, str]
    created_at: AwareDatetime

    @classmethod
    def of(cls, version: Version) -> Self:
        rule = dict(version.rule)
        return cls(version=version.version, rule=rule, text=texts(parse(rule)), created_at=version.created_at)


class VersionList(Output):
    """Every version, the newest first."""

    model_config = example({"items": [_VERSION]})
    items: list[VersionOut]


class KnownAttribute(Output):
    """An attribute by the names that lead to it, with values that several people share, the commonest first."""

    path: list[str]
    kind: str = Field(description="What most people have there: text, date, number, flag or list.")
    values: list[str]


class KnownEvent(Output):
    """A type of event, and the attributes of the newest of them."""

    type: str
    attributes: list[str]


class KnownPattern(Output):
    """A graph pattern of the library, and what it is given under `with`."""

    name: str
    purpose: str
    parameters: list[str]


class VocabularyOut(Output):
    """What rules can name. It is looked up among the newest 500 people: a name that is not here may still be one."""

    model_config = example(
        {
            "attributes": [{"path": ["city"], "kind": "text", "values": ["Huế"]}],
            "events": [{"type": "purchase", "attributes": ["currency", "value"]}],
            "purposes": ["marketing"],
            "patterns": [
                {
                    "name": "bought_product",
                    "purpose": "People who bought the product with this key.",
                    "parameters": ["product"],
                }
            ],
        }
    )
    attributes: list[KnownAttribute]
    events: list[KnownEvent]
    purposes: list[str]
    patterns: list[KnownPattern]

    @classmethod
    def of(cls, known: Vocabulary) -> Self:
        return cls(
            attributes=[KnownAttribute.model_validate(one) for one in known.attributes],
            events=[KnownEvent.model_validate(one) for one in known.events],
            purposes=list(known.purposes),
            patterns=[
                KnownPattern(name=one.name, purpose=one.purpose, parameters=sorted(one.parameters))
                for one in known.patterns
            ],
        )
