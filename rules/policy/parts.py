"""The parts of a policy as they were read: what the gates look at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum

from rules.conditions import Rule
from rules.words import Arbiter, Channel, Gate


class CapScope(StrEnum):
    OVERALL = "overall"
    CAMPAIGN = "campaign"
    CHANNEL = "channel"


class Period(StrEnum):
    """A period of the calendar in the person's zone; a week begins on Monday (ISO 8601)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` messages to a person, counted within `scope`: in any `window`, or in each period `per`.

    Of a calendar cap `window` is as far back as its longest period can reach. It limits, and counts, only messages on
    `channels` and for `purposes`, each where not None.
    """

    limit: int
    window: timedelta
    scope: CapScope
    per: Period | None = None
    channels: frozenset[Channel] | None = None
    purposes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` of a person's day; past midnight where the end comes first."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Scope:
    """What a part of the policy is about: None is everything. Campaigns and templates are named by their keys."""

    channels: frozenset[Channel] | None = None
    templates: frozenset[str] | None = None
    campaigns: frozenset[str] | None = None
    purposes: frozenset[str] | None = None

    def concerns(self, campaign: str, purpose: str) -> bool:
        """Whether it is about a campaign, by its key, and its purpose."""
        return (self.campaigns is None or campaign in self.campaigns) and (
            self.purposes is None or purpose in self.purposes
        )

    def covers(self, channel: Channel | None, template: str | None) -> bool:
        """Whether it is about a template, by its key, on a channel."""
        return (self.channels is None or channel in self.channels) and (
            self.templates is None or template in self.templates
        )


@dataclass(frozen=True, slots=True)
class Requirement:
    """What has to hold for a person, `asked` in English; `layer` is the gate that refuses where it does not."""

    layer: Gate
    name: str
    rule: Rule
    asked: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class SendingHours:
    """Messages in scope go out only from `start` to `end` of a person's day; past midnight where the end comes first.

    `source` says who wants it so.
    """

    start: time
    end: time
    channels: frozenset[Channel] | None = None
    purposes: frozenset[str] | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """On `channel` messages go out only so long after the person was last heard there, but for what is exempt."""

    channel: Channel
    length: timedelta
    exempt_templates: frozenset[str] = frozenset()
    exempt_purposes: frozenset[str] = frozenset()
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Arbitration:
    """Who chooses, in this order, all of them together within so many milliseconds a decision.

    A run that would take more hours, or cost more US dollars (what models are paid in), does not start; None: no limit.
    """

    order: tuple[Arbiter, ...]
    within_ms: int
    most_hours: float | None = None
    most_cost: float | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """What the score arbiter adds up; see rules/score.py."""

    channel: Mapping[Channel, float]
    engagement: float
    fatigue: float
    do_nothing: float
    interest: float = 0.0
