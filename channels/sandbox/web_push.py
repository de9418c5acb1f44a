"""A push service of the sandbox and a browser behind it, which reads what arrives; and PushAlert's REST API."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from channels import buttons, facts
from channels.jwt import P256_OCTETS, base64url, from_base64url, public_point
from channels.sandbox.callback import Sent
from channels.sandbox.failing import fail
from channels.sandbox.faults import Faults, PlannedFault
from channels.sandbox.record import Record

FACTS, PUSHALERT = facts.load("web_push"), facts.load("pushalert")
BODY_OCTETS = 4096
HEADER_OCTETS = 21
TOPIC = re.compile(rf"[A-Za-z0-9_-]{{0,{FACTS.limit('topic_characters')}}}")
VAPID_LIFE_S = 86_400
# The sandbox's browser belongs to nobody: its keys are derived from words that anybody can read.
_KEY = ec.derive_private_key(int.from_bytes(hashlib.sha256(b"leo sandbox browser").digest()) >> 1, ec.SECP256R1())
_AUTH = hashlib.sha256(b"leo sandbox auth").digest()[:16]
# Mozilla's numbers and wording (autopush), unless others are planned.
WORDS: Mapping[int, tuple[int, str, str]] = {
    400: (110, "Bad Request", "Invalid crypto keys specified"),
    401: (109, "Unauthorized", "Request did not validate: missing authorization header"),
    403: (109, "Forbidden", "Request did not validate"),
    404: (102, "Not Found", "Request did not validate: invalid token"),
    410: (103, "Gone", "Endpoint has expired. Do not send messages to this endpoint."),
    413: (104, "Payload Too Large", "This message is intended for a constrained device and is limited in size"),
    429: (0, "Too Many Requests", "Too many requests"),
    503: (201, "Service Unavailable", "Please retry later"),
}


class WebPushApi:
    """Accepts messages for any endpoint; only those encrypted for the sandbox's browser can be shown."""

    def __init__(self, record: Record, faults: Faults, *, on_message: Callable[[Sent], None]) -> None:
        self._record = record
        self._faults = faults
        self._on_message = on_message
        self._number = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/push/{endpoint:.+}", self.take),
            web.get("/_sandbox/web-push/subscription", self.subscribe),
            web.post("/pushalert/rest/v1/send", self.take_form),
        ]

    async def subscribe(self, request: web.Request) -> web.Response:
        """`GET /_sandbox/web-push/subscription`: what the sandbox's browser gives to a site."""
        endpoint = f"http://{request.host}/push/browser"
        return web.json_response({"endpoint": endpoint, "expirationTime": None, "keys": keys()})

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /push/<endpoint>`, where the endpoint may be another service's, percent-encoded."""
        body = await request.read()
        endpoint, origin = _place(request)
        if (wrong := _wrong(request, body, origin)) is not None:
            return _error(wrong)
        fault = self._faults.take("web_push", address=endpoint)
        if fault is not None and not fault.keep:
            return await fail(request, fault, _planned)
        shown = _read(body)
        event_id = request.headers.get("X-LEO-Delivery") or shown.get("id")
        title = shown.get("title")
        pressed = buttons.written(shown.get("buttons"))
        self._keep(event_id, endpoint, None if title is None else str(title), str(shown.get("body", "")), pressed)
        if fault is not None:
            return await fail(request, fault, _planned)
        place = f"http://{request.host}/message/{self._number}"
        return web.Response(status=201, headers={"Location": place, "TTL": request.headers["TTL"]})

    async def take_form(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /pushalert/rest/v1/send`."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not request.headers.get("Authorization", "").startswith("api_key="):
            return web.json_response({"success": False, "msg": "Invalid API Key"}, status=401)
        if missing := [name for name in ("title", "message", "url") if not form.get(name)]:
            return web.json_response({"success": False, "msg": f"{missing[0]} is required"})
        pressed = [one for name in ("action1", "action2") for one in buttons.written(form.get(name))]
        long = [name for name in ("title", "message") if len(form[name]) > PUSHALERT.limit(f"{name}_characters")]
        long += ["action title" for one in pressed if len(one["title"]) > PUSHALERT.limit("button_title_characters")]
        if long:
            return web.json_response({"success": False, "msg": f"{long[0]} is too long"})
        address = form.get("subscriber", "")
        fault = self._faults.take("web_push", address=address)
        if fault is not None and not fault.keep:
            return await fail(request, fault, _planned_form)
        self._keep(request.headers.get("X-LEO-Delivery"), address, form["title"], form["message"], pressed)
        if fault is not None:
            return await fail(request, fault, _planned_form)
        return web.json_response({"success": True, "id": self._number})

    def _keep(
        self,
        event_id: str | None,
        address: str,
        subject: str | None,
        text: str,
        pressed: Sequence[Mapping[str, str]],
    ) -> None:
        self._number += 1
        self._record.add(
            event_id=event_id, channel="web_push", address=address, subject=subject, text=text, buttons=pressed
        )
        if event_id is not None:
            self._on_message(Sent(event_id, "web_push", address))


