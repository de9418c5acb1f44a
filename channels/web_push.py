"""Web push: one encrypted message to one browser, signed with the sender's VAPID key (RFC 8030, 8291, 8292).

The push service cannot read it and gives no receipts; the message contains its delivery's id, for the site to report.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from channels import facts, jwt, notice, subscription
from channels.answers import accepted, call, refused
from channels.buttons import Limits
from channels.contract import (
    Message,
    Receipt,
    ReceiptClass,
    ReceiptStatus,
    Request,
    Response,
    Secret,
    Unsupported,
    fault_receipt,
)
from channels.documents import text_of
from channels.egress import ANYWHERE, Egress
from channels.http import HttpClient
from channels.options import Options
from channels.subscription import Subscription
from channels.told import ToldByOwnServer
from rules.errors import Misconfigured
from rules.words import Channel

FACTS = facts.load("web_push")
BUTTONS = Limits.of(FACTS, https=True)
URGENCIES = ("normal", "very-low", "low", "high")
DATA_KEYS = frozenset({"link", "image", "icon", "topic", "ttl_s", "urgency", "buttons"})
DELIVERY_HEADER = "X-LEO-Delivery"
DAY_S = 86_400
# A token is not used in its last minutes, because a waiting call must not arrive too late.
SPARE_S = 600


class WebPushAdapter(ToldByOwnServer):
    """A site's VAPID key.

    Settings: vapid_private_key (base64url of 32 bytes or of DER, or PEM), subject (mailto: or https:), link (opened by
    a click, if a message names none), icon, ttl_s (86400), urgency (normal), more_services (hosts, comma-separated),
    base_url and stand_in (send everything there, encrypted for these keys: a sandbox), timeout_s (15), connections
    (32), webhook_secret, webhook_max_age_s (300).
    """

    channel: ClassVar[Channel] = Channel.WEB_PUSH

    def __init__(
        self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = ANYWHERE
    ) -> None:
        """Raise Misconfigured for a wrong, missing or unknown setting."""
        options = Options(self.channel, settings)
        self._key_text = Secret(str(options.required("vapid_private_key")))
        self._key = _key(self._key_text)
        self._subject = options.text("subject")
        if not self._subject.startswith(("mailto:", "https:")):
            raise Misconfigured("The subject of the channel is wrong.", remedy="Give mailto:you@example.vn or a URL.")
        self._link, self._icon = options.optional_text("link"), options.optional_text("icon")
        self._ttl_s = options.integer("ttl_s", DAY_S, least=0, most=FACTS.limit("ttl_s"))
        self._urgency = options.choice("urgency", URGENCIES[0], among=URGENCIES)
        more = (options.optional_text("more_services") or "").lower().split(",")
        self._services = subscription.SERVICES | {host.strip() for host in more if host.strip()}
        self._base_url = options.optional_text("base_url")
        self._stand_in = _stand_in(options.optional_text("stand_in"))
        timeout_s = options.number("timeout_s", 15.0, least=0.05, most=600.0)
        connections = options.integer("connections", 32, least=1, most=500)
        super().__init__(options, clock)
        options.finish()
        self._http = HttpClient(
            egress=egress, connections=connections, connect_timeout_s=min(5.0, timeout_s / 2), total_timeout_s=timeout_s
        )
        self._tokens: dict[str, tuple[float, str]] = {}

    @property
    def public_key(self) -> str:
        """What a site passes to `pushManager.subscribe` as applicationServerKey."""
        return jwt.public_point(self._key)

    def build(self, message: Message) -> Request:
        """Write what the browser's worker will read; it is encrypted anew each time it is sent."""
        shown = notice.read(message, keys=DATA_KEYS, pressed=BUTTONS, link=self._link)
        subscription.read(message.address, services=self._services)
        fields = {
            "id": message.event_id,
            "title": shown.title,
            "body": shown.text,
            "url": shown.link,
            "image": shown.image,
            "icon": message.data.get("icon", self._icon),
            "buttons": [one.document() for one in shown.buttons] or None,
        }
        content = {name: value for name, value in fields.items() if value is not None}
        body = notice.octets(json.dumps(content, ensure_ascii=False, sort_keys=True, default=str))
        if len(body) > FACTS.limit("plaintext_octets"):
            raise Unsupported(
                f"The push has {len(body)} octets of {FACTS.limit('plaintext_octets')}.",
                remedy="Shorten the template.",
                klass=ReceiptClass.TOO_LARGE,
            )
        return Request(
            event_id=message.event_id,
            target=message.address,
            body=body,
            headers=self._headers(message),
            ids={"provider_id": message.event_id},
        )

    async def send(self, request: Request) -> Response:
        """Encrypt for the browser and post to its push service once; see the protocol."""
        there = subscription.read(request.target, services=self._services)
        reader = there if self._stand_in is None else self._stand_in
        headers = {
            **request.headers,
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "Authorization": f"vapid t={self._token(there)}, k={self.public_key}",
        }
        url = f"{self._base_url}/{quote(there.endpoint, safe='')}" if self._base_url else there.endpoint
        return await call(self._http, url, request, body=reader.encrypt(request.body), headers=headers)

    def parse(self, response: Response) -> Receipt:
        """Read the answer by its status; `provider_id` is the Location of the message, otherwise the delivery's id."""
        if (unanswered := fault_receipt(response)) is not None:
            return unanswered
        found = FACTS.classify(code=response.status)
        if found is not None and found.status is ReceiptStatus.ACCEPTED:
            place = response.ids.get("location") or response.ids.get("provider_id")
            return accepted(response, provider_id=place, raw={"location": place})
        body = response.body if isinstance(response.body, Mapping) else {}
        number = text_of(body, "errno")
        return refused(
            response,
            found,
            code=f"{response.status} {number}".strip(),
            detail=text_of(body, "message") or str(response.body),
            secrets=self._secrets,
            wait_s=FACTS.limit("retry_after_s"),
        )

    @property
    def _secrets(self) -> list[Secret]:
        return [self._key_text, *([self._webhook_secret] if self._webhook_secret else [])]

    def _headers(self, message: Message) -> dict[str, str]:
        ttl_s = message.data.get("ttl_s", self._ttl_s)
        if isinstance(ttl_s, bool) or not isinstance(ttl_s, int) or not 0 <= ttl_s <= FACTS.limit("ttl_s"):
            raise Unsupported("The ttl_s of the push is wrong.", remedy=f"Give 0 to {FACTS.limit('ttl_s')} seconds.")
        urgency = message.data.get("urgency", self._urgency)
        if urgency not in URGENCIES:
            raise Unsupported("The urgency of the push is wrong.", remedy=f"Use one of {', '.join(URGENCIES)}.")
        headers = {"TTL": str(ttl_s), "Urgency": str(urgency), DELIVERY_HEADER: message.event_id}
        if (topic := message.data.get("topic")) is not None:
            # A service takes 32 characters of base64url; any words of a template are turned into such.
            digest = jwt.base64url(hashlib.sha256(str(topic).encode("utf-8", "replace")).digest())
            headers["Topic"] = digest[: FACTS.limit("topic_characters")]
        return headers

    def _token(self, there: Subscription) -> str:
        """Give the token for a service, signed anew when half of its life is over."""
        now = self._clock()
        until, token = self._tokens.get(there.origin, (0.0, ""))
        if now >= until:
            life_s = FACTS.limit("vapid_life_s") - SPARE_S
            claims = {"aud": there.origin, "exp": int(now) + life_s, "sub": self._subject}
            until, token = now + life_s / 2, jwt.es256(self._key, claims)
            self._tokens[there.origin] = until, token
        return token


def _key(text: Secret) -> jwt.P256Key:
    try:
        return jwt.p256_key(text.reveal())
    except ValueError as error:
        raise Misconfigured(
            "The vapid_private_key of the channel is no private key of the curve P-256.",
            remedy="Give the private key in base64url, as `npx web-push generate-vapid-keys` writes it, or as PEM.",
        ) from error


def _stand_in(text: str | None) -> Subscription | None:
    if text is None:
        return None
    try:
        return subscription.read(text, services=("sandbox.invalid",))
    except Unsupported as error:
        raise Misconfigured(f"The stand_in of the channel is wrong: {error.message}", remedy=error.remedy) from error
