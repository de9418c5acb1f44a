"""How the work of a tenant stands: lanes, what is stuck, and channels."""

from pydantic import AwareDatetime, Field

from api.schemas.base import Output, example
from engine.operations import Overview
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
    """What waits in a lane, counted up to 10,000; `lost`: in the hands of a worker that has not been heard of."""

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
    since: AwareDatetime


class TokenOut(Output):
    """A credential that ends; its value is never shown."""

    name: str
    expires_at: AwareDatetime


class HealthOut(Output):
    """A channel, by what became of its share of the newest 10,000 messages."""

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
        }
    )
    lanes: list[LaneOut]
    stuck: list[StuckOut]
    channels: list[HealthOut]

    @classmethod
    def of(cls, found: Overview) -> "OperationsOut":
        return cls.model_validate(found)
