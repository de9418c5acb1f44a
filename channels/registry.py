"""Which adapter speaks for which channel: the built-in ones by name, others through the entry points `leo.channels`."""

import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Protocol

from channels.contract import Adapter
from channels.email import EmailAdapter
from channels.telegram import TelegramAdapter
from rules.errors import Misconfigured
from rules.words import Channel

GROUP = "leo.channels"


class Factory(Protocol):
    """Makes an adapter from a channel's settings; raises Misconfigured."""

    def __call__(self, settings: Mapping[str, Any], *, clock: Callable[[], float]) -> Adapter: ...


BUILT_IN: Mapping[Channel, Factory] = {
    Channel.EMAIL: EmailAdapter,
    Channel.TELEGRAM: TelegramAdapter,
}


@cache
def factories() -> Mapping[Channel, Factory]:
    """All adapters installed; an entry point is named after its channel and cannot replace a built-in one."""
    found = dict(BUILT_IN)
    for point in entry_points(group=GROUP):
        if point.name not in set(Channel) or Channel(point.name) in found:
            raise Misconfigured(
                f"The package {point.value} offers an adapter for {point.name!r}, which is taken or no channel.",
                remedy=f"Remove the package or name its entry point after a free channel of {', '.join(Channel)}.",
            )
        found[Channel(point.name)] = point.load()
    return found


def create(channel: Channel, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time) -> Adapter:
    """Make the adapter of a channel; `clock` gives Unix seconds. Raises Misconfigured."""
    factory = factories().get(channel)
    if factory is None:
        raise Misconfigured(
            f"No adapter speaks for the channel {channel}.",
            remedy=f"Use one of {', '.join(factories())} or install a package with the entry point {GROUP}.",
        )
    return factory(settings, clock=clock)
