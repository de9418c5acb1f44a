"""What a person agreed to or withdrew, and on which legal basis one may write to them without asking."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rules.words import Channel


class Basis(StrEnum):
    """The legal basis of a purpose (Law 91/2025/QH15 of Vietnam and the GDPR share the four that matter here).

    Withdrawing consent stops all of them except the last, which nobody can withdraw from.
    """

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGITIMATE_INTEREST = "legitimate_interest"
    LEGAL_OBLIGATION = "legal_obligation"


def is_advertising(basis: str | None) -> bool:
    """Whether a purpose on this basis advertises; what one owes somebody does not (Decree 91/2020/ND-CP, article 3)."""
    return basis not in {Basis.CONTRACT, Basis.LEGAL_OBLIGATION}


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to or withdrew; `channel` None means every channel. The newest that applies counts."""

    channel: Channel | None
    purpose: str
    granted: bool
    at: datetime


def newest(consents: Iterable[Consent], purpose: str, channel: Channel | None) -> Consent | None:
    """Give the consent that counts: the newest that covers the channel; of two at the same instant, the withdrawal."""
    found: Consent | None = None
    for one in consents:
        if one.purpose != purpose or (one.channel is not None and one.channel != channel):
            continue
        if found is None or (one.at, not one.granted) > (found.at, not found.granted):
            found = one
    return found
