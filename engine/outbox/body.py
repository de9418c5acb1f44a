"""What a CDP is told about one outcome, as `POST /api/event/save` of LEO CDP takes it. Pure.

LEO CDP looks a person up by e-mail, otherwise by device; one device per person keeps an event without an e-mail address
from making a new profile each time.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any
from uuid import UUID

from rules.words import Channel, OutcomeType

USER_AGENT = "leo-activation"
TOUCHPOINT = "LEO Activation"
KEY_FIELD = "leo_event"
"""In `event_data`; an event that may have arrived is found again by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One outcome, with everything that is reported about it."""

    tenant_id: UUID
    outcome_id: int
    type: OutcomeType
    channel: Channel | None
    at: datetime
    value: float | None
    target: str | None
    profile: str
    email: str | None
    phone: str | None
    zalo: str | None
    about: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The identity of the event, 64 hex digits."""
        return hashlib.sha256(f"{self.tenant_id}|{self.outcome_id}".encode()).hexdigest()

    @property
    def social(self) -> str | None:
        """Name the person by the Zalo id, as the CDP writes it."""
        return f"zalo:{self.zalo}" if self.zalo else None


def metric(kind: OutcomeType, channel: Channel | None) -> str:
    """Give the CDP's name for an outcome."""
    names = _metrics()[kind]
    return names.get(channel or "*", names["*"])


def body(event: Event) -> dict[str, Any]:
    """Write the document; what is not known is left out."""
    device = hashlib.sha256(f"{event.tenant_id}|{event.profile}".encode()).hexdigest()[:32]
    data = {
        KEY_FIELD: event.key,
        "outcome": event.type,
        "channel": event.channel,
        "value": event.value,
        **event.about,
    }
    document: dict[str, Any] = {
        "metric": metric(event.type, event.channel),
        "primary_email": event.email,
        "primary_phone": event.phone,
        "social_media_ids": event.social,
        "user_device_uuid": device,
        "user_agent": USER_AGENT,
        "touchpoint_name": TOUCHPOINT,
        "touchpoint_url": event.target,
        "event_time": event.at.astimezone(UTC).isoformat(),
        "environment": "pro",
        "event_data": {name: value for name, value in data.items() if value is not None},
    }
    return {name: value for name, value in document.items() if value is not None}


@cache
def _metrics() -> Mapping[str, Mapping[str, str]]:
    text = resources.files(__package__).joinpath("metrics.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
