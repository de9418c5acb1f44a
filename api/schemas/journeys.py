"""One person as the console shows them: search, time line, what is allowed now, and what a message said."""

from pydantic import AwareDatetime, Field

from api.schemas.base import Document, Output, example
from api.schemas.decisions import ReasonOut
from engine.journey import Allowed, Message, Timeline
from rules.conditions import Language
from rules.verdicts import Reason
from rules.words import Channel, DeliveryStatus

_FOUND = {
    "profile_id": 1042,
    "ext_id": "kh-000042",
    "name": "Trần Thị Mai",
    "status": "active",
    "merged_into": None,
    "matched": "name",
}
_ENTRY = {
    "kind": "decision",
    "at": "2026-05-01T02:00:05Z",
    "record_id": 601,
    "what": "wait",
    "why": "It is quiet until 08:00.",
    "detail": {"reason": "quiet_hours", "campaign": "uu-dai-thang"},
}
_ON_CHANNEL = {
    "channel": "email",
    "is_connected": True,
    "is_allowed": False,
    "wait_until": "2026-05-01T01:00:00Z",
    "reasons": [
        {
            "gate": "quiet_hours",
            "text": "It is quiet until 08:00.",
            "evidence": {},
            "until": None,
            "rule": "Between 21:00 and 08:00 nothing is sent.",
        }
    ],
}


class FoundOut(Output):
    model_config = example(_FOUND)
    profile_id: int
    ext_id: str
    name: str | None
    status: str
    merged_into: str | None
    matched: str = Field(description="By what: key, id, address or name.")


class FoundList(Output):
    """The people whom a text may mean; `is_cut`: there are more."""

    model_config = example({"items": [_FOUND], "is_cut": False})
    items: list[FoundOut]
    is_cut: bool


class EntryOut(Output):
    model_config = example(_ENTRY)
    kind: str = Field(description="event, decision, delivery or outcome.")
    at: AwareDatetime
    record_id: int
    what: str = Field(description="An event's or outcome's type, a decision's action, a delivery's status.")
    why: str | None = Field(description="The sentence of the gate that held a decision back.")
    detail: Document = Field(description="Of a decision or delivery also `archived_at`; null: it is live.")


class Before(Output):
    """The parameters of the next page: `before` and `before_id`."""

    model_config = example({"before": "2026-05-01T02:00:05Z", "before_id": 601})
    before: AwareDatetime
    before_id: int


class TimelineOut(Output):
    """What happened with a person, the newest first."""

    model_config = example(
        {
            "profile_id": 1042,
            "ext_id": "kh-000042",
            "name": "Trần Thị Mai",
            "profiles": 1,
            "items": [_ENTRY],
            "next": None,
        }
    )
    profile_id: int
    ext_id: str
    name: str | None
    profiles: int = Field(description="How many profiles became this person, with the one that stayed.")
    items: list[EntryOut]
    next: Before | None

    @classmethod
    def of(cls, found: Timeline, limit: int) -> "TimelineOut":
        entries, who = found.entries, found.who
        last = entries[-1] if len(entries) == limit else None
        return cls(
            profile_id=who.profile_id,
            ext_id=who.ext_id,
            name=who.name,
            profiles=len(who.profile_ids),
            items=[EntryOut.model_validate(one) for one in entries],
            next=None if last is None else Before(before=last.at, before_id=last.record_id),
        )


class RuledOut(ReasonOut):
    rule: str = Field(description="The rule that refuses, in the policy's own words.")


class OnChannelOut(Output):
    model_config = example(_ON_CHANNEL)
    channel: Channel
    is_connected: bool
    is_allowed: bool
    wait_until: AwareDatetime | None = Field(description="When it will be allowed by itself.")
    reasons: list[RuledOut]


class AllowedOut(Output):
    """Whether a person may be written to now on each channel, under the tenant's default policy."""

    model_config = example(
        {
            "profile": "kh-000042",
            "purpose": "marketing",
            "at": "2026-05-01T00:00:00Z",
            "policy_version": 3,
            "channels": [_ON_CHANNEL],
        }
    )
    profile: str
    purpose: str
    at: AwareDatetime
    policy_version: int
    channels: list[OnChannelOut]

    @classmethod
    def of(cls, found: Allowed, language: Language) -> "AllowedOut":
        return cls(
            profile=found.ext_id,
            purpose=found.purpose,
            at=found.at,
            policy_version=found.policy_version,
            channels=[
                OnChannelOut(
                    channel=one.channel,
                    is_connected=one.is_connected,
                    is_allowed=one.is_allowed,
                    wait_until=one.wait_until,
                    reasons=[_ruled(reason, found.rule(reason, language)) for reason in one.reasons],
                )
                for one in found.channels
            ],
        )


def _ruled(reason: Reason, rule: str) -> RuledOut:
    return RuledOut(gate=reason.gate, text=reason.text, evidence=dict(reason.evidence), until=reason.until, rule=rule)


class MessageOut(Output):
    """A message rendered again from its template's version; `has_changed`: the person has changed since it was sent."""

    model_config = example(
        {
            "delivery_id": 701,
            "channel": "email",
            "status": "sent",
            "address": "mai@khach.example",
            "sent_at": "2026-05-01T02:00:06Z",
            "archived_at": None,
            "template": "uu-dai-thang",
            "template_version": 1,
            "has_changed": False,
            "subject": "Mai ơi, ưu đãi của bạn",
            "text": "Chào Mai.",
            "html": None,
            "buttons": [],
        }
    )
    delivery_id: int
    channel: Channel
    status: DeliveryStatus
    address: str
    sent_at: AwareDatetime | None
    archived_at: AwareDatetime | None = Field(description="Since when it is in the archive; null: it is live.")
    template: str
    template_version: int
    has_changed: bool
    subject: str | None
    text: str | None
    html: str | None
    buttons: list[dict[str, str]]

    @classmethod
    def of(cls, found: Message) -> "MessageOut":
        return cls.model_validate(found)
