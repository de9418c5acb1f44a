"""The parts that facts consist of. In a document each is a list of its fields, with instants in ISO 8601."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules.consent import Consent
from rules.words import Channel


@dataclass(frozen=True, slots=True)
class Address:
    """Where a person can be reached; an invalid address keeps the reason."""

    channel: Channel
    value: str
    address_id: int
    valid: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """Somebody who must never be contacted; None means every channel, or every address."""

    channel: Channel | None
    address: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A message that was sent or is on its way; `purpose` is that of its campaign, None if unknown."""

    channel: Channel
    campaign_id: int
    at: datetime
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """An address of this person at which the same campaign already reaches `profile` (an ext_id).

    `is_person`: both profiles are one person; otherwise they are two people who share the address.
    """

    channel: Channel
    address: str
    profile: str
    is_person: bool = True


@dataclass(frozen=True, slots=True)
class Failed:
    """A message of the same campaign run that failed for good on a channel, and the class of that failure."""

    channel: Channel
    why: str


@dataclass(frozen=True, slots=True)
class Lack:
    """Values that a template needs and that are missing for the person, by names such as profile.tier."""

    template_id: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rival:
    """A campaign of higher priority that has yet to decide for this person, due at `due_at`."""

    campaign_id: int
    name: str
    priority: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Budget:
    """What the campaign may spend and has spent, in messages and in the tenant's money; None: no limit.

    `until` is when a daily budget starts again; None for the budget of the whole campaign.
    """

    messages: int | None = None
    messages_used: int = 0
    amount: float | None = None
    amount_used: float = 0.0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tie:
    """An edge of the person in the graph: what it leads to, how strong it is, and when it was last seen."""

    key: str
    name: str
    weight: float = 1.0
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What surrounds the person in the graph: a few of each kind, the strongest first.

    `reactions` are the latest reactions to earlier messages, with (outcome, channel, template) in key and name.
    """

    interests: tuple[Tie, ...] = ()
    bought: tuple[Tie, ...] = ()
    engaged: tuple[Tie, ...] = ()
    knows: tuple[Tie, ...] = ()
    reactions: tuple[Tie, ...] = ()


def read_instant(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def read_channel(written: str | None) -> Channel | None:
    return None if written is None else Channel(written)


def write_consents(consents: Iterable[Consent]) -> list[list[Any]]:
    return [[consent.channel, consent.purpose, consent.granted, consent.at.isoformat()] for consent in consents]


def read_consents(written: Sequence[Sequence[Any]]) -> tuple[Consent, ...]:
    return tuple(
        Consent(read_channel(channel), purpose, granted, datetime.fromisoformat(at))
        for channel, purpose, granted, at in written
    )
