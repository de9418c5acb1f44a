"""Watching: what a claim learns about its channels while it sends, so that it stops calling one that asks for it."""

from collections.abc import Mapping
from datetime import datetime

from channels.contract import Receipt, ReceiptClass
from engine.dispatch.leases import LOOK_AGAIN
from rules.circuit import WORKING, Circuit, Heard, Sign, learn, pause_reason

_SIGNS: Mapping[str, Sign] = {
    ReceiptClass.PROVIDER_DOWN: Sign.DOWN,
    ReceiptClass.RATE_LIMITED: Sign.RATE_LIMITED,
    ReceiptClass.TOKEN_EXPIRED: Sign.TOKEN_EXPIRED,
    ReceiptClass.PERMISSION_DENIED: Sign.PERMISSION_DENIED,
}
# Ended on our side, so it says nothing about the provider.
OURS = frozenset({"stopped", "adapter_failed"})
TIMEOUT = "timeout"


def heard_in(receipt: Receipt) -> Heard | None:
    """Give what a receipt says about the provider; None if it says nothing."""
    if receipt.code in OURS:
        return None
    sign = Sign.DOWN if receipt.code == TIMEOUT else _SIGNS.get(receipt.klass, Sign.ALIVE)
    detail = f"{receipt.code} {receipt.detail}".strip()
    return Heard(sign, detail, receipt.retry_after)


class Watch:
    """What is known about each channel since the claim."""

    def __init__(self, circuits: Mapping[int, Circuit]) -> None:
        self._circuits = dict(circuits)
        self._held_until: dict[int, datetime] = {}
        self._noted = {channel_id for channel_id, circuit in circuits.items() if circuit != WORKING}

    def hear(self, channel_id: int, heard: Heard, now: datetime) -> None:
        """Take note of one answer."""
        before = self._circuits.get(channel_id, WORKING)
        after = learn(before, [heard], now)
        self._circuits[channel_id] = after
        if heard.sign is not Sign.ALIVE:
            self._noted.add(channel_id)
        if pause_reason(before, [heard]) is not None:
            self._held_until[channel_id] = now + LOOK_AGAIN
        elif after.held_until is not None and after.held_until != before.held_until:
            self._held_until[channel_id] = after.held_until

    def held_until(self, channel_id: int, now: datetime) -> datetime | None:
        """Give until when the channel must not be called; None if it may be."""
        until = self._held_until.get(channel_id)
        return until if until is not None and until > now else None

    def is_noted(self, channel_id: int) -> bool:
        """Whether the channel's gate has to be told of its answers; a channel that always works need not be told so."""
        return channel_id in self._noted
