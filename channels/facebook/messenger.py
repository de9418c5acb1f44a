"""Facebook Page Messenger: one Send API call for each message, to a person's page-scoped id.

Within 24 hours of something the person did, anything may be said; later only the kinds that Meta allows
(`facts.kinds`). The token and its proof are part of the posted form, so that no URL contains a credential.
"""

import hashlib
import hmac
import json
import re
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

from channels import buttons, facts
from channels.answers import accepted, call, refused
from channels.buttons import Button, Limits
from channels.callbacks import facebook
from channels.contract import (
    Fault,
    Incoming,
    Message,
    Receipt,
    ReceiptClass,
    Request,
    Response,
    Secret,
    Unsupported,
    fault_receipt,
)
from channels.documents import DAY_S, part, plain_text, text_of, whole_number
from channels.egress import ANYWHERE, Egress
from channels.facts import Answer
from channels.http import HttpClient
from channels.options import Options
from channels.waits import seconds_until
from rules.errors import Misconfigured
from rules.limits import Pace
from rules.words import Channel

FACTS = facts.load("facebook")
BUTTONS = Limits.of(FACTS)
GRAPH = "https://graph.facebook.com"
DELIVERY_HEADER = "X-LEO-Delivery"
USAGE_HEADER = "x-business-use-case-usage"
PSID = re.compile(r"[A-Za-z0-9_-]{1,64}")
VERSION = re.compile(r"v[1-9][0-9]\.0")
DEFAULT_VERSION = "v25.0"
DATA_KEYS = frozenset({"messaging_type", "template", "buttons"})
UTILITY = "UTILITY"


