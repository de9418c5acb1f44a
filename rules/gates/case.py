"""What a gate is asked about, and what is worked out once for all candidates of a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo

from rules import editions
from rules.facts import Address, Campaign, Facts
from rules.policy import Basis, Cap, Policy, Requirement
from rules.verdicts import Reason
from rules.words import Channel


@dataclass(frozen=True, slots=True)
class Unmet:
    """A condition of the policy that the person does not meet, and the reason that follows."""

    requirement: Requirement
    reason: Reason


@dataclass(frozen=True, slots=True)
class Full:
    """A cap that has no room for the person on any channel."""

    cap: Cap
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One person, one campaign, one policy, one instant (aware); `local` is that instant in the person's zone.

    Made by `Case.of`; `unmet` and `full` are what rules.gates.asked worked out once for all candidates.
    """

    facts: Facts
    campaign: Campaign
    policy: Policy
    now: datetime
    local: datetime
    basis: Basis
    addresses: Mapping[Channel, list[Address]]
    unmet: tuple[Unmet, ...] = ()
    full: tuple[Full, ...] = ()
    edition: int = editions.CURRENT

    @classmethod
    def of(
        cls, facts: Facts, campaign: Campaign, policy: Policy, now: datetime, edition: int = editions.CURRENT
    ) -> Self:
        addresses: dict[Channel, list[Address]] = {}
        for address in facts.addresses:
            addresses.setdefault(address.channel, []).append(address)
        zone = zone_of(facts.zone) or zone_of(policy.zone) or UTC
        return cls(
            facts=facts,
            campaign=campaign,
            policy=policy,
            now=now,
            local=now.astimezone(zone),
            basis=policy.basis(campaign.purpose),
            addresses=addresses,
            edition=edition,
        )


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo | None:
    """Give the zone of an IANA name; None if there is no such zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
