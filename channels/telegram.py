"""Telegram: one Bot API `sendMessage` for each delivery, and the updates that a bot's webhook receives.

Telegram has no idempotency key and no receipts: an attempt without an answer stays uncertain. Later only a reply, a
pressed button or a block can be learned.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from http import HTTPStatus
from typing import Any, ClassVar

from channels import buttons, facts, markdown, signature
from channels.buttons import Button, Limits
from channels.callbacks.document import load
from channels.contract import (
    Incoming,
    MayHaveLeft,
    Message,
    NeverLeft,
    Receipt,
    ReceiptClass,
    ReceiptStatus,
    Request,
    Response,
    SignatureInvalid,
    Unsupported,
    evidence,
    fault_receipt,
    redact,
)
from channels.documents import DAY_S, document, part
from channels.egress import ANYWHERE, Egress
from channels.http import HttpClient
from channels.markup import utf16_length, visible_length
from channels.options import Options
from rules.errors import InvalidInput
from rules.limits import Pace
from rules.words import Channel, OutcomeType

FACTS = facts.load("telegram")
BUTTONS = Limits.of(FACTS)
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header
DELIVERY_HEADER = "X-LEO-Delivery"
CHAT_NUMBER = re.compile(r"-?[0-9]{1,19}")
CHAT_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}")
DATA_KEYS = frozenset(
    {"disable_notification", "protect_content", "link_preview_options", "reply_markup", "parse_mode", "buttons"}
)
MARKDOWN = "MarkdownV2"
MODES = ("HTML", MARKDOWN)
# Anything a person does in their chat with the bot counts as being heard there.
_EVENTS: Mapping[OutcomeType, str] = {OutcomeType.REPLIED: "message", OutcomeType.CLICKED: "click"}


class TelegramAdapter:
    """A tenant's bot.

    Settings: token, base_url (https://api.telegram.org), timeout_s (15), connections (32), webhook_secret.
    """

    channel: ClassVar[Channel] = Channel.TELEGRAM
    deduplicates: ClassVar[bool] = False
    pace: ClassVar[Pace] = Pace.within(
        FACTS.limit("messages_per_second"), recipient_s=1 / FACTS.limit("messages_per_second_per_chat")
    )

    def __init__(
        self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = ANYWHERE
    ) -> None:
        """Raise Misconfigured for a wrong, missing or unknown setting."""
        options = Options(self.channel, settings)
        self._token = options.secret("token")
        self._base_url = options.text("base_url", "https://api.telegram.org").rstrip("/")
        timeout_s = options.number("timeout_s", 15.0, least=0.05, most=600.0)
        connections = options.integer("connections", 32, least=1, most=500)
        self._webhook_secret = options.optional_secret("webhook_secret")
        options.finish()
        self._http = HttpClient(
            egress=egress, connections=connections, connect_timeout_s=min(5.0, timeout_s / 2), total_timeout_s=timeout_s
        )
        self._secrets = [secret for secret in (self._token, self._webhook_secret) if secret]
        self._clock = clock

    def build(self, message: Message) -> Request:
        """Write the call; the token is not part of it.

        HTML is expected to be escaped, plain text is escaped here; with `parse_mode` MarkdownV2 in the data, the text
        is markup that its author escaped. A subject becomes a bold first line. Telegram has no header for the
        unsubscribe address, so the template has to show it.
        """
        if unknown := message.data.keys() - DATA_KEYS:
            raise Unsupported(
                f"A Telegram message cannot carry {', '.join(sorted(unknown))}.",
                remedy=f"It knows {', '.join(sorted(DATA_KEYS))}.",
            )
        chat_id = _chat(message.address)
        mode = message.data.get("parse_mode", MODES[0])
        if mode not in MODES:
            raise Unsupported("The parse_mode of the Telegram message is wrong.", remedy=f"Use {' or '.join(MODES)}.")
        markup, characters = _markdown(message) if mode == MARKDOWN else _html(message)
        if not characters:
            raise Unsupported("The Telegram message is empty.", remedy="Give the template a text.")
        if characters > FACTS.limit("text_characters"):
            raise Unsupported(
                f"The Telegram message has {characters} characters of {FACTS.limit('text_characters')}.",
                remedy="Shorten the template.",
                klass=ReceiptClass.TOO_LARGE,
            )
        call = {**message.data, "chat_id": chat_id, "text": markup, "parse_mode": mode}
        call.pop(buttons.NAME, None)
        if pressed := buttons.read(message.data, BUTTONS):
            call["reply_markup"] = _keyboard(pressed, given=call.get("reply_markup"))
        return Request(
            event_id=message.event_id,
            target="/sendMessage",
            body=json.dumps(call, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace"),
            headers={"Content-Type": "application/json", DELIVERY_HEADER: message.event_id},
            ids={"chat_id": str(chat_id)},
        )

    async def send(self, request: Request) -> Response:
        """Call the Bot API once; see the protocol."""
        url = f"{self._base_url}/bot{self._token.reveal()}{request.target}"
        try:
            answer = await self._http.post(url, request.body, request.headers)
        except (NeverLeft, MayHaveLeft) as error:
            return Response.unanswered(error, ids=request.ids)
        ids = dict(request.ids)
        if "retry-after" in answer.headers:
            ids["retry_after"] = answer.headers["retry-after"]
        return Response(status=answer.status, body=document(answer), ids=ids)

    def parse(self, response: Response) -> Receipt:
        """Read the answer by `error_code` and `description`; `provider_id` is "<chat id>:<message id>"."""
        if (unanswered := fault_receipt(response)) is not None:
            return unanswered
        body = response.body if isinstance(response.body, Mapping) else {}
        if body.get("ok") is True and response.status == HTTPStatus.OK:
            return _accepted(body, response)
        code = body.get("error_code")
        code = code if isinstance(code, int) else response.status
        text = str(body.get("description", "")) if body else str(response.body)
        answer = FACTS.classify(code=code, text=text)
        is_client_error = HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR
        unknown = ReceiptStatus.REJECTED if is_client_error else ReceiptStatus.UNCERTAIN
        return Receipt(
            status=answer.status if answer else unknown,
            klass=answer.klass if answer else ReceiptClass.UNKNOWN,
            code=str(code),
            detail=redact(text, self._secrets)[:500],
            retry_after=_retry_after(body, response.ids) if code == HTTPStatus.TOO_MANY_REQUESTS else None,
            raw=evidence(response, self._secrets),
        )

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:  # noqa: ARG002 - Telegram signs no body
        """Compare the secret token given to `setWebhook`, in constant time."""
        given = signature.lowered(headers).get(SECRET_HEADER, "")
        if not self._webhook_secret or not signature.is_same(given, self._webhook_secret.reveal()):
            raise SignatureInvalid(
                f"The callback lacks the right {SECRET_HEADER}.",
                remedy="Give setWebhook and the channel the same webhook_secret.",
            )

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming]:  # noqa: ARG002
        """Read one update: a private message, a pressed button or a block; other updates give nothing."""
        update = load(body)
        if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
            raise InvalidInput("The update has no update_id.", remedy="Post a Telegram update.")
        outcome = _outcome(update)
        if outcome is None:
            return []
        kind, event, message = outcome
        return [_incoming(update, kind, event, message, now=self._clock())]

    async def aclose(self) -> None:
        await self._http.aclose()


def _html(message: Message) -> tuple[str, int]:
    """Give the markup, and its length for a reader."""
    html = message.html if message.html is not None else escape(message.text or "", quote=False)
    if message.subject:
        html = f"<b>{escape(message.subject, quote=False)}</b>\n\n{html}"
    return html, visible_length(html) if html.strip() else 0


def _markdown(message: Message) -> tuple[str, int]:
    """The same for MarkdownV2; raises Unsupported if Telegram would not take the markup."""
    if message.html is not None:
        raise Unsupported(
            "A Telegram message in MarkdownV2 has no HTML.", remedy="Give the template a text alone, or no parse_mode."
        )
    text = message.text or ""
    if message.subject:
        text = f"*{markdown.escape(message.subject)}*\n\n{text}"
    try:
        visible = markdown.read(text)
    except markdown.MarkupError as error:
        raise Unsupported(
            f"Telegram would not take the markup: {error}.", remedy="Correct the template or escape its values."
        ) from error
    return text, utf16_length(visible) if visible.strip() else 0


def _keyboard(pressed: Sequence[Button], *, given: Any) -> dict[str, Any]:
    """Write one button per row; raises Unsupported if the template brings a keyboard of its own."""
    if given is not None:
        raise Unsupported(
            "The Telegram message has buttons and a reply_markup.", remedy="Leave one of them out of the template."
        )
    rows = [[{"text": one.title, **({"url": one.url} if one.url else {"callback_data": one.reply})}] for one in pressed]
    return {"inline_keyboard": rows}


def _chat(address: str) -> int | str:
    address = address.strip()
    if CHAT_NUMBER.fullmatch(address):
        return int(address)
    if CHAT_NAME.fullmatch(address):
        return address
    raise Unsupported(
        f"{address!r} is no Telegram chat.",
        remedy="Give the numeric chat id the bot saw, or @name of a public chat.",
        klass=ReceiptClass.INVALID_ADDRESS,
    )


def _accepted(body: Mapping[str, Any], response: Response) -> Receipt:
    """Keep the identifiers but not the message: the answer repeats its whole text and the person's name."""
    result = body.get("result")
    result = result if isinstance(result, Mapping) else {}
    message_id = result.get("message_id")
    chat = result.get("chat")
    chat_id = chat.get("id") if isinstance(chat, Mapping) else response.ids.get("chat_id")
    return Receipt(
        status=ReceiptStatus.ACCEPTED,
        klass=ReceiptClass.ACCEPTED,
        code=str(response.status),
        detail="ok",
        provider_id=f"{chat_id}:{message_id}" if isinstance(message_id, int) else None,
        raw={"status": response.status, "message_id": str(message_id), "chat_id": str(chat_id)},
    )


def _retry_after(body: Mapping[str, Any], ids: Mapping[str, str]) -> float | None:
    """Give the seconds of `parameters.retry_after`, otherwise of the header; at most a day, whatever they say."""
    parameters = body.get("parameters")
    value = parameters.get("retry_after") if isinstance(parameters, Mapping) else None
    text = str(value if value is not None else ids.get("retry_after", ""))
    return min(float(text), DAY_S) if text.isascii() and text.isdigit() else None


def _outcome(update: Mapping[str, Any]) -> tuple[OutcomeType, Mapping[str, Any], Mapping[str, Any]] | None:
    """Give the kind of outcome, the part of the update that it is in, and the message it is about."""
    message = part(update, "message")
    if message and part(message, "chat").get("type") == "private":
        return OutcomeType.REPLIED, message, part(message, "reply_to_message")
    pressed = part(update, "callback_query")
    if pressed:
        return OutcomeType.CLICKED, pressed, part(pressed, "message")
    member = part(update, "my_chat_member")
    if member and part(member, "new_chat_member").get("status") == "kicked":
        return OutcomeType.UNSUBSCRIBED, member, {}
    return None


def _incoming(
    update: Mapping[str, Any], kind: OutcomeType, event: Mapping[str, Any], about: Mapping[str, Any], *, now: float
) -> Incoming:
    chat_id = (part(event, "chat") or part(about, "chat") or part(event, "from")).get("id")
    message_id = about.get("message_id")
    moment = event.get("date")
    is_sane = isinstance(moment, int) and 0 < moment < now + DAY_S
    return Incoming(
        provider_id=str(update["update_id"]),
        type=kind,
        at=datetime.fromtimestamp(moment if is_sane and isinstance(moment, int) else now, UTC),
        delivery_ref=f"{chat_id}:{message_id}" if isinstance(message_id, int) else None,
        address=str(chat_id) if isinstance(chat_id, int) else None,
        raw=update,
        event=_EVENTS.get(kind),
    )
