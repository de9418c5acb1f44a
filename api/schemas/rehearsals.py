"""Rehearsals of campaigns and comparisons of policies: what would happen, without writing anything."""

from pydantic import AwareDatetime, Field

from api.schemas.base import Document, ExtId, Id, Input, Output, example
from api.schemas.explain import STAGE, VERDICT, StageOut
from engine.explain import DryRun, Forecast
from engine.explain.compare import USUAL as USUAL_COMPARED
from engine.explain.compare import Compared
from engine.explain.forecast import MOST, MOST_SHOWN, USUAL
from rules.words import Action, CampaignStatus, Channel

# Decisions that one request may have repeated; the command line allows more.
MOST_COMPARED = 20_000


class RehearsalIn(Input):
    """`at`: as of that instant; `policy_version`: under that version of the campaign's policy, even a draft."""

    at: AwareDatetime | None = None
    snapshot_id: Id | None = Field(default=None, description="Its members instead of the segment's as of now.")
    policy_version: Id | None = None


class ForecastIn(RehearsalIn):
    model_config = example({"sample": 2000, "at": "2026-05-01T13:00:00Z"})
    sample: int = Field(default=USUAL, ge=1, le=MOST, description="Decide for so many people at most.")


class DryRunIn(RehearsalIn):
    model_config = example({"profiles": ["kh-000042"]})
    profiles: list[ExtId] = Field(
        default_factory=list, max_length=MOST_SHOWN, description="Else the first of the segment."
    )
    limit: int = Field(default=20, ge=1, le=MOST_SHOWN)


_ABOUT = {
    "campaign_id": 301,
    "campaign": "uu-dai-thang",
    "status": "draft",
    "at": "2026-05-01T02:00:05Z",
    "policy_version": 1,
}


class _About(Output):
    campaign_id: int
    campaign: str
    status: CampaignStatus
    at: AwareDatetime
    policy_version: int


class ForecastOut(_About):
    """What a campaign would lead to: counts of the people decided for; `expected` scales them up to all `people`."""

    model_config = example(
        {
            **_ABOUT,
            "source": "rule",
            "people": 40000,
            "share": 0.05,
            "missing": 0,
            "expected": {"send": 31000, "do_nothing": 9000},
            "decided": 2000,
            "choices": 1550,
            "actions": {"send": 1550, "do_nothing": 450},
            "reasons": {"chosen": 1550, "consent": 450},
            "channels": {"email": 1550},
            "templates": {"uu-dai-thang v1 (email)": 1550},
            "waits": {},
            "funnel": [STAGE],
            "examples": {"consent": ["kh-000007"]},
        }
    )
    source: str = Field(description="Where the people come from: rule, snapshot or events.")
    people: int
    share: float = Field(description="Which part of the people was decided for.")
    missing: int
    expected: dict[str, int]
    decided: int
    choices: int = Field(description="People for whom an arbiter has something to choose.")
    actions: dict[str, int]
    reasons: dict[str, int]
    channels: dict[str, int]
    templates: dict[str, int]
    waits: dict[str, int] = Field(description="People who would wait, by the hour they would wait for (UTC).")
    funnel: list[StageOut]
    examples: dict[str, list[str]]

    @classmethod
    def of(cls, found: Forecast) -> "ForecastOut":
        return cls.model_validate(found.to_document())


class RehearsedOut(Output):
    profile: str
    action: Action
    reason: str
    channel: Channel | None
    template: str | None
    template_version: int | None
    wait_until: AwareDatetime | None
    candidates: list[Document]


class DryRunOut(_About):
    """What would be decided for each of a few people; nothing is written."""

    model_config = example(
        {
            **_ABOUT,
            "decisions": [
                {
                    "profile": "kh-000042",
                    "action": "send",
                    "reason": "chosen",
                    "channel": "email",
                    "template": "uu-dai-thang",
                    "template_version": 1,
                    "wait_until": None,
                    "candidates": [VERDICT],
                }
            ],
        }
    )
    decisions: list[RehearsedOut]

    @classmethod
    def of(cls, found: DryRun) -> "DryRunOut":
        return cls.model_validate(found.to_document())


class CompareIn(Input):
    model_config = example({"version": 3, "limit": 5000})
    version: Id
    since: AwareDatetime | None = Field(default=None, description="A week ago where none is given.")
    limit: int = Field(default=USUAL_COMPARED, ge=1, le=MOST_COMPARED)


class MovedOut(Output):
    decisions: int
    profiles: list[str]


class ComparedOut(Output):
    """Decisions made under one version of a policy, and how they would have come out under another."""

    model_config = example(
        {
            "key": "default",
            "version": 3,
            "draft": True,
            "since": "2026-04-24T02:00:05Z",
            "compared": 5000,
            "skipped": 0,
            "changed": 210,
            "decided_by_score": 0,
            "looks_further_back": False,
            "before": {"chosen": 4000, "frequency_cap": 1000},
            "after": {"chosen": 4210, "frequency_cap": 790},
            "actions": {"wait -> send": 210},
            "reasons": {"frequency_cap -> chosen": 210},
            "gains": {"decisions": 210, "profiles": ["kh-000042"]},
            "loses": {"decisions": 0, "profiles": []},
        }
    )
    key: str
    version: int
    draft: bool
    since: AwareDatetime
    compared: int
    skipped: int = Field(description="Not comparable: its conditions ask what was not gathered then.")
    changed: int
    decided_by_score: int = Field(description="Sends whose stored choice no longer stood, so the score chose.")
    looks_further_back: bool = Field(description="Its caps look further back than the facts.")
    before: dict[str, int]
    after: dict[str, int]
    actions: dict[str, int]
    reasons: dict[str, int]
    gains: MovedOut
    loses: MovedOut

    @classmethod
    def of(cls, found: Compared) -> "ComparedOut":
        return cls.model_validate(found.to_document())
