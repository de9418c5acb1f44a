"""What happened over time: in a campaign, and on the channels."""

from pydantic import AwareDatetime, Field

from api.schemas.base import Output, example
from engine.series import CampaignSeries, ChannelSeries
from rules.words import Channel

_INTERVAL = {
    "at": "2026-05-01T02:00:00Z",
    "decided": 128,
    "sent": 98,
    "delivered": 97,
    "opened": 12,
    "clicked": 3,
    "bought": 1,
}
_CHANNEL = {
    "channel_id": 21,
    "kind": "email",
    "name": "mail",
    "at": ["2026-05-01T02:00:00Z", "2026-05-01T02:05:00Z"],
    "waiting": [420, 12],
    "tried": [0, 408],
    "failed": [0, 3],
}


class IntervalOut(Output):
    """What happened from `at` on; each message counts once, when it was first delivered, opened and so on."""

    model_config = example(_INTERVAL)
    at: AwareDatetime
    decided: int
    sent: int
    delivered: int
    opened: int
    clicked: int
    bought: int


class CampaignSeriesOut(Output):
    """About a hundred intervals at most, without gaps; none before anything was decided."""

    model_config = example({"seconds": 60, "intervals": [_INTERVAL]})
    seconds: int = Field(description="How long an interval is.")
    intervals: list[IntervalOut]

    @classmethod
    def of(cls, found: CampaignSeries) -> "CampaignSeriesOut":
        return cls.model_validate(found)


class ChannelSeriesOut(Output):
    """Per interval: messages waiting at its end, calls that ended in it, and calls that got nothing through."""

    model_config = example(_CHANNEL)
    channel_id: int
    kind: Channel
    name: str
    at: list[AwareDatetime]
    waiting: list[int]
    tried: list[int]
    failed: list[int]


class ChannelsSeriesOut(Output):
    model_config = example({"seconds": 300, "channels": [_CHANNEL]})
    seconds: int = Field(description="How long an interval is.")
    channels: list[ChannelSeriesOut]

    @classmethod
    def of(cls, seconds: int, found: tuple[ChannelSeries, ...]) -> "ChannelsSeriesOut":
        return cls(seconds=seconds, channels=[ChannelSeriesOut.model_validate(one) for one in found])