class MessengerAdapter:
    """A Page of a tenant.

    Settings: page_id, access_token or user_token (or both), app_id and app_secret (the proof of calls, the signature of
    callbacks and the renewal of tokens), messaging_type (UPDATE), api_version (v25.0), base_url
    (https://graph.facebook.com), timeout_s (15), connections (32), verify_token, webhook_secret (app_secret).
    """

    channel: ClassVar[Channel] = Channel.FACEBOOK
    deduplicates: ClassVar[bool] = False
    pace: ClassVar[Pace] = Pace.within(FACTS.limit("messages_per_second"))

    def __init__(
        self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = ANYWHERE
    ) -> None:
        """Raise Misconfigured for a wrong, missing or unknown setting."""
        options = Options(self.channel, settings)
        page_id = options.text("page_id")
        user_token = options.optional_secret("user_token")
        self._token = options.optional_secret("access_token") if user_token else options.secret("access_token")
        app_id = options.optional_text("app_id")
        self._app_secret = options.optional_secret("app_secret")
        self._kind = options.choice("messaging_type", "UPDATE", among=list(FACTS.kinds))
        version = options.text("api_version", DEFAULT_VERSION)
        self._base_url = options.text("base_url", GRAPH).rstrip("/")
        timeout_s = options.number("timeout_s", 15.0, least=0.05, most=600.0)
        connections = options.integer("connections", 32, least=1, most=500)
        self._verify_token = options.optional_secret("verify_token")
        webhook_secret = options.optional_secret("webhook_secret")
        options.finish()
        if not page_id.isascii() or not page_id.isdigit() or not VERSION.fullmatch(version):
            raise Misconfigured(
                f"The channel {self.channel} has a page_id that is no number, or an api_version unlike v25.0.",
                remedy="Copy both from Meta's page for developers.",
            )
        if user_token and not (app_id and self._app_secret):
            raise Misconfigured(
                f"The channel {self.channel} lacks its setting app_id or app_secret, which renew its token.",
                remedy="Give both, as Meta's page for developers shows them.",
            )
        self._target = f"/{version}/{page_id}/messages"
        self._signed_with = webhook_secret or self._app_secret
        self._http = HttpClient(
            egress=egress, connections=connections, connect_timeout_s=min(5.0, timeout_s / 2), total_timeout_s=timeout_s
        )
        given = (self._token, user_token, self._app_secret, self._verify_token, webhook_secret)
        self._secrets = [secret for secret in given if secret]
        self._clock = clock

    def build(self, message: Message) -> Request:
        """Write the form; a subject becomes the first line.

        Messenger shows no markup, so a message with only HTML is refused.
        """
        if not PSID.fullmatch(message.address.strip()):
            raise Unsupported(
                f"{message.address!r} is no page-scoped id.",
                remedy="Give the id by which the Page's own webhook names the person.",
                klass=ReceiptClass.INVALID_ADDRESS,
            )
        if unknown := message.data.keys() - DATA_KEYS:
            raise Unsupported(
                f"A Messenger message cannot carry {', '.join(sorted(unknown))}.",
                remedy=f"It knows {', '.join(sorted(DATA_KEYS))}.",
            )
        kind = FACTS.kinds.get(str(message.data.get("messaging_type", self._kind)))
        if kind is None:
            raise Unsupported(
                "The Messenger message has no kind that Meta knows.", remedy=f"Use one of {', '.join(FACTS.kinds)}."
            )
        content = _utility(message.data) if kind.name == UTILITY else _text(message)
        form = {
            "recipient": _json({"id": message.address.strip()}),
            "message": _json(content),
            "messaging_type": kind.name,
            **({"tag": kind.tag} if kind.tag else {}),
        }
        return Request(
            event_id=message.event_id,
            target=self._target,
            body=urlencode(form, errors="replace").encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", DELIVERY_HEADER: message.event_id},
            ids={"psid": message.address.strip()},
        )

    async def send(self, request: Request) -> Response:
        """Call the Send API once; see the protocol. Without a token nothing is sent."""
        if not self._token:
            body = {"cause": "no_token", "detail": "The channel has no page token yet: it is asked for first."}
            return Response(status=0, body=body, ids=request.ids, fault=Fault.NEVER_LEFT)
        credentials = {"access_token": self._token.reveal()}
        if self._app_secret:
            credentials["appsecret_proof"] = proof(self._app_secret, self._token)
        form = request.body + b"&" + urlencode(credentials).encode()
        return await call(self._http, self._base_url + request.target, request, body=form, headers=request.headers)

    def parse(self, response: Response) -> Receipt:
        """Read the answer by `error.code` and `error_subcode`; `provider_id` is the message's `mid`."""
        if (unanswered := fault_receipt(response)) is not None:
            return unanswered
        body = response.body if isinstance(response.body, Mapping) else {}
        message_id = text_of(body, "message_id")
        if message_id and response.status == HTTPStatus.OK:
            return accepted(response, provider_id=message_id, raw={"message_id": message_id})
        error = part(body, "error")
        number, subcode = whole_number(error.get("code")), whole_number(error.get("error_subcode"))
        answer = _classified(error, number, subcode, response.status)
        code = str(response.status) if number is None else f"{number}/{subcode}" if subcode else str(number)
        text = text_of(error, "message") if error else str(response.body)
        wait_s = self._wait(answer, response)
        return refused(response, answer, code=code, detail=text, secrets=self._secrets, wait_s=wait_s)

    def _wait(self, answer: Answer | None, response: Response) -> float | None:
        """Give how long to wait; Meta says in minutes when the limit ends, and every call before then extends it."""
        if answer is None or not answer.wait:
            return None
        minutes = _minutes_to_regain(response.ids.get(USAGE_HEADER, ""))
        return min(minutes * 60.0, DAY_S) if minutes else seconds_until(answer.wait, self._clock())

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check `X-Hub-Signature-256` over the raw bytes; raises SignatureInvalid."""
        facebook.verify(headers, body, app_secret=self._signed_with)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming]:  # noqa: ARG002
        """Read what people wrote and pressed, and the watermarks for delivered and read."""
        return facebook.read(body, now=self._clock())

    def greet(self, query: Mapping[str, str]) -> str:
        """Answer the question that Meta asks before it sends callbacks; raises SignatureInvalid."""
        return facebook.greet(query, verify_token=self._verify_token)

    async def aclose(self) -> None:
        await self._http.aclose()


def proof(app_secret: Secret, token: Secret) -> str:
    """Give `appsecret_proof`, which shows that the holder of the token also has the application's secret."""
    return hmac.new(app_secret.reveal().encode(), token.reveal().encode(), hashlib.sha256).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _text(message: Message) -> dict[str, Any]:
    if message.data.get("template"):
        raise Unsupported(
            "Only a UTILITY message is written by a template of Meta's.", remedy="Set messaging_type to UTILITY."
        )
    text = plain_text(message.text, channel="Messenger")
    if message.subject:
        text = f"{plain_text(message.subject, channel='Messenger')}\n\n{text}"
    text = unicodedata.normalize("NFC", text)
    if len(text) > FACTS.limit("text_characters"):
        raise Unsupported(
            f"The Messenger message has {len(text)} characters of {FACTS.limit('text_characters')}.",
            remedy="Shorten the template.",
            klass=ReceiptClass.TOO_LARGE,
        )
    pressed = buttons.read(message.data, BUTTONS, text=text)
    if not pressed:
        return {"text": text}
    if buttons.are_replies(message.data[buttons.NAME]):
        return {"text": text, "quick_replies": [_quick(one) for one in pressed]}
    payload = {"template_type": "button", "text": text, "buttons": [_button(one) for one in pressed]}
    return {"attachment": {"type": "template", "payload": payload}}


