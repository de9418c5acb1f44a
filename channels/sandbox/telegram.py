"""The Telegram Bot API of the sandbox: a few methods, with the official server's checks and wording."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from channels import facts, markdown
from channels.contract import Secret
from channels.sandbox import keyboard
from channels.sandbox.callback import Callback, Sent, Target
from channels.sandbox.entities import PREFIX, EntityError, parse
from channels.sandbox.faults import Faults, PlannedFault
from channels.sandbox.mail import HANG_S
from channels.sandbox.record import Record

FACTS = facts.load("telegram")
TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,64}")
CHAT = re.compile(r"-?[0-9]{1,19}")
BOT_ID = 1
REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests", 500: "Internal"}


class BotApi:
    """A bot that may write to everybody, except those a failure forbids."""

    def __init__(
        self,
        record: Record,
        faults: Faults,
        *,
        token: str | None,
        on_message: Callable[[Sent], None],
        callback: Callback,
    ) -> None:
        self._record = record
        self._faults = faults
        self._token = token
        self._on_message = on_message
        self._callback = callback
        self._message_id = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer `/bot<token>/<method>`."""
        token, method = request.match_info["token"], request.match_info["method"]
        if not TOKEN.fullmatch(token):
            return _error(404, "Not Found")
        if self._token is not None and token != self._token:
            return _error(401, "Unauthorized")
        if method == "getMe":
            return _ok({"id": BOT_ID, "is_bot": True, "first_name": "Sandbox", "username": "sandbox_bot"})
        if method == "setWebhook":
            return self._set_webhook(token, await _fields(request))
        if method != "sendMessage":
            return _error(404, "Not Found: method not found")
        return await self._send_message(request, token, await _fields(request))

    def _set_webhook(self, token: str, fields: Mapping[str, Any]) -> web.Response:
        """Accept a bot's own webhook; unlike Telegram's server this one accepts http, as it only speaks to loopback."""
        url = str(fields.get("url") or "")
        if not url.startswith(("http://", "https://")):
            return _error(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        secret = Secret(str(fields.get("secret_token") or ""))
        self._callback.connect(token, Target(url=None, secret=secret, telegram_url=url, telegram_secret=secret))
        return web.json_response({"ok": True, "result": True, "description": "Webhook was set"})

    async def _send_message(self, request: web.Request, token: str, fields: Mapping[str, Any]) -> web.StreamResponse:
        chat = str(fields.get("chat_id", "")).strip()
        fault = self._faults.take("telegram", address=chat)
        if fault is not None and fault.mode == "slow":
            await asyncio.sleep(fault.delay)
            fault = None
        if fault is not None and not fault.keep:
            return await _fail(request, fault)
        try:
            text = _checked(chat, fields)
            pressed = keyboard.read(fields.get("reply_markup"))
        except EntityError as error:
            return _error(400, str(error))
        self._message_id += 1
        event_id = request.headers.get("X-LEO-Delivery")
        self._record.add(event_id=event_id, channel="telegram", address=chat, subject=None, text=text, buttons=pressed)
        if event_id is not None:
            self._on_message(Sent(event_id, "telegram", f"{chat}:{self._message_id}", token))
        if fault is not None:
            return await _fail(request, fault)
        number = int(chat)
        kind = "private" if number > 0 else "supergroup"
        return _ok(
            {
                "message_id": self._message_id,
                "from": {"id": BOT_ID, "is_bot": True, "first_name": "Sandbox", "username": "sandbox_bot"},
                "chat": {"id": number, "type": kind},
                "date": int(time.time()),
                "text": text,
            }
        )


def _checked(chat: str, fields: Mapping[str, Any]) -> str:
    """Give the text after entity parsing; raises EntityError with the server's description."""
    if not chat:
        raise EntityError("Bad Request: chat_id is empty")
    if not CHAT.fullmatch(chat) or chat == "0":
        raise EntityError("Bad Request: chat not found")
    text = str(fields.get("text") or "")
    mode = str(fields.get("parse_mode") or "").lower()
    if mode == "html":
        text = parse(text)
    elif mode == "markdownv2":
        text = _markdown(text)
    elif mode:
        raise EntityError("Bad Request: unsupported parse_mode")
    if not text.strip():
        raise EntityError("Bad Request: message text is empty")
    if len(text) > FACTS.limit("text_characters"):
        raise EntityError("Bad Request: message is too long")
    return text


def _markdown(text: str) -> str:
    try:
        return markdown.read(text)
    except markdown.MarkupError as error:
        raise EntityError(f"{PREFIX}{error}") from error


async def _fields(request: web.Request) -> Mapping[str, Any]:
    if request.content_type != "application/json":
        return dict(await request.post())
    try:
        document = await request.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


async def _fail(request: web.Request, fault: PlannedFault) -> web.StreamResponse:
    if fault.mode == "reply":
        text = fault.text or _words(fault)
        return _error(fault.status, text, retry_after=fault.retry_after)
    if fault.mode == "hang":
        await asyncio.sleep(HANG_S)
    if request.transport is not None:
        request.transport.abort()
    return _error(500, "Internal Server Error: connection dropped")


def _words(fault: PlannedFault) -> str:
    reason = REASONS.get(fault.status, "Internal Server Error")
    if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        return f"{reason}: retry after {fault.retry_after or 1}"
    return f"{reason}: bot was blocked by the user" if fault.status == HTTPStatus.FORBIDDEN else reason


def _ok(result: Mapping[str, Any]) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(status: int, description: str, *, retry_after: int | None = None) -> web.Response:
    document: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    headers = {}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = retry_after or 1
        document["parameters"] = {"retry_after": seconds}
        headers["Retry-After"] = str(seconds)
    return web.json_response(document, status=status, headers=headers)
