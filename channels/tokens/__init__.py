"""OAuth tokens that expire: how each provider's are renewed, checked and exchanged, apart from sending.

A keeper asks the provider and gives what is to be stored; it stores nothing itself. `GrantEnded` is final: only a
person who authorises again can fix it. Anything else that a keeper raises may be tried again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from channels.contract import ProviderError, Secret
from channels.egress import Egress
from rules.faults import Fault


class GrantEnded(ProviderError):
    """The provider renews no more: expired, revoked, already used, or the application is gone."""

    code = "grant_ended"


class TryAgain(ProviderError):
    """The provider could not be asked, or not now."""

    code = "token_try_again"
    retryable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a keeper learned: new values by setting name, when the token used for sending ends, when to check again.

    `ends_at` is None if it does not end, or nobody says when; `warning` is what a person should do before it ends,
    `fault` the same by its kind.
    """

    secrets: Mapping[str, Secret] = field(default_factory=dict)
    ends_at: datetime | None = None
    look_at: datetime
    warning: str | None = None
    fault: Fault | None = None


Keep = Callable[[Mapping[str, Any], datetime, Egress], Awaitable[Kept]]
"""Checks the tokens of a channel with these settings, including credentials; raises GrantEnded or TryAgain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """How one kind of channel's tokens are kept.

    `needs` are the settings without which nothing can be asked; `shared_by` are those that are equal in two channels of
    one grant; `first_look` gives when to check one that was just connected.
    """

    keep: Keep
    needs: tuple[str, ...]
    shared_by: tuple[str, ...]
    first_look: Callable[[Mapping[str, Any], datetime], datetime]
