"""The Graph API of a Page: the Send API with its windows, tokens that are exchanged and derived, real errors."""

import json
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from channels import facts
from channels.sandbox.social import buttons
from channels.sandbox.social.base import Arrival, Refused, Town, deliver, fields
from channels.sandbox.social.tokens import ACCESS, USER, App, Token, proof

FACTS = facts.load("facebook")
PARSE_ERROR = Refused("190", "Invalid OAuth access token - Cannot parse access token")
EXPIRED = Refused(
    "190/463", "Error validating access token: Session has expired. The current time is after the expiry time."
)
REVOKED = Refused("190/460", "Error validating access token: The session has been invalidated.")
OUTSIDE = Refused("10/2018278", "(#10) This message is sent outside of allowed window.")
BAD_REQUEST = 400
SHORT_LIFE_S = 3600.0


class GraphApi:
    """Any Page; all its people have just written, unless a control request says otherwise."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get(r"/{version:v\d+\.\d}/oauth/access_token", self.exchange),
            web.get(r"/{version:v\d+\.\d}/debug_token", self.debug),
            web.get(r"/{version:v\d+\.\d}/{owner}/accounts", self.accounts),
            web.post(r"/{version:v\d+\.\d}/{page}/messages", self.messages),
            web.get(r"/{version:v\d+\.\d}/{page:\d+}{end:/?}", self.page),
        ]

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """The Send API; the form may be JSON, a form or the query, and its objects JSON in a form."""
        given = {name: _parsed(value) for name, value in (await fields(request)).items()}
        try:
            self._admit(request, given)
            psid, text, pressed = _message(given)
            self._check_kind(psid, given)
        except Refused as refused:
            return _refused(refused)

        arrival = Arrival("facebook", psid, text, pressed)

        def accepted() -> web.Response:
            message_id = f"m_{self._town.next_number():024x}"
            self._town.told_later(request, arrival, "facebook", message_id)
            return web.json_response({"recipient_id": psid, "message_id": message_id})

        return await deliver(self._town, request, arrival, accepted=accepted, refused=_refused)

    async def page(self, request: web.Request) -> web.Response:
        """The Page's own name: a call that shows whether a token is valid."""
        try:
            self._admit(request, await fields(request))
        except Refused as refused:
            return _refused(refused)
        return web.json_response({"id": request.match_info["page"], "name": "Sandbox Page"})

    async def debug(self, request: web.Request) -> web.Response:
        """What is known of a token, asked with an application's own."""
        given = await fields(request)
        app = self._app_of(_bearer(request, given))
        token = self._town.tokens.find(str(given.get("input_token", "")))
        if app is None:
            return _refused(PARSE_ERROR)
        if token is None or token.app is not app:
            error = {"code": 190, "message": "Invalid OAuth access token."}
            return web.json_response({"data": {"is_valid": False, "error": error, "scopes": []}})
        document: dict[str, Any] = {
            "app_id": app.app_id,
            "type": "PAGE" if token.kind == ACCESS else "USER",
            "application": "Sandbox",
            "expires_at": round(token.ends_at) if token.ends_at else 0,
            "is_valid": token.is_live,
            "issued_at": round(token.issued_at),
            "scopes": ["pages_messaging"],
        }
        if not token.is_live:
            code, _, subcode = _ended(token).code.partition("/")
            document["error"] = {"code": int(code), "subcode": int(subcode), "message": _ended(token).text}
        return web.json_response({"data": document})

    async def exchange(self, request: web.Request) -> web.Response:
        """A short-lived user token for a long-lived one; an expired one cannot be exchanged."""
        given = await fields(request)
        app = self._town.tokens.app(str(given.get("client_id", "")))
        if app is None or given.get("client_secret") != app.app_secret:
            return _refused(Refused("1", "Error validating client secret."))
        if given.get("grant_type") != "fb_exchange_token":
            return _refused(Refused("100", "(#100) Invalid grant_type"))
        token = self._town.tokens.find(str(given.get("fb_exchange_token", "")))
        if token is None or token.app is not app or token.kind != USER:
            return _refused(PARSE_ERROR)
        if not token.is_live:
            token.refusals += 1
            return _refused(_ended(token))
        token.uses += 1
        longer = self._town.tokens.issue(app, USER, life_s=app.life_s)
        document = {"access_token": longer.value, "token_type": "bearer", "expires_in": round(app.life_s)}
        return web.json_response(document)

    async def accounts(self, request: web.Request) -> web.Response:
        """The Pages of the user token's owner, each with its token: without an end if the user's is long-lived."""
        given = await fields(request)
        try:
            token = self._admit(request, given)
        except Refused as refused:
            return _refused(refused)
        if token is None or token.kind != USER:
            return web.json_response({"data": []})
        page = self._page_token(token)
        entry = {"id": token.app.page_id, "name": "Sandbox Page", "access_token": page.value, "tasks": ["MESSAGING"]}
        return web.json_response({"data": [entry]})

    def grant(self, app: App) -> dict[str, str]:
        """Give what the login of a Page's administrator gives: a user token for an hour and the Page's own."""
        user = self._town.tokens.issue(app, USER, life_s=min(SHORT_LIFE_S, app.life_s))
        return {"user_token": user.value, "access_token": self._page_token(user).value}

    def _page_token(self, user: Token) -> Token:
        is_long = user.ends_at is None or user.ends_at - user.issued_at > SHORT_LIFE_S
        page = self._town.tokens.issue(user.app, ACCESS, life_s=None if is_long else SHORT_LIFE_S)
        page.parent = user
        return page

    def _app_of(self, value: str) -> App | None:
        """Read an application's own token, "<id>|<secret>"."""
        app_id, _, app_secret = value.partition("|")
        app = self._town.tokens.app(app_id)
        return app if app is not None and app.app_secret == app_secret else None

    def _admit(self, request: web.Request, given: Mapping[str, Any]) -> Token | None:
        value = _bearer(request, given)
        if not value:
            raise Refused("104", "An access token is required to request this resource.")
        found = self._town.tokens.find(value)
        ended = PARSE_ERROR if found is None else _ended(found)
        token = self._town.check_token("facebook", value, invalid=PARSE_ERROR, ended=ended)
        made = str(given.get("appsecret_proof", ""))
        if token is not None and made and made != proof(token.app.app_secret, value):
            raise Refused("100", "Invalid appsecret_proof provided in the API argument")
        return token

    def _check_kind(self, psid: str, given: Mapping[str, Any]) -> None:
        kind = FACTS.kinds.get(str(given.get("messaging_type", "")))
        if kind is None:
            raise Refused("100", "(#100) Param messaging_type is invalid")
        if kind.tag and given.get("tag") != kind.tag:
            raise Refused("100", "(#100) Param tag must be one of {HUMAN_AGENT}")
        has_template = isinstance(given.get("message"), Mapping) and "template" in given["message"]
        if kind.name == "UTILITY" and not has_template:
            raise Refused("100", "(#100) A utility message needs a template")
        if kind.window_hours and not self._town.windows.is_open("facebook", psid, hours=kind.window_hours):
            raise OUTSIDE


