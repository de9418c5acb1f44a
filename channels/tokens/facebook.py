"""Facebook's tokens: checked with `debug_token`; a user's is exchanged for a longer one, the Page's derived from it.

There is no refresh token. A Page's token from a long-lived user token does not expire by itself, but it dies with a
changed password, a removed app or a lost role; as long as the user's lives, another can be had.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from channels import facts
from channels.contract import MayHaveLeft, NeverLeft, Secret
from channels.documents import document, part, text_of, whole_number
from channels.egress import Egress
from channels.http import HttpClient
from channels.tokens import GrantEnded, Keeper, Kept, TryAgain
from rules.faults import Fault, Value

FACTS = facts.load("facebook")
GRAPH = "https://graph.facebook.com"
VERSION = "v25.0"
CONNECT_S, TOTAL_S = 2.0, 6.0
WARN = timedelta(days=7)
LOOK_EVERY = timedelta(days=1)
REMEDY = "Log in to Facebook as an administrator of the Page again, and connect the channel with the new token."


@dataclass(frozen=True, slots=True)
class _Known:
    """What Facebook says about a token; `ends_at` None: never."""

    is_valid: bool
    ends_at: datetime | None
    why: str


class _Graph:
    """The Graph API, for one check."""

    def __init__(self, settings: Mapping[str, Any], egress: Egress) -> None:
        base = str(settings.get("base_url") or GRAPH).rstrip("/")
        self._url = f"{base}/{settings.get('api_version') or VERSION}"
        self._app_id, self._app_secret = str(settings["app_id"]), str(settings["app_secret"])
        self._http = HttpClient(egress=egress, connections=1, connect_timeout_s=CONNECT_S, total_timeout_s=TOTAL_S)

    async def debug(self, token: str) -> _Known:
        told = await self._get("debug_token", {"input_token": token}, bearer=f"{self._app_id}|{self._app_secret}")
        data = part(told, "data")
        seconds = whole_number(data.get("expires_at"))
        error = part(data, "error")
        code = text_of(error, "code") + (f"/{error['subcode']}" if error.get("subcode") else "")
        return _Known(
            is_valid=data.get("is_valid") is True,
            ends_at=datetime.fromtimestamp(seconds, UTC) if seconds and seconds > 0 else None,
            why=f"{code} {text_of(error, 'message')[:200]}".strip() or "it is not valid",
        )

    async def exchange(self, token: str) -> str:
        """Give a user token that lives about 60 days."""
        query = {
            "grant_type": "fb_exchange_token",
            "client_id": self._app_id,
            "client_secret": self._app_secret,
            "fb_exchange_token": token,
        }
        return text_of(await self._get("oauth/access_token", query, bearer=""), "access_token")

    async def page_token(self, user_token: str, page_id: str) -> str:
        told = await self._get("me/accounts", {}, bearer=user_token)
        pages = told.get("data")
        found = [one for one in pages if isinstance(one, dict)] if isinstance(pages, list) else []
        return next((text_of(one, "access_token") for one in found if text_of(one, "id") == page_id), "")

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _get(self, path: str, query: Mapping[str, str], *, bearer: str) -> Mapping[str, Any]:
        """Ask once; raises TryAgain, or GrantEnded with Facebook's code and words."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            answer = await self._http.get(f"{self._url}/{path}?{urlencode(query)}", headers)
        except (NeverLeft, MayHaveLeft) as error:
            raise _later("unreachable", said=error.cause) from error
        told = document(answer)
        body = told if isinstance(told, Mapping) else {}
        if answer.status == HTTPStatus.OK and body:
            return body
        told_error = part(body, "error")
        code, subcode = whole_number(told_error.get("code")), text_of(told_error, "error_subcode")
        known = None if code is None else FACTS.classify(code=code, enhanced=subcode, stage="graph")
        if code is None or (known is not None and known.klass in {"rate_limited", "provider_down"}):
            raise _later("silent", status=answer.status, said=str(code))
        words = f"{code}{'/' if subcode else ''}{subcode} {text_of(told_error, 'message')[:200]}"
        raise _ended("refuses", said=words.rstrip(". "))


async def keep(settings: Mapping[str, Any], now: datetime, egress: Egress) -> Kept:
    """Check the Page's token and the user's; renew what is about to end, and warn if that is not possible."""
    graph = _Graph(settings, egress)
    try:
        return await _keep(graph, settings, now)
    finally:
        await graph.aclose()


async def _keep(graph: _Graph, settings: Mapping[str, Any], now: datetime) -> Kept:
    token, user_token = str(settings.get("access_token") or ""), str(settings.get("user_token") or "")
    page = await graph.debug(token) if token else _Known(is_valid=False, ends_at=None, why="there is none yet")
    user = await graph.debug(user_token) if user_token else None
    if page.is_valid and not _ends_soon(page.ends_at, now) and not (user and _ends_soon(user.ends_at, now)):
        return Kept(ends_at=page.ends_at, look_at=now + LOOK_EVERY)
    if user is not None and user.is_valid:
        return await _renew(graph, settings, now)
    if not page.is_valid:
        raise _ended("refuses_page", said=page.why.rstrip(". "))
    if page.ends_at is None:
        return Kept(look_at=now + LOOK_EVERY)  # The user's has ended, but a Page's without an end still works.
    fault = Fault("token.facebook_ends", "token", {"at": f"{page.ends_at:%Y-%m-%d %H:%M}"})
    return Kept(
        ends_at=page.ends_at,
        look_at=min(now + LOOK_EVERY, page.ends_at),
        warning=f"{fault.say().en} {REMEDY}",
        fault=fault,
    )


async def _renew(graph: _Graph, settings: Mapping[str, Any], now: datetime) -> Kept:
    user_token = await graph.exchange(str(settings["user_token"]))
    page_token = await graph.page_token(user_token, str(settings["page_id"]))
    if not user_token or not page_token:
        raise _ended("no_page", page=str(settings["page_id"]))
    known = await graph.debug(page_token)
    secrets = {"user_token": Secret(user_token), "access_token": Secret(page_token)}
    return Kept(secrets=secrets, ends_at=known.ends_at, look_at=now + LOOK_EVERY)


def _ended(kind: str, **values: Value) -> GrantEnded:
    fault = Fault(f"token.facebook_{kind}", "token", values)
    return GrantEnded(fault.say().en, remedy=REMEDY, fault=fault)


def _later(kind: str, **values: Value) -> TryAgain:
    fault = Fault(f"token.facebook_{kind}", "token", values)
    return TryAgain(fault.say().en, remedy="It is tried again by itself.", fault=fault)


def _ends_soon(ends_at: datetime | None, now: datetime) -> bool:
    return ends_at is not None and ends_at - now < WARN


def _first_look(_settings: Mapping[str, Any], now: datetime) -> datetime:
    return now


FACEBOOK = Keeper(
    keep=keep,
    needs=("app_id", "app_secret", "page_id"),
    shared_by=("app_id", "user_token"),
    first_look=_first_look,
)
