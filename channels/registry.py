"""Which adapter serves which channel and provider: built-in adapters, and others by the entry points `leo.channels`.

A channel may be reached through several providers (e-mail by SMTP or by SendGrid); the setting `provider` chooses, and
without it the first one listed is taken.
"""

import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Protocol

from channels.chat import ChatAdapter
from channels.contract import Adapter
from channels.egress import OUTSIDE, Egress
from channels.email import EmailAdapter
from channels.facebook.messenger import MessengerAdapter
from channels.fcm import FcmAdapter
from channels.pushalert import PushAlertAdapter
from channels.sendgrid import SendGridAdapter
from channels.telegram import TelegramAdapter
from channels.web_push import WebPushAdapter
from channels.zalo.oa import ZaloOaAdapter
from channels.zalo.template import ZaloTemplateAdapter
from rules.errors import InvalidInput, Misconfigured
from rules.limits import UNLIMITED, Pace, read_pace
from rules.words import Channel

GROUP = "leo.channels"
# Settings that any channel may have and no adapter sees. TRACKING are two of them: whether links and a picture in a
# mail report clicks and opens.
TRACKING = ("track_clicks", "track_opens")
OURS = frozenset({"provider", "limits", *TRACKING})


class Factory(Protocol):
    """Makes an adapter from a channel's settings; it calls nothing that `egress` refuses. Raises Misconfigured."""

    def __call__(self, settings: Mapping[str, Any], *, clock: Callable[[], float], egress: Egress) -> Adapter: ...


BUILT_IN: Mapping[Channel, Mapping[str, Factory]] = {
    Channel.EMAIL: {"smtp": EmailAdapter, "sendgrid": SendGridAdapter},
    Channel.ZALO_OA: {"oa": ZaloOaAdapter},
    Channel.ZALO_TEMPLATE: {"zbs": ZaloTemplateAdapter},
    Channel.FACEBOOK: {"page": MessengerAdapter},
    Channel.TELEGRAM: {"bot_api": TelegramAdapter},
    Channel.APP_PUSH: {"fcm": FcmAdapter},
    Channel.WEB_PUSH: {"vapid": WebPushAdapter, "pushalert": PushAlertAdapter},
    Channel.CHAT: {"inbox": ChatAdapter},
}


@cache
def factories() -> Mapping[tuple[Channel, str], Factory]:
    """Give all installed adapters, by channel and provider.

    An entry point is named after its channel, or `<channel>.<provider>`, and cannot replace a built-in adapter.
    """
    found = {(channel, provider): made for channel, by in BUILT_IN.items() for provider, made in by.items()}
    for point in entry_points(group=GROUP):
        channel, _, provider = point.name.partition(".")
        place = (Channel(channel), provider or point.module) if channel in set(Channel) else None
        if place is None or place in found:
            raise Misconfigured(
                f"The package {point.value} offers an adapter for {point.name!r}, which is taken or no channel.",
                remedy=f"Remove the package or name its entry point after a free channel of {', '.join(Channel)}.",
            )
        found[place] = point.load()
    return found


def providers(channel: Channel) -> list[str]:
    """Name the providers of a channel; the first is the one taken if the settings name none."""
    return [provider for kind, provider in factories() if kind is channel]


def factory(channel: Channel, settings: Mapping[str, Any]) -> Factory:
    """Give the factory of the adapter that these settings ask for; raises Misconfigured."""
    known = providers(channel)
    if not known:
        raise Misconfigured(
            f"No adapter speaks for the channel {channel}.",
            remedy=f"Use one of {', '.join(sorted({kind for kind, _ in factories()}))} "
            f"or install a package with the entry point {GROUP}.",
        )
    provider = settings.get("provider") or known[0]
    if provider not in known:
        raise Misconfigured(
            f"The channel {channel} has no provider {provider!r}.", remedy=f"Use one of {', '.join(known)}."
        )
    return factories()[channel, provider]


def pace(channel: Channel, settings: Mapping[str, Any]) -> Pace:
    """Give how fast the channel may be called: the setting `limits` over the adapter's `pace`. Raises Misconfigured."""
    default: Pace = getattr(factory(channel, settings), "pace", UNLIMITED)
    try:
        return read_pace(settings.get("limits"), default)
    except InvalidInput as error:
        raise Misconfigured(error.message, remedy=error.remedy) from error


def create(
    channel: Channel, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = OUTSIDE
) -> Adapter:
    """Make the adapter of a channel; `clock` gives Unix seconds, `egress` says what it may call.

    Raises Misconfigured.
    """
    for name in TRACKING:
        if not isinstance(settings.get(name, True), bool):
            raise Misconfigured(f"The setting {name} of the channel {channel} is wrong.", remedy="It is true or false.")
    made_of = {name: value for name, value in settings.items() if name not in OURS}
    return factory(channel, settings)(made_of, clock=clock, egress=egress)
