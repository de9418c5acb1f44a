"""The parts that facts are made of, each as it stands in a document: a list of its fields, instants in ISO 8601."""

from dataclasses import dataclass
from datetime import datetime

from rules.words import Channel


@dataclass(frozen=True, slots=True)
class Address:
    """Where a person can be reached; an address that is not valid keeps the reason."""

    channel: Channel
    value: str
    address_id: int
    valid: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """Whom never to contact; None means every channel, or every address."""

    channel: Channel | None
    address: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A message already sent, or on its way; `purpose` is its campaign's, None where that is not known."""

    channel: Channel
    campaign_id: int
    at: datetime
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """An address of this person at which the same campaign reaches `profile` (an ext_id) already.

    `is_person`: the two are one person; otherwise they only share what stands at that address.
    """

    channel: Channel
    address: str
    profile: str
    is_person: bool = True


@dataclass(frozen=True, slots=True)
class Failed:
    """A message of the same campaign run that failed for good on a channel, and the class of the failure."""

    channel: Channel
    why: str


@dataclass(frozen=True, slots=True)
class Lack:
    """What a template cannot be written without and nobody fills for the person: names such as profile.tier."""

    template_id: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rival:
    """A campaign of higher priority that has yet to decide for the person, due at `due_at`."""

    campaign_id: int
    name: str
    priority: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Budget:
    """What the campaign may use up and has used up, in messages and in the tenant's money; None: no limit.

    `until` is when a day's budget begins anew; None where it is the whole campaign's.
    """

    messages: int | None = None
    messages_used: int = 0
    amount: float | None = None
    amount_used: float = 0.0
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tie:
    """An edge of the person in the graph: what it leads to, how strong it is and when it was last seen."""

    key: str
    name: str
    weight: float = 1.0
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What stands around the person in the graph, the strongest of each kind first, a few of each.

    `reactions` are the last answers to earlier messages: (outcome, channel, template) as a tie's key and name.
    """

    interests: tuple[Tie, ...] = ()
    bought: tuple[Tie, ...] = ()
    engaged: tuple[Tie, ...] = ()
    knows: tuple[Tie, ...] = ()
    reactions: tuple[Tie, ...] = ()
