"""Whose tokens end: the keeper of each channel that has one."""

from collections.abc import Mapping
from typing import Any

from channels.tokens import Keeper
from channels.tokens.facebook import FACEBOOK
from channels.tokens.zalo import ZALO
from rules.words import Channel

KEEPERS: Mapping[Channel, Keeper] = {
    Channel.ZALO_OA: ZALO,
    Channel.ZALO_TEMPLATE: ZALO,
    Channel.FACEBOOK: FACEBOOK,
}


def keeper(channel: Channel, settings: Mapping[str, Any]) -> Keeper | None:
    """Give the keeper of a channel with these settings; None where its token is nothing we could renew or look at."""
    found = KEEPERS.get(channel)
    return found if found and all(settings.get(name) for name in found.needs) else None
