"""What is known about one person and one campaign at the instant of deciding: everything `decide` may look at.

All of it converts to a JSON document and back without loss, so that a stored decision can be replayed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from rules.words import Action, Channel


@dataclass(frozen=True, slots=True)
class Address:
    """Where a person can be reached; an address that is not valid keeps the reason."""

    channel: Channel
    value: str
    address_id: int
    valid: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to or withdrew; `channel` None means every channel. The newest that fits counts."""

    channel: Channel | None
    purpose: str
    granted: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Suppression:
    """Whom never to contact; None means every channel, or every address."""

    channel: Channel | None
    address: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A message already sent, or on its way."""

    channel: Channel
    campaign_id: int
    at: datetime


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
class Facts:
    """One person. `zone` is an IANA name; `outcomes` counts what came back from earlier messages, by type."""

    profile_id: int
    ext_id: str
    zone: str
    locale: str = "vi"
    active: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)
    addresses: tuple[Address, ...] = ()
    consents: tuple[Consent, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    contacts: tuple[Contact, ...] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)
    reached: tuple[Reached, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Give a JSON document; what is empty or usual is left out."""
        document: dict[str, Any] = {"profile_id": self.profile_id, "ext_id": self.ext_id, "zone": self.zone}
        if self.locale != "vi":
            document["locale"] = self.locale
        if not self.active:
            document["active"] = False
        for name in ("attributes", "outcomes"):
            if getattr(self, name):
                document[name] = dict(getattr(self, name))
        if self.addresses:
            document["addresses"] = [[a.channel, a.value, a.address_id, a.valid, a.reason] for a in self.addresses]
        if self.consents:
            document["consents"] = [[c.channel, c.purpose, c.granted, c.at.isoformat()] for c in self.consents]
        if self.suppressions:
            document["suppressions"] = [[s.channel, s.address, s.reason] for s in self.suppressions]
        if self.contacts:
            document["contacts"] = [[c.channel, c.campaign_id, c.at.isoformat()] for c in self.contacts]
        if self.reached:
            document["reached"] = [[r.channel, r.address, r.profile, r.is_person] for r in self.reached]
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote; raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            profile_id=document["profile_id"],
            ext_id=document["ext_id"],
            zone=document["zone"],
            locale=document.get("locale", "vi"),
            active=document.get("active", True),
            attributes=document.get("attributes", {}),
            addresses=tuple(
                Address(Channel(channel), value, address_id, valid, reason)
                for channel, value, address_id, valid, reason in document.get("addresses", ())
            ),
            consents=tuple(
                Consent(_channel(channel), purpose, granted, datetime.fromisoformat(at))
                for channel, purpose, granted, at in document.get("consents", ())
            ),
            suppressions=tuple(
                Suppression(_channel(channel), address, reason)
                for channel, address, reason in document.get("suppressions", ())
            ),
            contacts=tuple(
                Contact(Channel(channel), campaign_id, datetime.fromisoformat(at))
                for channel, campaign_id, at in document.get("contacts", ())
            ),
            outcomes=document.get("outcomes", {}),
            reached=tuple(
                Reached(Channel(channel), address, profile, is_person)
                for channel, address, profile, is_person in document.get("reached", ())
            ),
        )


@dataclass(frozen=True, slots=True)
class Campaign:
    """`starts_at` and `ends_at` bound its window, either may be open; `control_share` is 0 to 1."""

    campaign_id: int
    name: str
    purpose: str = "marketing"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    priority: int = 0
    control_share: float = 0.0

    def to_document(self) -> dict[str, Any]:
        return {
            "campaign_id": self.campaign_id,
            "name": self.name,
            "purpose": self.purpose,
            "starts_at": _iso(self.starts_at),
            "ends_at": _iso(self.ends_at),
            "priority": self.priority,
            "control_share": self.control_share,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **document,
                "starts_at": _instant(document["starts_at"]),
                "ends_at": _instant(document["ends_at"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that could be done: a template on its channel, or nothing. `index` is its place in the list."""

    index: int
    action: Action
    channel: Channel | None = None
    template_id: int | None = None
    template_name: str | None = None
    template_version: int | None = None

    def to_document(self) -> list[Any]:
        return [self.index, self.action, self.channel, self.template_id, self.template_name, self.template_version]

    @classmethod
    def from_document(cls, document: Sequence[Any]) -> Self:
        index, action, channel, template_id, name, version = document
        return cls(index, Action(action), _channel(channel), template_id, name, version)


def candidates(templates: Sequence[tuple[Channel, int, str, int]]) -> tuple[Candidate, ...]:
    """Number the approved templates, each (channel, id, name, version); doing nothing is always there, last."""
    sends = (
        Candidate(index, Action.SEND, channel, template_id, name, version)
        for index, (channel, template_id, name, version) in enumerate(templates)
    )
    return (*sends, Candidate(len(templates), Action.DO_NOTHING))


def _channel(value: str | None) -> Channel | None:
    return None if value is None else Channel(value)


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
