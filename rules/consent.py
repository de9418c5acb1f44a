"""What a person agreed to or withdrew, and on which ground one may write to them without asking."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rules.words import Channel


class Basis(StrEnum):
    """The legal ground of a purpose (Law 91/2025/QH15 of Vietnam and the GDPR know the same four for us).

    A withdrawal stops every one of them but the last, which nobody can withdraw from.
    """

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGITIMATE_INTEREST = "legitimate_interest"
    LEGAL_OBLIGATION = "legal_obligation"


def is_advertising(basis: str | None) -> bool:
    """Whether a purpose on this ground advertises; what is owed does not (Decree 91/2020/ND-CP, article 3)."""
    return basis not in {Basis.CONTRACT, Basis.LEGAL_OBLIGATION}


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to or withdrew; `channel` None means every channel. The newest that fits counts."""

    channel: Channel | None
    purpose: str
    granted: bool
    at: datetime


def newest(consents: Iterable[Consent], purpose: str, channel: Channel | None) -> Consent | None:
    """Give the consent that counts: the newest that covers the channel, and of two at one instant the withdrawal."""
    found: Consent | None = None
    for one in consents:
        if one.purpose != purpose or (one.channel is not None and one.channel != channel):
            continue
        if found is None or (one.at, not one.granted) > (found.at, not found.granted):
            found = one
    return found
