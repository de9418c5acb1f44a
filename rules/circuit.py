"""Whether a channel may be called at all: what its provider's answers say about the provider, not about one message.

A provider that keeps failing is left alone, each time for longer, and then tried with a single message. A provider that
asks us to wait gets exactly the time it asks for. A refused credential pauses the channel, because waiting would not
fix it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from rules.faults import SENTENCES, Fault

FAILURES = 5
"""Failed calls in a row after which a provider counts as broken."""
DENIALS = 3
"""Refusals in a row ("this sender may not do that") after which the channel is paused.

An answer that says nothing about what we may send (too fast, out of order) neither counts nor ends the row.
"""
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=10)
FIRST_HOLD = timedelta(seconds=5)
"""How long to hold a channel whose provider says "too fast" without saying for how long."""
PROBE_FOR = timedelta(seconds=60)
"""A probe that has not been heard of for this long counts as lost."""
MOVE_AFTER = timedelta(seconds=60)
"""A channel held for less than this keeps its messages; moving them to another provider is not worth it."""


class CircuitState(StrEnum):
    WORKING = "working"
    BROKEN = "broken"
    PROBING = "probing"
    """One message is out, to see whether the provider works again."""


class Sign(StrEnum):
    """What one answer tells us about the provider."""

    ALIVE = "alive"
    DOWN = "down"
    RATE_LIMITED = "rate_limited"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of a reason
    PERMISSION_DENIED = "permission_denied"


@dataclass(frozen=True, slots=True)
class Heard:
    """One sign, the provider's own words, and how many seconds it asks us to wait."""

    sign: Sign
    detail: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """The state of one channel; each count is of events in a row."""

    state: CircuitState = CircuitState.WORKING
    held_until: datetime | None = None
    failures: int = 0
    breaks: int = 0
    slowdowns: int = 0
    denials: int = 0
    reason: str | None = None


WORKING = Circuit()


def may_call(circuit: Circuit, now: datetime) -> int | None:
    """Give how many messages may go out now: 0, 1 as a probe, or None for any number."""
    if is_held(circuit, now):
        return 0
    return None if circuit.state is CircuitState.WORKING else 1


def is_held(circuit: Circuit, now: datetime) -> bool:
    return circuit.held_until is not None and circuit.held_until > now


def is_out(circuit: Circuit, now: datetime) -> bool:
    """Whether its messages should go through another provider, if there is one. Not while a probe is due."""
    if circuit.state is not CircuitState.WORKING:
        return is_held(circuit, now)
    return is_held(circuit, now + MOVE_AFTER)


def probe(circuit: Circuit, now: datetime) -> Circuit:
    """Let one message out; nothing else is sent until its result is back."""
    return replace(circuit, state=CircuitState.PROBING, held_until=now + PROBE_FOR)


def learn(circuit: Circuit, heard: Iterable[Heard], now: datetime) -> Circuit:
    """Give the state after some answers, in the order in which they came."""
    for one in heard:
        circuit = _learn(circuit, one, now)
    return circuit


def pause_reason(before: Circuit, heard: Iterable[Heard]) -> str | None:
    """Give the reason why somebody has to look at the channel before it may go on; None if there is none."""
    denials = before.denials
    for one in heard:
        if one.sign is Sign.TOKEN_EXPIRED:
            return f"token_expired: {one.detail}"
        if one.sign is Sign.PERMISSION_DENIED:
            denials += 1
        elif one.sign is Sign.ALIVE:
            denials = 0
        if denials >= DENIALS:
            return f"permission_denied: {one.detail}"
    return None


def fault_of(reason: str) -> Fault:
    """Name the kind of a pause; `reason` is written as `kind: what the provider or a person said`."""
    kind, _, words = (part.strip() for part in reason.partition(":"))
    if f"channel.{kind}" not in SENTENCES:
        return Fault("channel.other", "reason", {"said": reason.rstrip(". ")})
    return Fault(f"channel.{kind}", "reason", {"said": words.rstrip(". ") or Fault("channel.nothing_said")})


def _learn(circuit: Circuit, one: Heard, now: datetime) -> Circuit:
    if one.sign is Sign.DOWN:
        return _failed(circuit, one, now)
    answered = _answered(circuit)
    if one.sign is Sign.RATE_LIMITED:
        return _slowed(answered, one, now)
    if one.sign is Sign.PERMISSION_DENIED:
        return replace(answered, denials=answered.denials + 1)
    if one.sign is Sign.ALIVE and not is_held(answered, now):
        return replace(answered, slowdowns=0, denials=0, held_until=None, reason=None)
    return replace(answered, denials=0)


def _answered(circuit: Circuit) -> Circuit:
    """A provider that answers at all is up, whatever it answers; a wait that it asked for still holds."""
    if circuit.state is CircuitState.WORKING:
        return replace(circuit, failures=0, breaks=0)
    return replace(circuit, state=CircuitState.WORKING, failures=0, breaks=0, held_until=None, reason=None)


def _failed(circuit: Circuit, one: Heard, now: datetime) -> Circuit:
    if circuit.state is CircuitState.BROKEN and is_held(circuit, now):
        return circuit  # A call that was already under way when the circuit broke tells us nothing new.
    failures = circuit.failures + 1
    if circuit.state is CircuitState.WORKING and failures < FAILURES:
        return replace(circuit, failures=failures)
    breaks = circuit.breaks + 1
    return replace(
        circuit,
        state=CircuitState.BROKEN,
        failures=failures,
        breaks=breaks,
        held_until=now + min(FIRST_WAIT * 2 ** min(breaks - 1, 10), LONGEST_WAIT),
        reason=f"provider_down: {one.detail}",
    )


def _slowed(circuit: Circuit, one: Heard, now: datetime) -> Circuit:
    if one.retry_after is None and is_held(circuit, now):
        return circuit
    asked = one.retry_after if one.retry_after is not None and one.retry_after >= 0 else None
    wait = min(FIRST_HOLD * 2 ** min(circuit.slowdowns, 10), LONGEST_WAIT)
    if asked is not None:
        wait = timedelta(seconds=min(asked, timedelta(days=7).total_seconds()))
    until = now + wait
    return replace(
        circuit,
        slowdowns=circuit.slowdowns + 1,
        held_until=until if circuit.held_until is None else max(until, circuit.held_until),
        reason=f"rate_limited: {one.detail}",
    )
