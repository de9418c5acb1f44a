"""Which channels have tokens that end, with the keeper of each."""

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
    """Give the keeper of a channel with these settings; None if its token is not one that we could renew or check."""
    found = KEEPERS.get(channel)
    return found if found and all(settings.get(name) for name in found.needs) else None
