"""Web push through PushAlert: a form for one of its subscribers, for sites that do not hold a VAPID key themselves."""

import json
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

from channels import facts, notice
from channels.answers import accepted, call, refused
from channels.buttons import Limits
from channels.contract import (
    Message,
    Receipt,
    ReceiptClass,
    Request,
    Response,
    Unsupported,
    fault_receipt,
)
from channels.documents import text_of
from channels.egress import ANYWHERE, Egress
from channels.http import HttpClient
from channels.options import Options
from channels.told import ToldByOwnServer
from rules.words import Channel

FACTS = facts.load("pushalert")
BUTTONS = Limits.of(FACTS, https=True)
SUBSCRIBER = re.compile(r"[A-Za-z0-9_=.:-]{1,512}")
DATA_KEYS = frozenset({"link", "image", "icon", "buttons"})
DELIVERY_HEADER = "X-LEO-Delivery"


class PushAlertAdapter(ToldByOwnServer):
    """A site at PushAlert.

    Settings: api_key, link (opened by a click, if a message names none), title (if a message has no subject), icon,
    base_url (https://api.pushalert.co), timeout_s (15), connections (32), webhook_secret, webhook_max_age_s (300).
    """

    channel: ClassVar[Channel] = Channel.WEB_PUSH

    def __init__(
        self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = ANYWHERE
    ) -> None:
        """Raise Misconfigured for a wrong, missing or unknown setting."""
        options = Options(self.channel, settings)
        self._api_key = options.secret("api_key")
        self._link, self._title = options.optional_text("link"), options.optional_text("title")
        self._icon = options.optional_text("icon")
        self._base_url = options.text("base_url", "https://api.pushalert.co").rstrip("/")
        timeout_s = options.number("timeout_s", 15.0, least=0.05, most=600.0)
        connections = options.integer("connections", 32, least=1, most=500)
        super().__init__(options, clock)
        options.finish()
        self._http = HttpClient(
            egress=egress, connections=connections, connect_timeout_s=min(5.0, timeout_s / 2), total_timeout_s=timeout_s
        )
        self._secrets = [secret for secret in (self._api_key, self._webhook_secret) if secret]

    def build(self, message: Message) -> Request:
        """Write the form; PushAlert demands title, message and address."""
        shown = notice.read(message, keys=DATA_KEYS, pressed=BUTTONS, link=self._link)
        title = shown.title or self._title
        if title is None or shown.link is None:
            raise Unsupported(
                "A push through PushAlert needs a title and a link.",
                remedy="Give the template a subject and a link, or set title and link on the channel.",
            )
        for name, words in (("title", title), ("message", shown.text)):
            most = FACTS.limit(f"{name}_characters")
            if len(words) > most:
                raise Unsupported(
                    f"The {name} of the push has {len(words)} characters of {most}.",
                    remedy="Shorten the template.",
                    klass=ReceiptClass.TOO_LARGE,
                )
        if SUBSCRIBER.fullmatch(message.address) is None:
            raise Unsupported(
                "The address is no subscriber of PushAlert.",
                remedy="Store the subscriber id that PushAlert's script gives.",
                klass=ReceiptClass.INVALID_ADDRESS,
            )
        form = {
            "title": title,
            "message": shown.text,
            "url": shown.link,
            "subscriber": message.address,
            "large_image": shown.image,
            "icon": message.data.get("icon", self._icon),
            **{
                f"action{number}": json.dumps(one.document(), ensure_ascii=False)
                for number, one in enumerate(shown.buttons, start=1)
            },
        }
        given = {name: notice.octets(str(value)) for name, value in form.items() if value is not None}
        return Request(
            event_id=message.event_id,
            target="/rest/v1/send",
            body=urlencode(given).encode("ascii"),
            headers={"Content-Type": "application/x-www-form-urlencoded", DELIVERY_HEADER: message.event_id},
        )

    async def send(self, request: Request) -> Response:
        """Post the form once; see the protocol."""
        headers = {**request.headers, "Authorization": f"api_key={self._api_key.reveal()}"}
        return await call(self._http, f"{self._base_url}{request.target}", request, body=request.body, headers=headers)

    def parse(self, response: Response) -> Receipt:
        """Read `success` first: PushAlert refuses with status 200 as well."""
        if (unanswered := fault_receipt(response)) is not None:
            return unanswered
        body = response.body if isinstance(response.body, Mapping) else {}
        if body.get("success") is True and response.status == HTTPStatus.OK:
            number = text_of(body, "id")
            return accepted(response, provider_id=number or None, raw={"id": number})
        # A 200 that is not an answer of PushAlert's says nothing about the message.
        found = FACTS.classify(code=response.status) if "success" in body or response.status != HTTPStatus.OK else None
        return refused(
            response,
            found,
            code=str(response.status),
            detail=text_of(body, "msg") or str(response.body),
            secrets=self._secrets,
            wait_s=FACTS.limit("retry_after_s"),
        )
