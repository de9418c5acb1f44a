"""A campaign as a funnel, and against its control group."""

from pydantic import Field

from api.schemas.base import Output, example
from engine.campaigns.funnel import Funnel
from rules.lift import Group, Interval, Lift
from rules.words import Action, CampaignStatus, DeliveryStatus

_HELD = {"gate": "control_group", "action": "do_nothing", "people": 13}
FUNNEL = {
    "campaign_id": 301,
    "status": "active",
    "audience": 128,
    "batches_due": 0,
    "batches_pending": 0,
    "decided": 128,
    "eligible": 100,
    "sends": 100,
    "held": [_HELD],
    "deliveries": {"sent": 98, "failed": 2},
    "delivered": 97,
    "opened": 41,
    "clicked": 12,
    "bought": 5,
    "unsubscribed": 1,
    "bounced": 1,
    "complained": 0,
    "value": 2100000.0,
    "is_moving": False,
}
_GROUP = {"people": 98, "hits": 5, "share": 0.051, "low": 0.022, "high": 0.114}


class HeldOut(Output):
    """People whom a gate took out: for good (do_nothing) or until later (wait)."""

    model_config = example(_HELD)
    gate: str
    action: Action
    people: int


class FunnelOut(Output):
    """Where the people of a campaign are: audience, decided, eligible, sends, then messages up to bought."""

    model_config = example(FUNNEL)
    campaign_id: int
    status: CampaignStatus
    audience: int
    batches_due: int
    batches_pending: int
    decided: int
    eligible: int
    sends: int
    held: list[HeldOut]
    deliveries: dict[DeliveryStatus, int]
    delivered: int
    opened: int
    clicked: int
    bought: int
    unsubscribed: int
    bounced: int
    complained: int
    value: float
    is_moving: bool = Field(description="Whether something is still to be decided or sent by itself.")

    @classmethod
    def of(cls, found: Funnel) -> "FunnelOut":
        return cls.model_validate(found)


class GroupOut(Output):
    """`hits` of `people`; `low` and `high` bound the share at 95 % (Wilson)."""

    model_config = example(_GROUP)
    people: int
    hits: int
    share: float
    low: float
    high: float

    @classmethod
    def of(cls, group: Group) -> "GroupOut":
        bounds: Interval = group.interval
        return cls(people=group.people, hits=group.hits, share=group.share, low=bounds.low, high=bounds.high)


class LiftOut(Output):
    """How much more the treated did than the control group, as a difference of shares, at 95 % (Newcombe)."""

    treated: GroupOut
    control: GroupOut
    difference: float
    low: float
    high: float
    relative: float | None = Field(description="As a part of the control group's share; null where that did nothing.")
    is_clear: bool = Field(description="The interval leaves 0 out.")

    @classmethod
    def of(cls, lift: Lift) -> "LiftOut":
        return cls(
            treated=GroupOut.of(lift.treated),
            control=GroupOut.of(lift.control),
            difference=lift.difference,
            low=lift.interval.low,
            high=lift.interval.high,
            relative=lift.relative,
            is_clear=lift.is_clear,
        )


class LiftsOut(Output):
    """The people a campaign wrote to compared with its control group, by what they did afterwards."""

    model_config = example(
        {
            measure: {
                "treated": _GROUP,
                "control": {"people": 13, "hits": 0, "share": 0.0, "low": 0.0, "high": 0.228},
                "difference": 0.051,
                "low": -0.178,
                "high": 0.114,
                "relative": None,
                "is_clear": False,
            }
            for measure in ("visited", "bought")
        }
    )
    visited: LiftOut
    bought: LiftOut

    @classmethod
    def of(cls, found: dict[str, Lift]) -> "LiftsOut":
        return cls(**{measure: LiftOut.of(lift) for measure, lift in found.items()})