def _quick(one: Button) -> dict[str, Any]:
    return {"content_type": "text", "title": one.title, "payload": one.reply}


def _button(one: Button) -> dict[str, Any]:
    if one.url:
        return {"type": "web_url", "title": one.title, "url": one.url}
    return {"type": "postback", "title": one.title, "payload": one.reply}


def _utility(data: Mapping[str, Any]) -> dict[str, Any]:
    """Write a utility message: {"name", "language", "parameters": [...]} are the approved template and its values."""
    if data.get(buttons.NAME):
        raise Unsupported(
            "The buttons of a UTILITY message are those of the template that Meta approved.",
            remedy="Leave them out of ours.",
        )
    template = data.get("template")
    name = template.get("name") if isinstance(template, Mapping) else None
    language = template.get("language", "vi") if isinstance(template, Mapping) else None
    parameters = template.get("parameters", []) if isinstance(template, Mapping) else None
    if not isinstance(name, str) or not name or not isinstance(language, str) or not isinstance(parameters, list):
        raise Unsupported(
            "A UTILITY message of Messenger names the template that Meta approved.",
            remedy='Give data "template": {"name": "...", "language": "vi", "parameters": ["..."]}.',
        )
    texts = [{"type": "text", "text": str(value)} for value in parameters]
    components = [{"type": "body", "parameters": texts}] if texts else []
    return {"template": {"name": name, "language": {"code": language}, "components": components}}


def _classified(error: Mapping[str, Any], number: int | None, subcode: int | None, status: int) -> Answer | None:
    if number is None:
        return FACTS.classify(code=status, stage="http")
    enhanced = "" if subcode is None else str(subcode)
    found = FACTS.classify(code=number, enhanced=enhanced, text=text_of(error, "message"), stage="graph")
    # If the table does not know the code, Meta's own flag that the same call may succeed later decides.
    return FACTS.classify(code=2, stage="graph") if found is None and error.get("is_transient") is True else found


def _minutes_to_regain(usage: str) -> int:
    """Read X-Business-Use-Case-Usage: {"<page>": [{"estimated_time_to_regain_access": 19, ...}]}."""
    try:
        document = json.loads(usage)
    except (ValueError, RecursionError):
        return 0
    lists = document.values() if isinstance(document, dict) else []
    entries = [entry for listed in lists if isinstance(listed, list) for entry in listed if isinstance(entry, dict)]
    minutes = [whole_number(entry.get("estimated_time_to_regain_access")) or 0 for entry in entries]
    return max([0, *minutes])