def _message(given: Mapping[str, Any]) -> tuple[str, str, tuple[Mapping[str, str], ...]]:
    """Give id, text and buttons; raises Refused."""
    recipient, message = given.get("recipient"), given.get("message")
    psid = str(recipient.get("id", "")) if isinstance(recipient, Mapping) else ""
    if not psid:
        raise Refused("100", "(#100) Param recipient must be non-empty.")
    if not isinstance(message, Mapping) or not message:
        raise Refused("100", "(#100) Param message must be non-empty.")
    if psid == "0":
        raise Refused("100/2018001", "(#100) No matching user found")
    if (pressed := buttons.of_template(message)) is not None:
        return psid, *pressed
    text = message.get("text")
    if text is None:
        return psid, json.dumps(message, ensure_ascii=False), ()
    if not isinstance(text, str) or not text.strip():
        raise Refused("100", "(#100) Param message[text] must be non-empty.")
    most = FACTS.limit("text_characters")
    if len(text) > most:
        raise Refused("100", f"(#100) Length of param message[text] must be less than or equal to {most}")
    return psid, text, buttons.of_quick_replies(message)


def _ended(token: Token) -> Refused:
    is_expired = token.state == "live" and token.ends_at is not None and token.ends_at <= time.time()
    return EXPIRED if is_expired else REVOKED


def _bearer(request: web.Request, given: Mapping[str, Any]) -> str:
    header = request.headers.get("Authorization", "")
    return str(given.get("access_token") or header.removeprefix("Bearer "))


def _parsed(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _refused(refused: Refused, status: int = BAD_REQUEST) -> web.Response:
    code, _, subcode = refused.code.partition("/")
    error: dict[str, Any] = {"message": refused.text, "type": "OAuthException", "code": int(code)}
    if subcode:
        error["error_subcode"] = int(subcode)
    return web.json_response({"error": {**error, "fbtrace_id": "Sandbox"}}, status=status)
