"""App push over Firebase Cloud Messaging, HTTP v1: one message to one registration token.

FCM has no idempotency key and reports nothing later; the delivery's id is part of the data, so that the app can report
opens.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from channels import facts, notice, service_account
from channels.answers import accepted, call, refused
from channels.buttons import Limits
from channels.contract import (
    Message,
    NeverLeft,
    Receipt,
    ReceiptClass,
    Request,
    Response,
    Secret,
    Unsupported,
    fault_receipt,
)
from channels.documents import part
from channels.egress import ANYWHERE, Egress
from channels.http import HttpClient
from channels.notice import Notice
from channels.options import Options
from channels.service_account import Denied, ServiceAccount
from channels.told import ToldByOwnServer
from rules.limits import Pace
from rules.words import Channel

FACTS = facts.load("fcm")
BUTTONS = Limits.of(FACTS, https=True)
DELIVERY_KEY = "leo_delivery"
# FCM has no buttons of its own: the app reads them from here, as JSON.
BUTTONS_KEY = "leo_buttons"
TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
# Keys of `data` that FCM reserves (C1).
RESERVED_KEY = re.compile(r"from|message_type|gcm.*|google.*", re.IGNORECASE | re.DOTALL)
# Google's own library calls `token` deprecated in favour of `fid` (C4); both are accepted.
RECIPIENTS = ("token", "fid")
PRIORITIES = ("high", "normal")
DATA_KEYS = frozenset({"link", "image", "extra", "collapse_key", "priority", "ttl_s", "buttons"})
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


class FcmAdapter(ToldByOwnServer):
    """A tenant's Firebase project.

    Settings: service_account (the JSON key file, as an object or as text), base_url (https://fcm.googleapis.com),
    token_url (the key file's token_uri), recipient (token; fid where addresses are Firebase installation ids),
    timeout_s (15), connections (32), webhook_secret, webhook_max_age_s (300).
    """

    channel: ClassVar[Channel] = Channel.APP_PUSH
    pace: ClassVar[Pace] = Pace.within(FACTS.limit("messages_per_minute") / 60)

    def __init__(
        self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = ANYWHERE
    ) -> None:
        """Raise Misconfigured for a wrong, missing or unknown setting."""
        options = Options(self.channel, settings)
        self._account = ServiceAccount(
            service_account.read(options.required("service_account")),
            token_url=options.optional_text("token_url"),
            life_s=FACTS.limit("token_life_s"),
        )
        self._base_url = options.text("base_url", "https://fcm.googleapis.com").rstrip("/")
        self._recipient = options.choice("recipient", "token", among=RECIPIENTS)
        timeout_s = options.number("timeout_s", 15.0, least=0.05, most=600.0)
        connections = options.integer("connections", 32, least=1, most=500)
        super().__init__(options, clock)
        options.finish()
        self._http = HttpClient(
            egress=egress, connections=connections, connect_timeout_s=min(5.0, timeout_s / 2), total_timeout_s=timeout_s
        )

    def build(self, message: Message) -> Request:
        """Write the message; the bearer token is not part of it."""
        shown = notice.read(message, keys=DATA_KEYS, pressed=BUTTONS)
        if TOKEN.fullmatch(message.address) is None:
            raise Unsupported(
                "The registration token is none: it holds spaces or characters beyond ASCII.",
                remedy="Store the token as the app got it from Firebase.",
                klass=ReceiptClass.INVALID_ADDRESS,
            )
        document = {self._recipient: message.address, **_document(message, shown)}
        return Request(
            event_id=message.event_id,
            target=f"/v1/projects/{self._account.project_id}/messages:send",
            body=notice.octets(json.dumps({"message": document}, ensure_ascii=False, sort_keys=True)),
            headers={"Content-Type": "application/json"},
        )

    async def send(self, request: Request) -> Response:
        """Send once with a valid token; if it is refused, fetch a new one, once. See the protocol."""
        answer = await self._once(request)
        if answer.status == HTTPStatus.UNAUTHORIZED and answer.ids.get("stage") == "plain":
            answer = await self._once(request)
        return answer

    async def _once(self, request: Request) -> Response:
        try:
            token = await self._account.token(self._http, now=self._clock())
        except NeverLeft as error:
            return Response.unanswered(error, ids=request.ids)
        if isinstance(token, Denied):
            return Response(status=token.status, body=token.body, ids={**request.ids, "stage": "token"})
        headers = {**request.headers, "Authorization": f"Bearer {token.reveal()}"}
        answer = await call(
            self._http, f"{self._base_url}{request.target}", request, body=request.body, headers=headers
        )
        stage = "fcm" if _error_code(answer.body) else "plain"
        if answer.status == HTTPStatus.UNAUTHORIZED and stage == "plain":
            self._account.drop(token)
        return Response(status=answer.status, body=answer.body, ids={**answer.ids, "stage": stage}, fault=answer.fault)

    def parse(self, response: Response) -> Receipt:
        """Read the answer by the errorCode in its details, else by its status; `provider_id` is FCM's message name."""
        if (unanswered := fault_receipt(response)) is not None:
            return unanswered
        body = response.body if isinstance(response.body, Mapping) else {}
        stage = response.ids.get("stage", "plain")
        name = body.get("name")
        if response.status == HTTPStatus.OK and isinstance(name, str) and name and stage != "token":
            return accepted(response, provider_id=name, raw={"name": name})
        error = part(body, "error")
        code = _error_code(body) or str(error.get("status") or body.get("error") or "")
        detail = str(error.get("message") or body.get("error_description") or response.body)
        found = FACTS.classify(code=response.status, text=f"{code} {detail}", stage=stage)
        return refused(
            response,
            found,
            code=f"{response.status} {code}".strip()[:100],
            detail=detail,
            secrets=self._secrets,
            wait_s=FACTS.limit("retry_after_s"),
        )

    @property
    def _secrets(self) -> list[Secret]:
        return [*self._account.secrets, *([self._webhook_secret] if self._webhook_secret else [])]


def _document(message: Message, shown: Notice) -> dict[str, Any]:
    """Write FCM's message; raises Unsupported if it is too large or contains what FCM refuses."""
    data = {**_extra(message.data.get("extra")), DELIVERY_KEY: message.event_id}
    if shown.link is not None:
        data["link"] = shown.link
    if shown.buttons:
        data[BUTTONS_KEY] = json.dumps([one.document() for one in shown.buttons], ensure_ascii=False)
    visible = {"title": shown.title, "body": shown.text, "image": shown.image}
    notification = {name: value for name, value in visible.items() if value is not None}
    size = len(notice.octets(json.dumps([notification, data], ensure_ascii=False)))
    if size > FACTS.limit("payload_octets"):
        raise Unsupported(
            f"The push has {size} octets of {FACTS.limit('payload_octets')}.",
            remedy="Shorten the template or its extra data.",
            klass=ReceiptClass.TOO_LARGE,
        )
    android: dict[str, Any] = {"priority": _choice(message.data, "priority", PRIORITIES)}
    if (ttl_s := _ttl(message.data.get("ttl_s"))) is not None:
        android["ttl"] = f"{ttl_s}s"
    document: dict[str, Any] = {"notification": notification, "data": data, "android": android}
    if (collapse := message.data.get("collapse_key")) is not None:
        android["collapse_key"] = str(collapse)
    if shown.link is not None:
        document["webpush"] = {"fcm_options": {"link": shown.link}}
    return document


def _extra(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in (*value, *value.values())):
        raise Unsupported("The extra data of the push is no object of texts.", remedy='Give {"name": "text", ...}.')
    for name in value:
        if RESERVED_KEY.fullmatch(name):
            raise Unsupported(f"FCM keeps the name {name!r} for itself.", remedy="Give the extra data another name.")
    return dict(value)


def _choice(data: Mapping[str, Any], name: str, among: Sequence[str]) -> str:
    value = data.get(name, among[0])
    if value not in among:
        raise Unsupported(f"The {name} of the push is wrong.", remedy=f"Use one of {', '.join(among)}.")
    return str(value)


def _ttl(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= FACTS.limit("ttl_s"):
        raise Unsupported("The ttl_s of the push is wrong.", remedy=f"Give 0 to {FACTS.limit('ttl_s')} seconds.")
    return value


def _error_code(body: Mapping[str, Any] | str) -> str:
    """Give FCM's own errorCode; empty if the answer has none."""
    details = part(body, "error").get("details") if isinstance(body, Mapping) else None
    for one in details if isinstance(details, list) else ():
        if isinstance(one, Mapping) and one.get("@type") == FCM_ERROR:
            return str(one.get("errorCode") or "")
    return ""
