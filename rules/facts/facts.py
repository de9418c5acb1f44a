"""One person as `decide` sees them, and the document of it that a stored decision keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self

from rules.conditions.person import Person
from rules.consent import Consent
from rules.facts import people
from rules.facts.parts import (
    Address,
    Budget,
    Contact,
    Failed,
    Lack,
    Neighbourhood,
    Reached,
    Rival,
    Suppression,
    Tie,
    read_channel,
    read_consents,
    read_instant,
    write_consents,
)
from rules.words import Channel

_KINDS = tuple(one.name for one in fields(Neighbourhood))


@dataclass(frozen=True, slots=True)
class Facts:
    """One person. `zone` is an IANA name; `outcomes` counts the outcomes of earlier messages, by type.

    `heard` says when the person last wrote to us or did something on each channel. `person` is what the policy's
    conditions look at: if it is None and the policy has conditions, nothing may be sent.
    """

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
    failed: tuple[Failed, ...] = ()
    heard: Mapping[Channel, datetime] = field(default_factory=dict)
    rivals: tuple[Rival, ...] = ()
    lacks: tuple[Lack, ...] = ()
    budget: Budget | None = None
    neighbourhood: Neighbourhood | None = None
    person: Person | None = None

    def to_document(self) -> dict[str, Any]:
        """Give a JSON document; fields that are empty or have their usual value are left out."""
        document: dict[str, Any] = {"profile_id": self.profile_id, "ext_id": self.ext_id, "zone": self.zone}
        if self.locale != "vi":
            document["locale"] = self.locale
        if not self.active:
            document["active"] = False
        if self.attributes:
            document["attributes"] = dict(self.attributes)
        if self.outcomes:
            document["outcomes"] = dict(self.outcomes)
        document.update(_lists(self))
        if self.heard:
            document["heard"] = {channel: at.isoformat() for channel, at in self.heard.items()}
        if self.budget is not None:
            document["budget"] = _budget(self.budget)
        if self.neighbourhood is not None:
            document["neighbourhood"] = _around(self.neighbourhood)
        if self.person is not None:
            document["person"] = people.write(self.person, _shared(self))
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote; raises KeyError, TypeError or ValueError on anything else."""
        known: dict[str, Any] = {
            "profile_id": document["profile_id"],
            "ext_id": document["ext_id"],
            "zone": document["zone"],
            "locale": document.get("locale", "vi"),
            "active": document.get("active", True),
            "attributes": document.get("attributes", {}),
            "consents": read_consents(document.get("consents", ())),
        }
        person, around, budget = (document.get(name) for name in ("person", "neighbourhood", "budget"))
        return cls(
            **known,
            **_parts(document),
            outcomes=document.get("outcomes", {}),
            heard={Channel(channel): datetime.fromisoformat(at) for channel, at in document.get("heard", {}).items()},
            budget=None if budget is None else _read_budget(budget),
            neighbourhood=None if around is None else _neighbourhood(around),
            person=None if person is None else people.read(person, known),
        )


def _lists(facts: Facts) -> dict[str, list[Any]]:
    written: dict[str, list[Any]] = {
        "addresses": [[a.channel, a.value, a.address_id, a.valid, a.reason] for a in facts.addresses],
        "consents": write_consents(facts.consents),
        "suppressions": [[s.channel, s.address, s.reason] for s in facts.suppressions],
        "contacts": [_contact(contact) for contact in facts.contacts],
        "reached": [[r.channel, r.address, r.profile, r.is_person] for r in facts.reached],
        "failed": [[f.channel, f.why] for f in facts.failed],
        "rivals": [[r.campaign_id, r.name, r.priority, r.due_at.isoformat()] for r in facts.rivals],
        "lacks": [[lack.template_id, list(lack.names)] for lack in facts.lacks],
    }
    return {name: listed for name, listed in written.items() if listed}


def _parts(document: Mapping[str, Any]) -> dict[str, Any]:
    def read(name: str) -> Sequence[Any]:
        listed: Sequence[Any] = document.get(name, ())
        return listed

    return {
        "addresses": tuple(Address(Channel(channel), *rest) for channel, *rest in read("addresses")),
        "suppressions": tuple(Suppression(read_channel(channel), *rest) for channel, *rest in read("suppressions")),
        "contacts": tuple(
            Contact(Channel(channel), campaign_id, datetime.fromisoformat(at), *purpose)
            for channel, campaign_id, at, *purpose in read("contacts")
        ),
        "reached": tuple(Reached(Channel(channel), *rest) for channel, *rest in read("reached")),
        "failed": tuple(Failed(Channel(channel), why) for channel, why in read("failed")),
        "rivals": tuple(
            Rival(campaign_id, name, priority, datetime.fromisoformat(due_at))
            for campaign_id, name, priority, due_at in read("rivals")
        ),
        "lacks": tuple(Lack(template_id, tuple(names)) for template_id, names in read("lacks")),
    }


def _contact(contact: Contact) -> list[Any]:
    document = [contact.channel, contact.campaign_id, contact.at.isoformat()]
    return document if contact.purpose is None else [*document, contact.purpose]


def _budget(budget: Budget) -> list[Any]:
    spent = [budget.messages, budget.messages_used, budget.amount, budget.amount_used]
    return [*spent, None if budget.until is None else budget.until.isoformat()]


def _read_budget(document: Sequence[Any]) -> Budget:
    messages, messages_used, amount, amount_used, until = document
    return Budget(messages, messages_used, amount, amount_used, read_instant(until))


def _around(around: Neighbourhood) -> dict[str, Any]:
    return {kind: [_tie(tie) for tie in getattr(around, kind)] for kind in _KINDS if getattr(around, kind)}


def _tie(tie: Tie) -> list[Any]:
    return [tie.key, tie.name, tie.weight, None if tie.at is None else tie.at.isoformat()]


def _neighbourhood(document: Mapping[str, Any]) -> Neighbourhood:
    return Neighbourhood(
        **{
            kind: tuple(Tie(key, name, weight, read_instant(at)) for key, name, weight, at in ties)
            for kind, ties in document.items()
        }
    )


def _shared(facts: Facts) -> Mapping[str, Any]:
    names = ("profile_id", "ext_id", "zone", "locale", "active", "attributes", "consents")
    return {name: getattr(facts, name) for name in names}