def keys() -> dict[str, str]:
    """Give the public half of the browser's keys."""
    return {"p256dh": public_point(_KEY), "auth": base64url(_AUTH)}


def _place(request: web.Request) -> tuple[str, str]:
    """Give the intended endpoint and the origin that a VAPID token must be for."""
    given = request.match_info["endpoint"]
    if given.startswith("https://"):
        return given, f"https://{urlsplit(given).netloc}"
    own = f"http://{request.host}"
    return f"{own}/push/{given}", own


def _wrong(request: web.Request, body: bytes, origin: str) -> int | None:
    """Give the status of what a push service would refuse, in the order in which it checks."""
    if not request.headers.get("TTL", "").isdigit():
        return 400
    if (status := _unsigned(request.headers.get("Authorization", ""), origin)) is not None:
        return status
    if body and request.headers.get("Content-Encoding") != "aes128gcm":
        return 400
    if TOPIC.fullmatch(request.headers.get("Topic", "")) is None:
        return 400
    return 413 if len(body) > BODY_OCTETS else None


def _unsigned(authorization: str, origin: str) -> int | None:
    """Check a VAPID token with the key next to it: 401 if it is missing, 403 if it is wrong."""
    kind, _, rest = authorization.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(",") if "=" in part)
    if kind.lower() != "vapid" or not {"t", "k"} <= parts.keys():
        return 401
    signed, _, signature = parts["t"].rpartition(".")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(parts["k"]))
        octets = from_base64url(signature)
        r, s = int.from_bytes(octets[:P256_OCTETS]), int.from_bytes(octets[P256_OCTETS:])
        key.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
        claims = json.loads(from_base64url(signed.partition(".")[2]))
    except (ValueError, InvalidSignature):
        return 403
    expires = claims.get("exp") if isinstance(claims, Mapping) else None
    is_timely = isinstance(expires, int | float) and 0 < expires - time.time() <= VAPID_LIFE_S
    is_ours = claims.get("aud") == origin and str(claims.get("sub", "")).startswith(("mailto:", "https:"))
    return None if is_timely and is_ours else 403


def _read(body: bytes) -> Mapping[str, Any]:
    """Read what was encrypted for the sandbox's browser; nobody can read what is meant for another browser."""
    try:
        plain = _decrypt(body)
    except (InvalidTag, ValueError):
        return {"body": f"({len(body)} octets that only the person's browser can read)"}
    text = plain.decode("utf-8", "replace")
    try:
        shown = json.loads(text)
    except ValueError:
        return {"body": text}
    return shown if isinstance(shown, Mapping) else {"body": text}


def _decrypt(body: bytes) -> bytes:
    """Read one record of aes128gcm (RFC 8188) under the keys of RFC 8291; raises InvalidTag or ValueError."""
    if len(body) < HEADER_OCTETS:
        raise ValueError("too short")
    salt, key_octets = body[:16], body[20]
    sender, sealed = body[21 : 21 + key_octets], body[21 + key_octets :]
    there = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    receiver = from_base64url(public_point(_KEY))
    shared = _derived(_AUTH, _KEY.exchange(ec.ECDH(), there), b"WebPush: info\0" + receiver + sender, 32)
    key = _derived(salt, shared, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(salt, shared, b"Content-Encoding: nonce\0", 12)
    return AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0").removesuffix(b"\2")


def _derived(salt: bytes, secret: bytes, info: bytes, octets: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=octets, salt=salt, info=info).derive(secret)


def _planned(fault: PlannedFault) -> web.Response:
    return _error(fault.status, fault.text)


def _planned_form(fault: PlannedFault) -> web.Response:
    return web.json_response({"success": False, "msg": fault.text or "Something went wrong"}, status=fault.status)


def _error(status: int, message: str = "") -> web.Response:
    number, error, words = WORDS.get(status, (999, "Error", "Unknown error"))
    document = {"code": status, "errno": number, "error": error, "message": message or words}
    return web.json_response(document, status=status)
