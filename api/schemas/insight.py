"""What a tenant's people show as a whole."""

from pydantic import AwareDatetime, Field

from api.schemas.base import Output, example
from engine.insight import Insight

_FLOW = {
    "origin": {"kind": "start", "name": None},
    "target": {"kind": "touchpoint", "name": "Trang chủ"},
    "journeys": 320,
}


class StopOut(Output):
    kind: str = Field(description="start, touchpoint, bought or left.")
    name: str | None


class FlowOut(Output):
    """This many journeys went directly from one stop to the next."""

    model_config = example(_FLOW)
    origin: StopOut
    target: StopOut
    journeys: int


class TouchpointOut(Output):
    name: str
    effect: float = Field(description="Which share of all buying would be lost without it, of 1.")
    journeys: int


class CommunityOut(Output):
    """People who share more with each other than with others."""

    people: int
    such_as: list[str]
    shares: list[str]


class InsightOut(Output):
    """About the newest 100,000 people; `is_cut`: there is more than was looked at."""

    model_config = example(
        {
            "people": 4200,
            "is_cut": False,
            "flows": [_FLOW],
            "touchpoints": [{"name": "Trang chủ", "effect": 0.42, "journeys": 320}],
            "communities": [{"people": 51, "such_as": ["kh-000042"], "shares": ["Trà sen"]}],
            "made_at": "2026-05-01T02:00:00Z",
        }
    )
    people: int
    is_cut: bool
    flows: list[FlowOut]
    touchpoints: list[TouchpointOut]
    communities: list[CommunityOut]
    made_at: AwareDatetime

    @classmethod
    def of(cls, found: Insight) -> "InsightOut":
        return cls.model_validate(found)
