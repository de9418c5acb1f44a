"""Firebase Cloud Messaging of the sandbox: `messages:send` with FCM's checks and error documents."""

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from channels import buttons, facts
from channels.sandbox.callback import Sent
from channels.sandbox.control import read_json
from channels.sandbox.failing import fail
from channels.sandbox.faults import Faults, PlannedFault
from channels.sandbox.google import GoogleAccounts
from channels.sandbox.record import Record
from rules.errors import InvalidInput

FACTS = facts.load("fcm")
TOKEN = re.compile(r"[A-Za-z0-9_:.%=-]+")
RESERVED = re.compile(r"from|gcm.*|google.*")
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
NO_TOKEN = "The registration token is not a valid FCM registration token"  # noqa: S105 - FCM's words
UNAUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
# What FCM says where nobody plans other words: the code of the API, that of FCM, and the sentence.
WORDS: Mapping[int, tuple[str, str, str]] = {
    400: ("INVALID_ARGUMENT", "INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "", UNAUTHENTICATED),
    403: ("PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch"),
    404: ("NOT_FOUND", "UNREGISTERED", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Quota exceeded for quota metric 'Send requests'."),
    500: ("INTERNAL", "INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable."),
}


class Refused(Exception):
    """A message that FCM refuses: the sentence, and the field where it is a field's fault."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class FcmApi:
    """A project whose devices are all there, but for those a fault names."""

    def __init__(
        self, record: Record, faults: Faults, accounts: GoogleAccounts, *, on_message: Callable[[Sent], None]
    ) -> None:
        self._record = record
        self._faults = faults
        self._accounts = accounts
        self._on_message = on_message
        self._number = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.post(r"/v1/projects/{project}/messages:send", self.send)]

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /v1/projects/<project>/messages:send`."""
        kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not self._accounts.is_known(bearer):
            return _error(401)
        try:
            message, is_dry = _message(await read_json(request))
        except InvalidInput:
            return _error(400, "Invalid JSON payload received.", fcm_code="")
        except Refused as refused:
            return _error(400, str(refused), field=refused.field)
        token = str(message.get("token") or message["fid"])
        fault = self._faults.take("app_push", address=token)
        if fault is not None and not fault.keep:
            return await fail(request, fault, _planned)
        name = self._name(request.match_info["project"])
        if not is_dry:
            self._keep(message, token, name)
        if fault is not None:
            return await fail(request, fault, _planned)
        return web.json_response({"name": name})

    def _name(self, project: str) -> str:
        self._number += 1
        return f"projects/{project}/messages/0:{time.time_ns() // 1000}%{self._number:08x}"

    def _keep(self, message: Mapping[str, Any], token: str, name: str) -> None:
        notification = _object(message.get("notification"))
        data = _object(message.get("data"))
        event_id = data.get("leo_delivery")
        self._record.add(
            event_id=event_id,
            channel="app_push",
            address=token,
            subject=notification.get("title"),
            text=str(notification.get("body", "")),
            buttons=buttons.written(data.get("leo_buttons")),
        )
        if event_id is not None:
            self._on_message(Sent(event_id, "app_push", token, name.split("/")[1]))


def _message(document: Any) -> tuple[Mapping[str, Any], bool]:
    """Give the message and whether it is only checked; raises Refused with FCM's sentence."""
    body = _object(document)
    message = _object(body.get("message"))
    named = [name for name in ("token", "topic", "condition", "fid") if message.get(name)]
    if len(named) != 1:
        raise Refused("Recipient of the message is not set.")
    if named[0] in ("topic", "condition"):
        raise Refused("The sandbox sends to single devices only.", f"message.{named[0]}")
    if not isinstance(message[named[0]], str) or TOKEN.fullmatch(message[named[0]]) is None:
        raise Refused(NO_TOKEN)
    _check_data(message.get("data"))
    payload = [message.get("notification") or {}, message.get("data") or {}]
    if len(json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")) > FACTS.limit("payload_octets"):
        raise Refused("Android message is too big")
    return message, body.get("validate_only") is True


def _check_data(data: Any) -> None:
    for name, value in _object(data).items():
        if not isinstance(value, str):
            raise Refused(f"Invalid value at 'message.data[0].value' (TYPE_STRING), {value}", "message.data[0].value")
        if RESERVED.fullmatch(name):
            raise Refused(f"Invalid data payload key: {name}", "message.data")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _planned(fault: PlannedFault) -> web.Response:
    """Write a planned answer; a text that is one word in capitals is the errorCode."""
    if re.fullmatch(r"[A-Z_]+", fault.text):
        return _error(fault.status, fcm_code=fault.text)
    return _error(fault.status, fault.text or None)


def _error(status: int, message: str | None = None, *, fcm_code: str | None = None, field: str = "") -> web.Response:
    known = WORDS.get(status, ("UNKNOWN", "", "Unknown error."))
    code = known[1] if fcm_code is None else fcm_code
    details: list[Mapping[str, Any]] = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    if field:
        details = [{"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": message}]}]
    error = {"code": status, "message": message or known[2], "status": known[0], "details": details}
    return web.json_response({"error": error}, status=status)
