"""What a rule may look at of one person: everything a condition needs, gathered before it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rules.conditions.nodes import Leaf
from rules.consent import Consent
from rules.words import Channel, OutcomeType


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event of the person."""

    type: str
    at: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """One outcome of the person; `campaign` is the campaign's key, `channel` the delivery's."""

    type: OutcomeType
    at: datetime
    campaign: str | None = None
    channel: Channel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One profile. Numbers in `attributes` are int, float or Decimal.

    `answers` says for each graph pattern and likeness whether the person is among those it finds: only the database can
    tell. A condition that is not among them is false.
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
