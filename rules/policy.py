"""A policy: the versioned rules under which a campaign decides. It is a document (JSON or YAML), never code.

{"zone": "Asia/Ho_Chi_Minh",                 where no person says otherwise
 "required_consent": true,                    marketing needs a granted consent
 "quiet_hours": {"start": "21:00", "end": "08:00"},   in the person's zone; null: none
 "caps": [{"limit": 3, "days": 7, "scope": "overall"}],   scope: overall, campaign or channel; days or hours
 "control_share": 0.0,                        of all people, held back from every campaign
 "weights": {"channel": {"email": 1.0}, "engagement": 1.0, "fatigue": 0.2, "do_nothing": 0.0}}
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self
from zoneinfo import ZoneInfo

from rules.errors import InvalidInput
from rules.words import Channel

LONGEST_CAP = timedelta(days=366)
# Far above what any field can use, and far below where sums and spans of time would overflow.
LARGEST_NUMBER = 1_000_000


class CapScope(StrEnum):
    OVERALL = "overall"
    CAMPAIGN = "campaign"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` messages to a person in any `window`, counted within `scope`."""

    limit: int
    window: timedelta
    scope: CapScope


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` of a person's day; past midnight where the end comes first."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Weights:
    """What the score arbiter adds up; see rules/score.py."""

    channel: Mapping[Channel, float]
    engagement: float
    fatigue: float
    do_nothing: float


# Sunset to breakfast, three messages a week: mild defaults that a tenant replaces. Decree 91/2020 allows advertising
# calls from 8 to 17 and messages from 7 to 22 o'clock; ours lie inside.
DEFAULT_POLICY: Mapping[str, Any] = MappingProxyType(
    {
        "zone": "Asia/Ho_Chi_Minh",
        "required_consent": True,
        "quiet_hours": {"start": "21:00", "end": "08:00"},
        "caps": [{"limit": 1, "days": 1, "scope": "overall"}, {"limit": 3, "days": 7, "scope": "overall"}],
        "control_share": 0.0,
        "weights": {
            "channel": {"telegram": 1.2, "email": 1.0},
            "engagement": 1.0,
            "fatigue": 0.2,
            "do_nothing": 0.0,
        },
    }
)
OTHER_CHANNELS_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Policy:
    version: int
    zone: str
    required_consent: bool
    quiet_hours: QuietHours | None
    caps: tuple[Cap, ...]
    control_share: float
    weights: Weights
    document: Mapping[str, Any] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, document: Mapping[str, Any], *, version: int = 0) -> Self:
        """Read a document; what it leaves out is DEFAULT_POLICY's. Raises InvalidInput naming the field."""
        _only(_mapping("document", document), DEFAULT_POLICY)
        whole = {**DEFAULT_POLICY, **document}
        return cls(
            version=version,
            zone=_zone(whole["zone"]),
            required_consent=_boolean("required_consent", whole["required_consent"]),
            quiet_hours=_quiet_hours(whole["quiet_hours"]),
            caps=tuple(_cap(index, cap) for index, cap in enumerate(_list("caps", whole["caps"]))),
            control_share=_share("control_share", whole["control_share"]),
            weights=_weights(_mapping("weights", whole["weights"])),
            document=document,
        )

    @property
    def longest_window(self) -> timedelta:
        """How far back contacts matter."""
        return max((cap.window for cap in self.caps), default=timedelta(0))


def _wrong(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"Policy field {name} {why}.", remedy="See the fields in docs/concepts.md.")


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(name, "must be an object")
    return value


def _only(value: Mapping[str, Any], known: Iterable[str], inside: str = "") -> None:
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise _wrong(", ".join(f"{inside}{name}" for name in unknown), "is not a field of a policy")


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(name, "must be a list")
    return value


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, "must be true or false")
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST_NUMBER:
        raise _wrong(name, f"must be a number within {LARGEST_NUMBER:,} of 0")
    return float(value)


def _share(name: str, value: Any) -> float:
    share = _number(name, value)
    if not 0 <= share <= 1:
        raise _wrong(name, "must lie between 0 and 1")
    return share


def _zone(value: Any) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise _wrong("zone", f"is no IANA time zone: {value!r}") from error
    return str(value)


def _time(name: str, value: Any) -> time:
    try:
        moment = time.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _wrong(name, f"must be a time such as 21:00, not {value!r}") from error
    if moment.tzinfo is not None:
        raise _wrong(name, f"is in each person's own zone, {value!r} names one")
    return moment


def _quiet_hours(value: Any) -> QuietHours | None:
    if value is None:
        return None
    hours = _mapping("quiet_hours", value)
    _only(hours, ("start", "end"), "quiet_hours.")
    start, end = (_time(f"quiet_hours.{edge}", hours.get(edge)) for edge in ("start", "end"))
    if start == end:
        raise _wrong("quiet_hours", "would last all day: start and end are the same")
    return QuietHours(start, end)


def _cap(index: int, value: Any) -> Cap:
    name = f"caps[{index}]"
    cap = _mapping(name, value)
    _only(cap, ("limit", "days", "hours", "scope"), f"{name}.")
    limit = cap.get("limit")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise _wrong(f"{name}.limit", "must be a whole number from 0")
    given = {unit: cap[unit] for unit in ("days", "hours") if unit in cap}
    if len(given) != 1:
        raise _wrong(name, "needs either days or hours")
    window = timedelta(**{unit: _number(f"{name}.{unit}", amount) for unit, amount in given.items()})
    if not timedelta(0) < window <= LONGEST_CAP:
        raise _wrong(name, "must look back more than nothing and at most 366 days")
    try:
        return Cap(limit, window, CapScope(cap.get("scope", "overall")))
    except ValueError as error:
        raise _wrong(f"{name}.scope", "must be overall, campaign or channel") from error


def _weights(value: Mapping[str, Any]) -> Weights:
    defaults = DEFAULT_POLICY["weights"]
    _only(value, defaults, "weights.")
    channels = _mapping("weights.channel", value.get("channel", defaults["channel"]))
    try:
        channel = {Channel(name): _number(f"weights.channel.{name}", weight) for name, weight in channels.items()}
    except ValueError as error:
        raise _wrong("weights.channel", f"names an unknown channel: {error}") from error
    numbers = {
        name: _number(f"weights.{name}", value.get(name, defaults[name]))
        for name in ("engagement", "fatigue", "do_nothing")
    }
    return Weights(channel=channel, **numbers)
