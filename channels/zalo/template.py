"""Zalo template messages, approved by Zalo beforehand: by phone number (ZNS) or by user id, as the address says.

A phone number has at most 15 digits (E.164) and a Zalo user's id at least 16, so neither can be taken for the other.
The two go to different hosts, whose codes mean different things.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from channels import facts
from channels.contract import Message, ReceiptClass, Request, Unsupported
from channels.facts import ProviderFacts
from channels.options import Options
from channels.zalo.account import DELIVERY_HEADER, ZaloAccount
from channels.zalo.oa import FACTS as BY_USER
from channels.zalo.oa import USER_ID
from rules.words import Channel

BY_PHONE = facts.load("zalo_template")
PHONE = re.compile(r"\+(84[0-9]{9})")
TEMPLATE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
DATA_KEYS = frozenset({"template_id", "template_data"})
MODES = ("live", "development")


class ZaloTemplateAdapter(ZaloAccount):
    """Template messages; `data` names the template and its parameters, the words are those Zalo approved.

    One setting more than ZaloAccount: mode (live); in development Zalo writes to administrators only, by phone.
    """

    channel: ClassVar[Channel] = Channel.ZALO_TEMPLATE

    def _read(self, options: Options) -> None:
        self._is_live = options.choice("mode", "live", among=MODES) == "live"

    def build(self, message: Message) -> Request:
        """Write the call; `text` stays here, to show what the template looks like. HTML and a subject are refused."""
        if message.html is not None or message.subject is not None:
            raise Unsupported(
                "A Zalo template message has neither subject nor HTML: its words are those that Zalo approved.",
                remedy="Give the template a template_id and its parameters.",
            )
        if unknown := message.data.keys() - DATA_KEYS:
            raise Unsupported(
                f"A Zalo template message cannot carry {', '.join(sorted(unknown))}.",
                remedy=f"It knows {', '.join(sorted(DATA_KEYS))}.",
            )
        content = {"template_id": _template_id(message.data), "template_data": _parameters(message.data)}
        address = message.address.strip()
        if (phone := PHONE.fullmatch(address)) is not None:
            content |= {"phone": phone[1], "tracking_id": message.event_id[: BY_PHONE.limit("tracking_id_characters")]}
            content |= {} if self._is_live else {"mode": "development"}
            return _request(message, "/message/template", content, by="phone")
        if USER_ID.fullmatch(address):
            return _request(message, "/v3.0/oa/message/template", content | {"user_id": address}, by="user")
        raise Unsupported(
            f"{message.address!r} is neither a phone number nor a Zalo user's id.",
            remedy="Give a Vietnamese mobile number such as +84912345678, or the id of 16 to 19 digits.",
            klass=ReceiptClass.INVALID_ADDRESS,
        )

    def _facts(self, ids: Mapping[str, str]) -> ProviderFacts:
        return BY_USER if ids.get("by") == "user" else BY_PHONE

    def _host(self, request: Request) -> str:
        return self._base_url if request.ids.get("by") == "user" else self._business_url


def _request(message: Message, target: str, content: Mapping[str, Any], *, by: str) -> Request:
    return Request(
        event_id=message.event_id,
        target=target,
        body=json.dumps(content, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace"),
        headers={"Content-Type": "application/json", DELIVERY_HEADER: message.event_id},
        ids={"by": by},
    )


def _template_id(data: Mapping[str, Any]) -> str:
    given = data.get("template_id")
    template_id = str(given) if isinstance(given, str | int) else ""
    if TEMPLATE_ID.fullmatch(template_id):
        return template_id
    raise Unsupported(
        "The Zalo template message names no template.",
        remedy="Give the template the template_id that Zalo's page shows for it.",
    )


def _parameters(data: Mapping[str, Any]) -> dict[str, str]:
    """Give the parameters as text; raises Unsupported if there are none, or one is neither text nor a number."""
    given = data.get("template_data")
    if not isinstance(given, Mapping) or not given:
        raise Unsupported(
            "The Zalo template message has no parameters.",
            remedy="Give the template template_data, an object of the template's parameters.",
        )
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float) or "\0" in str(value):
            raise Unsupported(
                f"The parameter {name} of the Zalo template message is neither text nor a number.",
                remedy="Correct it in the template.",
            )
    return {str(name): str(value) for name, value in given.items()}
