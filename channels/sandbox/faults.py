"""Failures on demand: what the emulators should do wrong, to whom, and how often."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.errors import InvalidInput

# How each channel can fail: with an answer of its own, without any, with the connection cut, late; ArangoDB also with
# its cursor gone, or with half of the JSON in an answer that is whole to HTTP.
MODES: Mapping[Any, tuple[str, ...]] = {
    "email": ("reply", "hang", "cut"),
    "telegram": ("reply", "hang", "cut", "slow"),
    "app_push": ("reply", "hang", "cut"),
    "web_push": ("reply", "hang", "cut"),
    "zalo_oa": ("reply", "hang", "cut"),
    "zalo_template": ("reply", "hang", "cut"),
    "zalo_oauth": ("reply",),
    "facebook": ("reply", "hang", "cut"),
    "chat": ("reply", "hang", "cut"),
    "cdp": ("reply", "hang", "cut"),
    "arango": ("reply", "hang", "cut", "slow", "expired", "torn"),
}
STAGES = ("rcpt", "content", "token", "list")
LONGEST_DELAY_S = 600.0
REMEDY = (
    f'Post {{"channel": {"|".join(map(json.dumps, MODES))}, '
    '"mode"?: "reply"|"hang"|"cut", "status"?: 429, "text"?: "...", '
    '"code"?: "-230", "retry_after"?: 1, "headers"?: {}, "times"?: 3, "address"?: "...", '
    '"stage"?: "rcpt"|"content"|"token"|"list", "keep"?: false}. '
    'Of telegram and arango also "mode": "slow" and "delay"?: 2.5; '
    'of arango "mode": "expired"|"torn" and "query"?: "profiles_changed".'
)


@dataclass(slots=True, kw_only=True)
class PlannedFault:
    """One failure; `times` counts down, None is for ever; `keep` records the message although it fails.

    `delay` is how many seconds a slow answer takes; `query` is the only query it applies to; `code` is the error of a
    provider that writes it into the body, such as "-230" or "10/2018278".
    """

    channel: str
    mode: str = "reply"
    status: int = 0
    text: str = ""
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = 1
    address: str | None = None
    stage: str = "content"
    keep: bool = False
    delay: float = 0.0
    query: str | None = None
    code: str = ""


class Faults:
    """The planned failures, in the order they were asked for."""

    def __init__(self) -> None:
        self._waiting: list[PlannedFault] = []

    def add(self, document: Any) -> PlannedFault:
        """Add a failure from a control request; raises InvalidInput."""
        fault = _parse(document)
        self._waiting.append(fault)
        return fault

    def take(self, channel: str, *, address: str, stage: str = "content") -> PlannedFault | None:
        """Take the failure that applies to this message, using it up by one; None if there is none."""
        return self._take(
            lambda fault: fault.channel == channel and fault.stage == stage and fault.address in (None, address)
        )

    def take_for_query(self, channel: str, *, query: str, modes: Collection[str]) -> PlannedFault | None:
        """Take the failure of these modes that applies to this query, using it up by one; None if there is none."""
        return self._take(
            lambda fault: fault.channel == channel and fault.mode in modes and fault.query in (None, query)
        )

    def clear(self) -> None:
        self._waiting.clear()

    def _take(self, is_meant: Callable[[PlannedFault], bool]) -> PlannedFault | None:
        for fault in self._waiting:
            if not is_meant(fault):
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
            return fault
        return None


def _parse(document: Any) -> PlannedFault:
    if not isinstance(document, Mapping):
        raise InvalidInput("A fault is an object.", remedy=REMEDY)
    fields = dict(document)
    _one_of(fields.get("channel"), tuple(MODES), "channel")
    _one_of(fields.get("mode", "reply"), MODES[fields["channel"]], "mode")
    _one_of(fields.get("stage", "content"), STAGES, "stage")
    for name in ("status", "retry_after", "times"):
        value = fields.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise InvalidInput(f"The {name} of a fault is a whole number.", remedy=REMEDY)
    if not isinstance(fields.get("headers", {}), Mapping):
        raise InvalidInput("The headers of a fault are an object.", remedy=REMEDY)
    delay = fields.get("delay", 0)
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= LONGEST_DELAY_S:
        raise InvalidInput(f"The delay of a fault is 0 to {LONGEST_DELAY_S:.0f} seconds.", remedy=REMEDY)
    if fields.get("mode", "reply") == "reply" and not fields.get("status"):
        raise InvalidInput("A fault that replies needs its status.", remedy=REMEDY)
    try:
        return PlannedFault(**fields)
    except TypeError as error:
        raise InvalidInput("A fault has a field nobody knows.", remedy=REMEDY) from error


def _one_of(value: Any, known: tuple[str, ...], name: str) -> None:
    if value not in known:
        raise InvalidInput(f"The {name} of a fault is one of {', '.join(known)}.", remedy=REMEDY)
