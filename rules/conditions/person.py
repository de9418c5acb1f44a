"""Everything a rule may look at for one person, gathered before the rule is evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rules.conditions.nodes import Leaf
from rules.consent import Consent
from rules.words import Channel, OutcomeType


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event of a person."""

    type: str
    at: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """One outcome of a person; `campaign` is the campaign's key, `channel` the delivery's."""

    type: OutcomeType
    at: datetime
    campaign: str | None = None
    channel: Channel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One profile. Numbers in `attributes` are int, float or Decimal.

    `answers` says of each graph pattern and each likeness whether it finds this person, which only the database can
    tell. A condition that is not in it is false.
    """

    profile_id: int
    ext_id: str
    created_at: datetime
    source: str = "api"
    active: bool = True
    name: str | None = None
    locale: str | None = None
    zone: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    consents: tuple[Consent, ...] = ()
    reachable: frozenset[Channel] = frozenset()
    events: tuple[Occurrence, ...] = ()
    results: tuple[Result, ...] = ()
    segments: frozenset[str] = frozenset()
    answers: Mapping[Leaf, bool] = field(default_factory=dict)
