"""Zalo's APIs of an Official Account: consultation messages, template messages and the renewal of tokens.

The wording of errors is that of Zalo's table of codes; errors come with HTTP 200, as Zalo sends them.
"""

import base64
import hashlib
import hmac
import json
import time
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from channels import facts
from channels.sandbox.social import buttons
from channels.sandbox.social.base import Arrival, Refused, Town, deliver, fields
from channels.sandbox.social.tokens import ACCESS, CODE, REFRESH, App, proof

OA = facts.load("zalo_oa")
INVALID_TOKEN = Refused("-216", "Access token is invalid")
ENDED_TOKEN = Refused("-220", "Access token has expired or been revoked")
GONE_PATHS = ("/v3.0/oa/message/transaction", "/v3.0/oa/message/promotion")


class ZaloApi:
    """One Official Account; all its people have just written, unless a control request says otherwise."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/v3.0/oa/message/cs", self.consultation),
            *(web.post(path, self.gone) for path in GONE_PATHS),
            web.post("/v3.0/oa/quota/message", self.quota),
            web.get("/v2.0/oa/getoa", self.account),
            web.get("/v4/oa/permission", self.permission),
            web.post("/v4/oa/access_token", self.token),
        ]

    async def consultation(self, request: web.Request) -> web.StreamResponse:
        """`cs`: to people who were heard of within seven days."""
        try:
            self._admit(request)
            user_id, text, pressed = _consultation(await fields(request))
            self._check_window(user_id)
        except Refused as refused:
            return self._refused(refused)
        arrival = Arrival("zalo_oa", user_id, text, pressed)
        return await deliver(
            self._town,
            request,
            arrival,
            accepted=lambda: self._accepted(request, arrival),
            refused=lambda refused, status: self._refused(refused, status=status),
        )

    async def gone(self, _request: web.Request) -> web.Response:
        """The transaction and promotion messages that Zalo discontinued on 1 March 2026."""
        return self._refused(Refused("-240", "This API has been shut down"))

    async def quota(self, request: web.Request) -> web.Response:
        """When a person was last heard of."""
        try:
            self._admit(request)
        except Refused as refused:
            return self._refused(refused)
        user_id = str((await fields(request)).get("user_id", ""))
        last = self._town.windows.last("zalo_oa", user_id)
        data = {"last_interaction": "" if last is None else str(round(last * 1000))}
        return self._answer({"data": data, "error": 0, "message": "Success"})

    async def account(self, request: web.Request) -> web.Response:
        """The account itself: a call that shows whether a token is valid."""
        try:
            self._admit(request)
        except Refused as refused:
            return self._refused(refused)
        return self._answer({"data": {"oaid": "1", "name": "Sandbox OA"}, "error": 0, "message": "Success"})

    async def permission(self, request: web.Request) -> web.StreamResponse:
        """The page of consent, where everybody consents at once: it redirects with a code valid for ten minutes."""
        app = self._town.tokens.app(request.query.get("app_id", ""))
        if app is None or app.kind != "zalo":
            return _oauth_error(-14002, "Invalid app id")
        target = request.query.get("redirect_uri", "")
        if not target.startswith(("http://", "https://")):
            return _oauth_error(-14003, "Invalid redirect uri")
        challenge = request.query.get("code_challenge", "")
        code = self._town.tokens.issue(app, CODE, life_s=float(OA.limit("authorization_code_s")), challenge=challenge)
        told = {"code": code.value, "oa_id": "1"}
        if "state" in request.query:
            told["state"] = request.query["state"]
        raise web.HTTPFound(f"{target}{'&' if '?' in target else '?'}{urlencode(told)}")

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Give the pair for a consent's code, or renew one; each is for one use, and ends the pair before."""
        given = await fields(request)
        fault = self._town.faults.take("zalo_oauth", address=str(given.get("app_id", "")))
        if fault is not None and fault.mode == "reply":
            return web.Response(status=fault.status, text=fault.text)
        app = self._town.tokens.app(str(given.get("app_id", "")))
        if app is None or app.kind != "zalo":
            return _oauth_error(-14002, "Invalid app id")
        if request.headers.get("secret_key", "") != app.app_secret:
            return _oauth_error(-14004, "Invalid secret key")
        grants = {"refresh_token": (REFRESH, "refresh_token"), "authorization_code": (CODE, "code")}
        asked = grants.get(str(given.get("grant_type", "")))
        if asked is None:
            return _oauth_error(-14001, "Invalid grant type")
        kind, name = asked
        token = self._town.tokens.find(str(given.get(name, "")))
        is_good = token is not None and token.kind == kind and token.app is app and token.is_live
        if token is None or not is_good or (kind == CODE and not _is_verified(token.challenge, given)):
            if token is not None:
                token.refusals += 1
            return _oauth_error(-14014, f"Invalid {name.replace('_', ' ')}")
        token.uses += 1
        token.state = "used"
        return web.json_response(self.grant(app))

    def grant(self, app: App) -> dict[str, str]:
        """Issue a pair, after an administrator's consent or a renewal."""
        tokens = self._town.tokens
        tokens.replace(app, ACCESS)
        access = tokens.issue(app, ACCESS, life_s=app.life_s)
        refresh = tokens.issue(app, REFRESH, life_s=float(OA.limit("refresh_token_s")))
        # Zalo writes the seconds as text.
        return {
            "access_token": access.value,
            "refresh_token": refresh.value,
            "expires_in": f"{app.life_s:g}",
        }

    def _check_window(self, user_id: str) -> None:
        if not self._town.windows.is_open("zalo_oa", user_id, hours=OA.kinds["consultation"].window_hours or 0):
            raise Refused("-230", "User has not interacted with the OA in the past 7 days")

    def _admit(self, request: web.Request) -> None:
        """Check the token, the proof and this minute's number of requests; raises Refused."""
        value = request.headers.get("access_token", "")
        token = self._town.check_token("zalo", value, invalid=INVALID_TOKEN, ended=ENDED_TOKEN)
        given = request.headers.get("appsecret_proof")
        if token is not None and given is not None and given != proof(token.app.app_secret, value):
            raise Refused("-242", "Invalid appsecret_proof provided in the API argument")
        if self._town.minutes.count("zalo") > OA.limit("requests_per_minute"):
            raise Refused("-32", "Your application has reached its request limit per minute")

    def _accepted(self, request: web.Request, arrival: Arrival) -> web.Response:
        now_ms = str(round(time.time() * 1000))
        message_id = f"{self._town.next_number():032x}"
        self._town.told_later(request, arrival, "zalo", message_id)
        data = {"message_id": message_id, "user_id": arrival.address, "sent_time": now_ms}
        return self._answer({"data": data, "error": 0, "message": "Success"})

    def _refused(self, refused: Refused, *, status: int = 200) -> web.Response:
        return self._answer({"error": int(refused.code), "message": refused.text}, status=status)

    def _answer(self, document: Mapping[str, Any], *, status: int = 200) -> web.Response:
        limit = OA.limit("requests_per_minute")
        headers = {"X-RateLimit-Limit": str(limit)}
        return web.json_response(document, status=status, headers=headers)


