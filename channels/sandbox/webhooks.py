"""Webhooks of the emulated providers, switched on one by one: in each provider's own words, with its own signature."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from channels.callbacks import facebook, sendgrid, zalo
from channels.contract import Secret
from channels.sandbox.callback import Callback, Post, Sent, Words
from channels.sandbox.control import read_json
from channels.sandbox.plan import Step
from rules.errors import InvalidInput
from rules.words import OutcomeType

REMEDY = 'Post {"provider": "zalo"|"facebook"|"sendgrid", "url": "http://...", "secret"?: "...", "app_id"?: "..."}.'
ACCOUNT_ID = "1"
"""The id of the Official Account and of the Page, as the other emulators give it."""
THANKS = "Cảm ơn!"
_MS = 1_000
_MAIL_EVENTS: Mapping[OutcomeType, str] = {
    OutcomeType.DELIVERED: "delivered",
    OutcomeType.READ: "open",
    OutcomeType.CLICKED: "click",
    OutcomeType.BOUNCED: "bounce",
    OutcomeType.COMPLAINED: "spamreport",
    OutcomeType.UNSUBSCRIBED: "unsubscribe",
}


@dataclass(frozen=True, slots=True)
class ZaloWords:
    url: str
    app_id: str
    secret: Secret

    def tell(self, sent: Sent, step: Step, *, at: float, number: int) -> dict[str, Any] | None:  # noqa: ARG002
        return _of_zalo(sent, step.type, number)

    def posts(self, told: Sequence[dict[str, Any]]) -> Sequence[Post]:
        return [self._post(event) for event in told]

    def _post(self, event: Mapping[str, Any]) -> Post:
        # The time is part of the mac, and an old callback is not believed, so it is the time of the post.
        timestamp = str(round(time.time() * _MS))
        body = _written({"app_id": self.app_id, "timestamp": timestamp, **event})
        mac = zalo.mac(self.app_id, body, timestamp, self.secret)
        return Post(self.url, body, {zalo.SIGNATURE_HEADER: f"mac={mac}"})


@dataclass(frozen=True, slots=True)
class FacebookWords:
    url: str
    secret: Secret

    def tell(self, sent: Sent, step: Step, *, at: float, number: int) -> dict[str, Any] | None:
        told = _of_page(sent, step.type, round(at * _MS), number)
        about = {"sender": {"id": sent.address}, "recipient": {"id": ACCOUNT_ID}, "timestamp": round(at * _MS)}
        return None if told is None else {**about, **told}

    def posts(self, told: Sequence[dict[str, Any]]) -> Sequence[Post]:
        return [self._post(event) for event in told]

    def _post(self, event: Mapping[str, Any]) -> Post:
        entry = {"id": ACCOUNT_ID, "time": event["timestamp"], "messaging": [event]}
        body = _written({"object": "page", "entry": [entry]})
        return Post(self.url, body, {facebook.SIGNATURE_HEADER: facebook.sign(self.secret, body)})


@dataclass(frozen=True, slots=True)
class SendGridWords:
    url: str
    key: ec.EllipticCurvePrivateKey

    @property
    def verification_key(self) -> str:
        """The public key as SendGrid's console shows it."""
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(public).decode()

    def tell(self, sent: Sent, step: Step, *, at: float, number: int) -> dict[str, Any] | None:
        name = _MAIL_EVENTS.get(step.type)
        if name is None:
            return None
        return {
            "email": sent.address,
            "timestamp": int(at),
            "event": name,
            "sg_event_id": f"sandbox-{number}",
            "sg_message_id": f"{sent.message_id}.recvd-sandbox",
            sendgrid.EVENT_ID_ARGUMENT: sent.event_id,
            **({"type": "bounce", "reason": "550 5.1.1 no such user"} if name == "bounce" else {}),
        }

    def posts(self, told: Sequence[dict[str, Any]]) -> Sequence[Post]:
        body, timestamp = _written(list(told)), str(int(time.time()))
        signature = self.key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        signed = {
            sendgrid.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
            sendgrid.TIMESTAMP_HEADER: timestamp,
        }
        return [Post(self.url, body, signed)]


class Webhooks:
    """`POST /_sandbox/webhooks`: what is entered on a provider's page for developers."""

    def __init__(self, callback: Callback) -> None:
        self._callback = callback

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/_sandbox/webhooks", self.switch_on)]

    async def switch_on(self, request: web.Request) -> web.Response:
        """Let a provider post to a URL; SendGrid's answer contains a newly made verification key."""
        given = await read_json(request)
        provider, words = _words(given if isinstance(given, Mapping) else {})
        self._callback.speak(provider, words)
        key = {"verification_key": words.verification_key} if isinstance(words, SendGridWords) else {}
        return web.json_response({"provider": provider, **key})


def _words(given: Mapping[str, Any]) -> tuple[str, Words]:
    provider, url, secret = (str(given.get(name, "")) for name in ("provider", "url", "secret"))
    if url.startswith(("http://", "https://")):
        if provider == "zalo" and secret and given.get("app_id"):
            return provider, ZaloWords(url, str(given["app_id"]), Secret(secret))
        if provider == "facebook" and secret:
            return provider, FacebookWords(url, Secret(secret))
        if provider == "sendgrid":
            return provider, SendGridWords(url, ec.generate_private_key(ec.SECP256R1()))
    raise InvalidInput("The webhook is wrong.", remedy=REMEDY)


def _of_zalo(sent: Sent, kind: OutcomeType, number: int) -> dict[str, Any] | None:
    person, account = {"id": sent.address}, {"id": ACCOUNT_ID}
    if kind is OutcomeType.DELIVERED:
        message = {"msg_id": sent.message_id}
        return {"event_name": "user_received_message", "sender": account, "recipient": person, "message": message}
    if kind is OutcomeType.READ:
        seen = {"msg_ids": [sent.message_id]}
        return {"event_name": "user_seen_message", "sender": person, "recipient": account, "message": seen}
    if kind is OutcomeType.REPLIED:
        message = {"msg_id": f"reply-{number}", "text": THANKS, "quote_msg_id": sent.message_id}
        return {"event_name": "user_send_text", "sender": person, "recipient": account, "message": message}
    if kind is OutcomeType.UNSUBSCRIBED:
        return {"event_name": "unfollow", "oa_id": ACCOUNT_ID, "follower": person}
    return None


def _of_page(sent: Sent, kind: OutcomeType, at_ms: int, number: int) -> dict[str, Any] | None:
    if kind is OutcomeType.DELIVERED:
        return {"delivery": {"mids": [sent.message_id], "watermark": at_ms}}
    if kind is OutcomeType.READ:
        return {"read": {"watermark": at_ms}}
    if kind is OutcomeType.REPLIED:
        return {"message": {"mid": f"m_reply_{number}", "text": THANKS, "reply_to": {"mid": sent.message_id}}}
    if kind is OutcomeType.CLICKED:
        return {"postback": {"mid": sent.message_id, "title": "Xem", "payload": "VIEW"}}
    return None


def _written(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
