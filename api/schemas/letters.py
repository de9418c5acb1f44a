"""Dead letters: messages that failed, were given up, or may have arrived."""

from datetime import datetime
from typing import Annotated

from annotated_types import Len

from api.schemas.base import MOST_ITEMS, Id, Input, Note, Output, example
from engine.dispatch.letters import Resolution
from rules.words import Channel, DeliveryStatus

_LETTER = {
    "delivery_id": 9001,
    "campaign_id": 12,
    "campaign": "tet-2026",
    "run_id": 40,
    "profile_id": 7,
    "ext_id": "kh-1",
    "channel": "email",
    "through": "newsletter",
    "address": "lan@example.vn",
    "status": "uncertain",
    "attempts": 1,
    "code": "cut",
    "klass": "provider_down",
    "detail": "The provider gave no answer (cut).",
    "event_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "queued_at": "2026-03-10T03:00:00Z",
    "ended_at": "2026-03-10T03:00:07Z",
}
_SETTLED = {"items": [{"delivery_id": 9001, "refused": None}, {"delivery_id": 9002, "refused": "suppressed"}]}

Named = Annotated[list[Id], Len(1, MOST_ITEMS)]


class LetterOut(Output):
    """A message that ended without arriving, as far as anybody knows; `event_id` is what the provider was given."""

    model_config = example(_LETTER)
    delivery_id: int
    campaign_id: int
    campaign: str
    run_id: int
    profile_id: int
    ext_id: str
    channel: Channel
    through: str
    address: str
    status: DeliveryStatus
    attempts: int
    code: str | None
    klass: str | None
    detail: str | None
    event_id: str
    queued_at: datetime
    ended_at: datetime


class LetterPage(Output):
    model_config = example({"items": [_LETTER], "next": None})
    items: list[LetterOut]
    next: int | None


class LetterCount(Output):
    model_config = example({"status": "dead", "channel": "email", "klass": "provider_down", "messages": 3})
    status: DeliveryStatus
    channel: Channel
    klass: str | None
    messages: int


class LetterCounts(Output):
    model_config = example({"items": [{"status": "dead", "channel": "email", "klass": "provider_down", "messages": 3}]})
    items: list[LetterCount]


class RedriveIn(Input):
    """Messages to queue again; with `may_double` also uncertain ones, which may then arrive twice."""

    model_config = example({"delivery_ids": [9001, 9002], "may_double": False})
    delivery_ids: Named
    may_double: bool = False


class ResolveIn(Input):
    """How to settle messages: `arrived` or `lost` if uncertain, `closed` if failed."""

    model_config = example({"delivery_ids": [9001], "resolution": "arrived", "note": "In the provider's log at 10:00."})
    delivery_ids: Named
    resolution: Resolution
    note: Note | None = None


class SettledOne(Output):
    model_config = example(_SETTLED["items"][1])
    delivery_id: int
    refused: str | None


class SettledOut(Output):
    """The result for each message; `refused` is one word for why nothing was done."""

    model_config = example(_SETTLED)
    items: list[SettledOne]
