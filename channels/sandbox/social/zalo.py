"""Zalo's APIs of an Official Account: consultation messages, template messages and the renewal of tokens.

The official words for errors are those of Zalo's table of codes; errors come with HTTP 200, as Zalo sends them.
"""

import json
import time
import unicodedata
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from channels import facts
from channels.sandbox.social.base import Arrival, Refused, Town, deliver, fields
from channels.sandbox.social.tokens import ACCESS, REFRESH, App, proof

OA = facts.load("zalo_oa")
INVALID_TOKEN = Refused("-216", "Access token is invalid")
ENDED_TOKEN = Refused("-220", "Access token has expired or been revoked")
GONE_PATHS = ("/v3.0/oa/message/transaction", "/v3.0/oa/message/promotion")


class ZaloApi:
    """One Official Account, whose people have all just written unless a control request says otherwise."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/v3.0/oa/message/cs", self.consultation),
            *(web.post(path, self.gone) for path in GONE_PATHS),
            web.post("/v3.0/oa/quota/message", self.quota),
            web.get("/v2.0/oa/getoa", self.account),
            web.post("/v4/oa/access_token", self.token),
        ]

    async def consultation(self, request: web.Request) -> web.StreamResponse:
        """`cs`: to people who were heard of within seven days."""
        try:
            self._admit(request)
            user_id, text = _consultation(await fields(request))
            self._check_window(user_id)
        except Refused as refused:
            return self._refused(refused)
        arrival = Arrival("zalo_oa", user_id, text)
        return await deliver(
            self._town,
            request,
            arrival,
            accepted=lambda: self._accepted(request, arrival),
            refused=lambda refused, status: self._refused(refused, status=status),
        )

    async def gone(self, _request: web.Request) -> web.Response:
        """The transaction and promotion messages that Zalo ended on 1 March 2026."""
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
        """The account itself: a call that shows whether a token is good."""
        try:
            self._admit(request)
        except Refused as refused:
            return self._refused(refused)
        return self._answer({"data": {"oaid": "1", "name": "Sandbox OA"}, "error": 0, "message": "Success"})

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Renew a token; a refresh token is for one use, and the pair before it ends with it."""
        given = await fields(request)
        fault = self._town.faults.take("zalo_oauth", address=str(given.get("app_id", "")))
        if fault is not None and fault.mode == "reply":
            return web.Response(status=fault.status, text=fault.text)
        app = self._town.tokens.app(str(given.get("app_id", "")))
        if app is None or app.kind != "zalo":
            return _oauth_error(-14002, "Invalid app id")
        if request.headers.get("secret_key", "") != app.app_secret:
            return _oauth_error(-14004, "Invalid secret key")
        if given.get("grant_type") != "refresh_token":
            return _oauth_error(-14001, "Invalid grant type")
        refresh = self._town.tokens.find(str(given.get("refresh_token", "")))
        if refresh is None or refresh.kind != REFRESH or refresh.app is not app or not refresh.is_live:
            if refresh is not None:
                refresh.refusals += 1
            return _oauth_error(-14014, "Invalid refresh token")
        refresh.uses += 1
        refresh.state = "used"
        return web.json_response(self.grant(app))

    def grant(self, app: App) -> dict[str, str]:
        """Issue a pair, as the consent of an account's administrator or a renewal does."""
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
        """Check the token, the proof and the requests of this minute; raises Refused."""
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


def _consultation(given: Mapping[str, Any]) -> tuple[str, str]:
    """Give user id and text of a message; raises Refused as Zalo does."""
    recipient, message = given.get("recipient"), given.get("message")
    user_id = recipient.get("user_id") if isinstance(recipient, Mapping) else None
    if not isinstance(user_id, str) or not user_id.isdigit():
        raise Refused("-201", "user_id is invalid")
    text = message.get("text") if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(text, str) or not text.strip():
        raise Refused("-201", "message is invalid")
    if len(unicodedata.normalize("NFC", text)) > OA.limit("text_characters"):
        raise Refused("-210", "Text must be less than 2000 characters")
    attachment = message.get("attachment")
    return user_id, text if attachment is None else f"{text}\n{json.dumps(attachment, ensure_ascii=False)}"


def _oauth_error(code: int, words: str) -> web.Response:
    document = {"error": code, "error_name": words, "error_reason": words, "error_description": words, "ref_doc": ""}
    return web.json_response(document)