def _consultation(given: Mapping[str, Any]) -> tuple[str, str, buttons.Pressed]:
    """Give user id, text and buttons of a message; raises Refused as Zalo does."""
    recipient, message = given.get("recipient"), given.get("message")
    user_id = recipient.get("user_id") if isinstance(recipient, Mapping) else None
    if not isinstance(user_id, str) or not user_id.isdigit():
        raise Refused("-201", "user_id is invalid")
    text = message.get("text") if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(text, str) or not text.strip():
        raise Refused("-201", "message is invalid")
    if len(unicodedata.normalize("NFC", text)) > OA.limit("text_characters"):
        raise Refused("-210", "Text must be less than 2000 characters")
    pressed, attachment = buttons.of_zalo(message), message.get("attachment")
    shown = text if attachment is None or pressed else f"{text}\n{json.dumps(attachment, ensure_ascii=False)}"
    return user_id, shown, pressed


def _is_verified(challenge: str, given: Mapping[str, Any]) -> bool:
    """Compare the verifier with the challenge (PKCE, S256)."""
    verifier = str(given.get("code_verifier", ""))
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return len(verifier) == OA.limit("code_verifier_characters") and hmac.compare_digest(digest, challenge)


def _oauth_error(code: int, words: str) -> web.Response:
    document = {"error": code, "error_name": words, "error_reason": words, "error_description": words, "ref_doc": ""}
    return web.json_response(document)
