"""Failures on demand: what the emulators should do wrong, for whom, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules.errors import InvalidInput

CHANNELS = ("email", "telegram")
MODES = ("reply", "hang", "cut")
STAGES = ("rcpt", "content")
REMEDY = (
    'Post {"channel": "email"|"telegram", "mode"?: "reply"|"hang"|"cut", "status"?: 429, "text"?: "...", '
    '"retry_after"?: 1, "times"?: 3, "address"?: "...", "stage"?: "rcpt"|"content", "keep"?: false}.'
)


@dataclass(slots=True, kw_only=True)
class PlannedFault:
    """One failure; `times` counts down and None is for ever, `keep` records the message although it fails."""

    channel: str
    mode: str = "reply"
    status: int = 0
    text: str = ""
    retry_after: int | None = None
    times: int | None = 1
    address: str | None = None
    stage: str = "content"
    keep: bool = False


class Faults:
    """The failures that wait, in the order they were asked for."""

    def __init__(self) -> None:
        self._waiting: list[PlannedFault] = []

    def add(self, document: Any) -> PlannedFault:
        """Take one failure from a control request; raises InvalidInput."""
        fault = _parse(document)
        self._waiting.append(fault)
        return fault

    def take(self, channel: str, *, address: str, stage: str = "content") -> PlannedFault | None:
        """Give the failure that befalls this message, used up by one; None for none."""
        for fault in self._waiting:
            is_meant = fault.channel == channel and fault.stage == stage and fault.address in (None, address)
            if not is_meant:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
            return fault
        return None

    def clear(self) -> None:
        self._waiting.clear()


def _parse(document: Any) -> PlannedFault:
    if not isinstance(document, Mapping):
        raise InvalidInput("A fault is an object.", remedy=REMEDY)
    fields = dict(document)
    _one_of(fields.get("channel"), CHANNELS, "channel")
    _one_of(fields.get("mode", "reply"), MODES, "mode")
    _one_of(fields.get("stage", "content"), STAGES, "stage")
    for name in ("status", "retry_after", "times"):
        value = fields.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise InvalidInput(f"The {name} of a fault is a whole number.", remedy=REMEDY)
    if fields.get("mode", "reply") == "reply" and not fields.get("status"):
        raise InvalidInput("A fault that replies needs its status.", remedy=REMEDY)
    try:
        return PlannedFault(**fields)
    except TypeError as error:
        raise InvalidInput("A fault has a field nobody knows.", remedy=REMEDY) from error


def _one_of(value: Any, known: tuple[str, ...], name: str) -> None:
    if value not in known:
        raise InvalidInput(f"The {name} of a fault is one of {', '.join(known)}.", remedy=REMEDY)
