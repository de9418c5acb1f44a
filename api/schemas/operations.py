"""The state of a tenant's work: lanes, what is stuck, and channels."""

from collections.abc import Sequence

from pydantic import AwareDatetime, Field

from api.schemas.base import Output, example
from api.schemas.stuck import PUT_OFF, UNTOLD, PutOffOut, UntoldOut
from engine.operations import Overview
from engine.stuck import PutOff, Untold
from rules.words import Channel, DeliveryStatus, Lane

_LANE = {
    "lane": "bulk",
    "batches_due": 2,
    "batches_later": 0,
    "oldest_batch_at": "2026-05-01T02:00:00Z",
    "messages_due": 420,
    "messages_later": 12,
    "oldest_message_at": "2026-05-01T02:00:03Z",
    "in_hand": 64,
    "lost": 0,
}
_STUCK = {
    "what": "message",
    "campaign_id": 301,
    "campaign": "uu-dai-thang-5",
    "campaign_name": "Ưu đãi tháng 5",
    "channel": "mail",
    "why": "channel_paused",
    "count": 420,
    "run_ids": [801],
    "since": "2026-05-01T02:00:03Z",
}
_HEALTH = {
    "channel_id": 21,
    "kind": "email",
    "name": "mail",
    "status": "connected",
    "messages": {"sent": 960, "failed": 12},
    "classes": {"invalid_address": 12},
    "last_sent_at": "2026-05-01T02:00:06Z",
    "total": 972,
    "error_share": 0.0123,
    "tokens": [{"name": "access_token", "expires_at": "2026-05-01T09:00:00Z"}],
}


class LaneOut(Output):
    """What waits in a lane, counted up to 10,000; `lost`: held by a worker that has not been heard of."""

    model_config = example(_LANE)
    lane: Lane
    batches_due: int
    batches_later: int
    oldest_batch_at: AwareDatetime | None
    messages_due: int
    messages_later: int
    oldest_message_at: AwareDatetime | None
    in_hand: int
    lost: int


class StuckOut(Output):
    """Batches or messages that have been due for over two minutes."""

    model_config = example(_STUCK)
    what: str
    campaign_id: int
    campaign: str
    campaign_name: str
    channel: str | None
    why: str = Field(
        description="campaign_paused, campaign_ended, run_paused, channel_paused, channel_disconnected or no_worker."
    )
    count: int
    run_ids: list[int] = Field(description="The runs that they are of, the first 20.")
    since: AwareDatetime


class TokenOut(Output):
    """A credential with an end; its value is never shown."""

    name: str
    expires_at: AwareDatetime


class HealthOut(Output):
    """A channel's health: what became of its share of the newest 10,000 messages."""

    model_config = example(_HEALTH)
    channel_id: int
    kind: Channel
    name: str
    status: str
    messages: dict[DeliveryStatus, int]
    classes: dict[str, int]
    last_sent_at: AwareDatetime | None
    total: int
    error_share: float | None
    tokens: list[TokenOut]


class OperationsOut(Output):
    model_config = example(
        {
            "lanes": [_LANE],
            "stuck": [_STUCK],
            "channels": [_HEALTH],
            "put_off": [PUT_OFF],
            "untold": [UNTOLD],
        }
    )
    lanes: list[LaneOut]
    stuck: list[StuckOut]
    channels: list[HealthOut]
    put_off: list[PutOffOut] = Field(description="Batches that could not be decided, the first 20.")
    untold: list[UntoldOut] = Field(description="What a CDP was not told although it was tried, the first 20.")

    @classmethod
    def of(cls, found: Overview, put_off: Sequence[PutOff], untold: Sequence[Untold]) -> "OperationsOut":
        return cls(
            lanes=[LaneOut.model_validate(one) for one in found.lanes],
            stuck=[StuckOut.model_validate(one) for one in found.stuck],
            channels=[HealthOut.model_validate(one) for one in found.channels],
            put_off=[PutOffOut.model_validate(one) for one in put_off],
            untold=[UntoldOut.model_validate(one) for one in untold],
        )
