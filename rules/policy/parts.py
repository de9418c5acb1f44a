"""The parts of a policy, as read: what the gates look at."""

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
    """A calendar period in the person's zone; weeks begin on Monday (ISO 8601)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` messages to a person, counted within `scope`: in any `window`, or in each calendar period `per`.

    For a calendar cap, `window` is how far back its longest period can reach. The cap limits and counts only messages
    on `channels` and for `purposes`, each if not None.
    """

    limit: int
    window: timedelta
    scope: CapScope
    per: Period | None = None
    channels: frozenset[Channel] | None = None
    purposes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` in the person's local time; past midnight if the end comes first."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Scope:
    """What a part of the policy applies to; None is everything. Campaigns and templates are named by their keys."""

    channels: frozenset[Channel] | None = None
    templates: frozenset[str] | None = None
    campaigns: frozenset[str] | None = None
    purposes: frozenset[str] | None = None

    def concerns(self, campaign: str, purpose: str) -> bool:
        """Whether it applies to a campaign, by its key, and its purpose."""
        return (self.campaigns is None or campaign in self.campaigns) and (
            self.purposes is None or purpose in self.purposes
        )

    def covers(self, channel: Channel | None, template: str | None) -> bool:
        """Whether it applies to a template, by its key, on a channel."""
        return (self.channels is None or channel in self.channels) and (
            self.templates is None or template in self.templates
        )


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition that a person has to meet; `asked` says it in English, `layer` is the gate that refuses otherwise."""

    layer: Gate
    name: str
    rule: Rule
    asked: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class SendingHours:
    """Messages in scope go out only from `start` to `end` in the person's local time.

    If the end comes first, the span goes past midnight. `source` says which law or provider demands it.
    """

    start: time
    end: time
    channels: frozenset[Channel] | None = None
    purposes: frozenset[str] | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """On `channel` messages go out only for `length` after the person was last heard there, unless exempt."""

    channel: Channel
    length: timedelta
    exempt_templates: frozenset[str] = frozenset()
    exempt_purposes: frozenset[str] = frozenset()
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Arbitration:
    """Who chooses, in this order; together they have `within_ms` milliseconds per decision.

    A run that would take more hours, or cost more US dollars (the currency of model prices), does not start; None: no
    limit.
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
